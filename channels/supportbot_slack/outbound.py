"""Answers on their way to Slack: posted once, whatever breaks.

Slack has no idempotency key. So every post carries a mark, an unclear one is looked for before anything is
posted again, and what was begun while it was being written is finished by an update, which harms nobody
twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

import structlog

from supportbot.errors import Refused, RetryAfter, SendUnseen, Unclear
from supportbot.messages import Sent
from supportbot_slack.address import Address
from supportbot_slack.api import Declined, Lost, NotReached, RateLimited, SlackError
from supportbot_slack.blocks import body_blocks, closing_blocks
from supportbot_slack.direct import DirectMessages
from supportbot_slack.find import Standing, look
from supportbot_slack.handoffs import withdrawn_content
from supportbot_slack.links import Links
from supportbot_slack.markdown import safe, split
from supportbot_slack.marker import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.changes import Withdrawn
    from supportbot.host import CountCut
    from supportbot.messages import Notice, Outbound
    from supportbot_slack.api import SlackApi
    from supportbot_slack.config import SlackConfig
    from supportbot_slack.handoffs import Notices
    from supportbot_slack.limits import Limits
    from supportbot_slack.marker import Marker
    from supportbot_slack.streaming import Streams
    from supportbot_slack.workspaces import Workspace, Workspaces

_USUAL, _CAREFUL = 11_000, 3_000
"""Characters of one part: below the 12,000 of ``markdown`` blocks; the second once Slack says too long."""
_LONGEST_UPDATE = 3_900
"""Characters of the plain ``text`` of an update; the blocks hold all of it.
https://docs.slack.dev/reference/methods/chat.update#errors: ``msg_too_long`` begins at 4,000."""
_NO_WORDS = "(no words)"
_WAIT_BETWEEN_PARTS = 5.0
"""Seconds that the second part of an answer waits for Slack's rate limit before it is tried anew."""
_MOST_UNFINISHED = 1_000
_PARKED = 300.0
"""Seconds between two looks whether a workspace has a token again."""
_AT_ONCE = 1.0
_BACK = 60.0
"""Seconds before a notice was planned from which on it is looked for: Slack's clock is not ours."""
_REVOKED = frozenset(
    {
        "token_revoked",
        "token_expired",
        "invalid_auth",
        "account_inactive",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "access_denied",
        "ekm_access_denied",
    }
)
"""The workspace's token is of no use: its deliveries wait for another one."""
_TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long", "text_too_long"})
_BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_arguments", "block_mismatch"})
_CANNOT_UPDATE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_CANNOT_LOOK = frozenset({"missing_scope", "not_in_channel", "channel_not_found", "not_allowed_token_type"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a delivery goes, or went."""

    delivery_id: str
    address: Address
    workspace: Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post(_Place):
    """One delivery, and where it goes."""

    outbound: Outbound


class Outgoing:
    """Posts answers, and looks for those whose fate is unclear."""

    def __init__(
        self,
        config: SlackConfig,
        api: SlackApi,
        workspaces: Workspaces,
        marker: Marker,
        *,
        limits: Limits,
        streams: Streams | None,
        notices: Notices,
        links_cut: CountCut,
    ) -> None:
        self._direct = DirectMessages(api.call)
        self._unfinished: OrderedDict[str, Standing] = OrderedDict()
        self._config = config
        self._api = api
        self._workspaces = workspaces
        self._marker = marker
        self._limits = limits
        self._links = Links(config.link_hosts)
        self._streams = streams
        self._notices = notices
        self._links_cut = links_cut

    async def send(self, outbound: Outbound) -> Sent:
        """Post a reply, or finish the one that is being shown; or tell the team what it is to know.

        Raises:
            Refused: Slack will never take it.
            RetryAfter: Slack did not take it, and may later.
            Unclear: nobody knows.
        """
        post = await self._post(outbound)
        standing = Standing()
        try:
            if outbound.notice is not None:
                return await self._tell(post, outbound.notice)
            standing = await self._standing(post)
            return await self._put(post, standing)
        except SlackError as error:
            self._keep(outbound.turn_id, standing)
            await self._explain(post, error)

    async def update(self, outbound: Outbound) -> Sent:
        """Make the post that tells the team of a customer say how it stands now.

        A post that somebody deleted tells nobody anything: then there is nothing to do. Raises as ``send``.
        """
        notice = outbound.notice
        assert notice is not None
        post = await self._post(outbound)
        try:
            await self._change(post, notice.standing, await self._notices.content(outbound, notice))
        except SlackError as error:
            await self._explain(post, error)
        return Sent(external_id=notice.standing)

    async def withdraw(self, withdrawn: Withdrawn) -> None:
        """Make the post that told the team of a customer say that the conversation was deleted, and no more.

        Of one that somebody deleted there is nothing left to do. Raises as ``send``.
        """
        place = await self._place(withdrawn.delivery_id, Address.read(withdrawn.address))
        try:
            await self._change(place, withdrawn.external_id, withdrawn_content(withdrawn))
        except SlackError as error:
            await self._explain(place, error)

    async def _change(self, place: _Place, receipt: str, words: Mapping[str, Any]) -> None:
        """Make a post for the team say something else, if it is there."""
        _, _, ts = receipt.partition("/")
        content = self._marked(place, Mark(place.delivery_id, 1, 1)) | dict(words) | {"ts": ts}
        try:
            await self._call(place, "chat.update", content)
        except Declined as error:
            if error.code != "message_not_found":
                raise

    async def find(self, outbound: Outbound) -> Sent | None:
        """Look whether all of a reply stands in Slack.

        Raises:
            SendUnseen: it may not be looked for, and bot.yaml says to post it again (``on_unclear``).
            DeliveryError: it cannot be looked for now.
        """
        post = await self._post(outbound)
        marked = outbound.turn_id if outbound.notice is None else outbound.delivery_id
        try:
            standing = await look(self._api, post.workspace, self._marker, post.address, marked)
        except Declined as error:
            if error.code in _CANNOT_LOOK and self._config.on_unclear == "resend":
                raise SendUnseen(cause=error.cause) from error
            await self._explain(post, error)
        except SlackError as error:
            await self._explain(post, error)
        return _sent(post.address, standing.parts[1]) if standing.is_whole else None

    async def _post(self, outbound: Outbound) -> _Post:
        address = Address.read(outbound.address)
        if outbound.notice is not None:
            address = replace(address, ts=f"{outbound.created_at / 1000 - _BACK:.6f}")
        place = await self._place(outbound.delivery_id, address)
        return _Post(
            delivery_id=place.delivery_id,
            address=place.address,
            workspace=place.workspace,
            outbound=outbound,
        )

    async def _place(self, delivery_id: str, address: Address) -> _Place:
        """Return where a delivery goes: with a token, and with the conversation of a direct message."""
        try:
            workspace = await self._workspaces.get(address.team, address.enterprise)
        except RateLimited as error:
            raise RetryAfter(seconds=error.seconds, cause=error.cause) from error
        except SlackError as error:
            raise RetryAfter(cause=error.cause) from error
        if workspace is None:
            raise RetryAfter(seconds=_PARKED, cause="the app has no working token for this workspace")
        place = _Place(delivery_id=delivery_id, address=address, workspace=workspace)
        try:
            channel = await self._direct.channel(workspace, address.channel)
        except SlackError as error:
            await self._explain(place, error)
        return replace(place, address=replace(address, channel=channel))

    async def _tell(self, post: _Post, notice: Notice) -> Sent:
        """Post what the team is told: one part, with a mark of its own, since its turn's is on the reply."""
        words = await self._notices.content(post.outbound, notice)
        content = self._marked(post, Mark(post.outbound.delivery_id, 1, 1)) | words
        return _sent(post.address, await self._new(post, content, unfurl=False))

    async def _standing(self, post: _Post) -> Standing:
        """Return what of it may stand there already; asks Slack only where something may."""
        turn, unseen = post.outbound.turn_id, post.outbound.attempt > 1
        begun = None
        kept = self._unfinished.pop(turn, None)
        if kept is not None and not unseen:
            return kept
        if self._streams is not None:
            shown = await self._streams.take(turn)
            if shown is not None and not shown.unclear:
                return Standing(begun=shown.ts, shows=shown.text, streaming=shown.streaming)
            unseen = unseen or shown is not None
            begun = await self._streams.begun(turn, surely=unseen)
        if not unseen and begun is None:
            return Standing()
        try:
            return await look(self._api, post.workspace, self._marker, post.address, turn, begun=begun)
        except Declined as error:
            if error.code in _CANNOT_LOOK:
                return Standing()
            raise

    def _keep(self, turn: str, standing: Standing) -> None:
        """Remember a post that was begun and could not be finished now: the next try goes on with it."""
        if standing.begun:
            self._unfinished[turn] = standing
            if len(self._unfinished) > _MOST_UNFINISHED:
                self._unfinished.popitem(last=False)

    async def _put(self, post: _Post, standing: Standing) -> Sent:
        """Put all parts that do not stand there yet; from one that Slack finds too long on, smaller ones."""
        sources = [citation.source for citation in post.outbound.citations]
        text = self._links.cut(post.outbound.text, sources=sources)
        is_cut = text != post.outbound.text
        if is_cut:
            log.warning("slack.links_cut", delivery=post.outbound.delivery_id)
        usual = split(safe(text), _USUAL)
        parts, is_careful = _divided(usual, standing)
        placed = {number: ts for number, ts in standing.parts.items() if number <= len(parts)}
        while (number := _first_missing(placed)) <= len(parts):
            content = self._content(post, parts[number - 1], Mark(post.outbound.turn_id, number, len(parts)))
            begun = standing if number == 1 and standing.begun else None
            try:
                placed[number] = await self._put_part(post, content, begun, alone=not placed)
            except Declined as error:
                if is_careful and placed:
                    raise Lost(error.cause) from error
                if is_careful or error.code not in _TOO_LONG:
                    raise
                parts, is_careful = _smaller(usual, number), True
        if is_cut:
            self._links_cut(self._links.count(post.outbound.text, sources=sources))
        return _sent(post.address, placed[1])

    async def _put_part(
        self, post: _Post, content: dict[str, Any], begun: Standing | None, *, alone: bool
    ) -> str:
        """Put one part where it belongs.

        Once another stands there (not ``alone``), no refusal is plain, except that the part is too long: the
        core must look before it goes on.
        """
        try:
            if begun is not None and await self._finish(post, content, begun):
                return begun.begun
            return await self._new(post, content, unfurl=self._config.unfurl)
        except SlackError as error:
            if alone or (isinstance(error, Declined) and error.code in _TOO_LONG):
                raise
            if not isinstance(error, RateLimited) or error.seconds > _WAIT_BETWEEN_PARTS:
                raise Lost(error.cause) from error
            await asyncio.sleep(error.seconds)
        return await self._put_part(post, content, begun, alone=False)

    async def _finish(self, post: _Post, content: dict[str, Any], begun: Standing) -> bool:
        """Make a post that was begun right; says whether that can be done.

        A stream that shows the answer's beginning needs no more than its end. Otherwise it is ended as it is,
        and the post is updated.
        """
        if begun.streaming and await self._end_stream(post, content, begun):
            return True
        try:
            short = {"ts": begun.begun, "text": content["text"][:_LONGEST_UPDATE]}
            await self._call(post, "chat.update", content | short)
        except Declined as error:
            if error.code == "streaming_state_conflict":
                raise Lost(error.cause) from error
            if error.code not in _CANNOT_UPDATE:
                raise
            return False
        return True

    async def _end_stream(self, post: _Post, content: dict[str, Any], begun: Standing) -> bool:
        """End a stream; says whether the post is right by that. If not, its mark says so."""
        body, *closing = content["blocks"] or [{}]
        text = body.get("text", "")
        fits = bool(begun.shows) and text.startswith(begun.shows)
        end = {"channel": content["channel"], "ts": begun.begun}
        if fits:
            rest = {"markdown_text": text[len(begun.shows) :]} if text != begun.shows else {}
            end |= {"metadata": content["metadata"], "blocks": closing} | rest
        else:
            unfinished = Mark(post.outbound.turn_id, 1, 0)
            end["metadata"] = self._marker.metadata(unfinished, post.address.place)
        try:
            await self._call(post, "chat.stopStream", end)
        except Declined:
            return False
        finally:
            begun.shows = ""  # whatever came of it: what is there now is right only once it is updated
        begun.streaming = False
        return fits

    async def _new(self, post: _Post, content: dict[str, Any], *, unfurl: bool) -> str:
        address = post.address
        where = {"thread_ts": address.thread} if address.thread else {}
        more = {"unfurl_links": unfurl, "unfurl_media": unfurl}
        answer = await self._call(post, "chat.postMessage", content | where | more)
        ts = answer.get("ts")
        if not isinstance(ts, str):
            raise Lost("Slack named no timestamp")
        return ts

    async def _call(self, post: _Place, method: str, content: dict[str, Any]) -> dict[str, Any]:
        """Make a call, within the channel's rate; as plain text once where Slack takes no blocks."""
        key = (post.delivery_id, post.address.team, method, post.address.channel)
        wait = self._limits.wait(*key)
        if wait > 0:
            raise RateLimited(wait)
        token = post.workspace.bot_token
        try:
            try:
                return await self._api.call(token, method, content)
            except Declined as error:
                if error.code not in _BAD_BLOCKS or "blocks" not in content:
                    raise
                log.warning("slack.blocks_refused", error=error.code, delivery=post.delivery_id)
                plain = {name: value for name, value in content.items() if name != "blocks"}
                return await self._api.call(token, method, plain)
        except RateLimited as error:
            raise RateLimited(self._limits.refused(error.seconds, *key)) from error

    def _content(self, post: _Post, part: str, mark: Mark) -> dict[str, Any]:
        outbound, config = post.outbound, self._config
        blocks = body_blocks(part)
        if mark.part == mark.of:
            blocks += closing_blocks(outbound, feedback=config.feedback, person=config.talk_to_a_person)
        text = part.replace("<", "&lt;").replace(">", "&gt;") or _NO_WORDS
        return self._marked(post, mark) | {"text": text, "blocks": blocks}

    def _marked(self, post: _Place, mark: Mark) -> dict[str, Any]:
        """Return what every post has beside its words."""
        return {
            "channel": post.address.channel,
            "parse": "none",
            "link_names": False,
            "metadata": self._marker.metadata(mark, post.address.place, delivery=post.delivery_id),
        }

    async def _explain(self, post: _Place, error: SlackError) -> NoReturn:
        """Say in the core's words what became of a call."""
        match error:
            case RateLimited(seconds=seconds):
                raise RetryAfter(seconds=seconds, cause=error.cause) from error
            case NotReached():
                raise RetryAfter(cause=error.cause) from error
            case Declined(code=code) if code in _REVOKED:
                await self._workspaces.disable(post.address.team, code, post.address.enterprise)
                pause = _AT_ONCE if await self._has_another_token(post) else _PARKED
                raise RetryAfter(seconds=pause, cause=error.cause) from error
            case Declined():
                raise Refused(cause=error.cause) from error
            case _:
                raise Unclear(cause=error.cause) from error

    async def _has_another_token(self, post: _Place) -> bool:
        """Whether the workspace has a token by now that was not refused: a new one, or another process's."""
        try:
            here = await self._workspaces.get(post.address.team, post.address.enterprise)
        except SlackError:
            return False
        return here is not None and here.bot_token != post.workspace.bot_token


def _divided(usual: list[str], standing: Standing) -> tuple[list[str], bool]:
    """Return the parts of an answer as those that stand there were cut, and whether some are smaller ones.

    The marks tell: each says of how many its part is, and that number changed where the smaller ones begin.
    """
    changed = [number for number, of in standing.of_each.items() if of != len(usual)]
    return (_smaller(usual, min(changed)), True) if changed else (usual, False)


def _smaller(usual: list[str], begin: int) -> list[str]:
    """Return the parts with those from number ``begin`` on cut smaller."""
    return usual[: begin - 1] + [piece for part in usual[begin - 1 :] for piece in split(part, _CAREFUL)]


def _first_missing(placed: Mapping[int, str]) -> int:
    return next(number for number in count(1) if number not in placed)


def _sent(address: Address, ts: str) -> Sent:
    return Sent(external_id=f"{address.channel}/{ts}")
