"""The automatic mails of a mailbox: how many, to whom, and whether one more may go.

A mail is written down before it is decided upon, so that of two processes that decide at the same time at
least one sees the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import structlog

from supportbot.authorship import is_fixed
from supportbot.ids import now_ms
from supportbot_email.guard import Earlier, Facts, correspondent_of, is_over, reason_to_draft

if TYPE_CHECKING:
    from supportbot.host import Records
    from supportbot.messages import Outbound
    from supportbot_email.config import Limits

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_THREAD = 90 * _DAY
"""Milliseconds for which an automatic mail counts as one of its thread."""

log = structlog.get_logger(__name__)


class Pace:
    """Decides for each reply, once, whether it is sent or left as a draft."""

    def __init__(self, records: Records, limits: Limits, *, unverified: bool = False) -> None:
        """Wire it.

        Args:
            records: where it remembers.
            limits: how many mails are sent without a person.
            unverified: also send to who may be somebody else.
        """
        self._records = records
        self._limits = limits
        self._unverified = unverified
        self._lock = asyncio.Lock()

    async def may_send(self, outbound: Outbound) -> bool:
        """Say whether a reply may be sent without a person. What was said once stays so.

        Otherwise a retry could send what lies in the Drafts folder already.
        """
        async with self._lock:
            decided = await self._records.get(_decision(outbound))
            if decided is None:
                decided = await self._decide(outbound)
                await self._records.put(_decision(outbound), decided, expires_at=now_ms() + _THREAD)
                if decided:
                    log.info("email.left_to_a_person", delivery=outbound.delivery_id, reason=decided)
            elif not decided:
                await self._count(outbound, _entry(outbound))  # sent now, and not when it was decided upon
            return not decided

    async def may_follow_up(self, outbound: Outbound, subject: str) -> bool:
        """Say whether a mail that nobody's mail asked for may be sent without a person."""
        mine = Earlier(
            delivery=outbound.delivery_id,
            conversation=outbound.external_id,
            at=now_ms(),
            subject=subject,
            sketch=(),
        )
        async with self._lock:
            decided = await self._records.get(_decision(outbound))
            if decided is None:
                decided = await self._limit_of(outbound, mine)
                await self._records.put(_decision(outbound), decided, expires_at=now_ms() + _THREAD)
                if decided:
                    log.info("email.left_to_a_person", delivery=outbound.delivery_id, reason=decided)
            return not decided

    async def _limit_of(self, outbound: Outbound, mine: Earlier) -> str:
        """Return which limit speaks against one more automatic mail; it counts if none does."""
        await self._count(outbound, mine)
        earlier = await self._earlier(outbound, mine)
        reason = (
            "correspondent_limit" if is_over(earlier, mine.at) else await self._reason_of_the_mailbox(mine)
        )
        if reason:
            await self._records.delete(f"{_prefix(outbound)}{mine.delivery}")
        return reason

    async def _earlier(self, outbound: Outbound, mine: Earlier) -> list[Earlier]:
        return [
            earlier_of(value)
            async for _, value in self._records.scan(_prefix(outbound))
            if value["delivery"] != mine.delivery
        ]

    async def _decide(self, outbound: Outbound) -> str:
        """Return why a reply must be a draft; empty when it may be sent, and then it counts."""
        known = outbound.address.get("facts")
        if known is None:  # read by an earlier release, or before the mailbox was to send
            return "nothing_known"
        if says_nothing(outbound):
            return "no_answer"
        facts, mine, prefix = Facts.from_json(known), _entry(outbound), _prefix(outbound)
        await self._count(outbound, mine)
        earlier = await self._earlier(outbound, mine)
        reason = reason_to_draft(
            facts,
            mine.conversation,
            earlier,
            now=mine.at,
            thread_per_hour=self._limits.thread_per_hour,
            unverified=self._unverified,
        ) or await self._reason_of_the_mailbox(mine)
        if reason:
            await self._records.delete(f"{prefix}{mine.delivery}")
        return reason

    async def _count(self, outbound: Outbound, mine: Earlier) -> None:
        key = f"{_prefix(outbound)}{mine.delivery}"
        await self._records.put(key, asdict(mine), expires_at=mine.at + _THREAD)

    async def _reason_of_the_mailbox(self, mine: Earlier) -> str:
        """Return which of the whole mailbox's limits is reached; counts the mail if none is."""
        key = f"pace:{mine.delivery}"
        await self._records.put(key, mine.at, expires_at=mine.at + _DAY)
        times = [at async for name, at in self._records.scan("pace:") if name != key]
        recent = sum(mine.at - at < _HOUR for at in times)
        if recent < self._limits.per_hour and len(times) < self._limits.per_day:
            return ""
        await self._records.delete(key)
        return "mailbox_limit"


def says_nothing(outbound: Outbound) -> bool:
    """Say whether a reply is a fixed text: that nothing was found or went wrong, or a question what is meant.

    That a person was asked is news to the customer, and so it is not meant here.
    """
    return is_fixed(outbound.model, cites=bool(outbound.citations)) and not outbound.handoff


def earlier_of(value: dict[str, Any]) -> Earlier:
    """Return an automatic mail as it was written down."""
    return Earlier(**{**value, "sketch": tuple(value["sketch"])})


def _entry(outbound: Outbound) -> Earlier:
    """Return a reply as an automatic mail that goes out now."""
    facts = Facts.from_json(outbound.address["facts"])
    return Earlier(
        delivery=outbound.delivery_id,
        conversation=outbound.external_id,
        at=now_ms(),
        subject=facts.subject,
        sketch=facts.sketch,
    )


def _prefix(outbound: Outbound) -> str:
    return prefix_of(str(outbound.address["to"]))


def prefix_of(address: str) -> str:
    """Return how the keys of the automatic mails to a correspondent begin."""
    who = correspondent_of(address)
    return f"auto:{sha256(who.encode('utf-8', 'replace')).hexdigest()[:32]}:"


def _decision(outbound: Outbound) -> str:
    return f"way:{outbound.delivery_id}"
