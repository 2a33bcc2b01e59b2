"""Which mails may be answered without a person: machines that do not say so get one answer in a thread."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from supportbot.messages import Citation, Outbound
from supportbot.testing.host import MemoryRecords
from supportbot_email.config import Limits
from supportbot_email.guard import (
    Earlier,
    Facts,
    alike,
    correspondent_of,
    reason_to_draft,
    sketch_of,
    topic_of,
)
from supportbot_email.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
NOW = 1_795_000_000_000


def facts(**changes: object) -> Facts:
    known = Facts(
        sender="anna@customer.test",
        subject="Re: My parcel",
        received_at=NOW,
        verified=True,
        named=("dlv_1",),
        sketch=sketch_of("It is the blue one that I ordered last week."),
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def earlier(**changes: object) -> Earlier:
    known = Earlier(
        delivery="dlv_1",
        conversation="thread",
        at=NOW - 5 * MINUTE,
        subject="My parcel",
        sketch=sketch_of("Where is my parcel? I have been waiting for it."),
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def reply(address: dict[str, Any]) -> Outbound:
    return Outbound(
        delivery_id="dlv_1", conversation_id="conv", message_id="msg", turn_id="turn", tenant="default",
        channel="support", external_id="thread", address=address, text="…", seq=2, model="llama",
    )  # fmt: skip


def reason(asked: Facts, *before: Earlier, conversation: str = "thread") -> str:
    return reason_to_draft(asked, conversation, before, now=NOW, thread_per_hour=4)


def test_a_person_is_answered_again() -> None:
    """They name our mail, took their time, and say something else."""
    assert "" == reason(facts(named=()))
    assert "" == reason(facts(), earlier())


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (facts(no_reply=True), "no_reply"),
        (facts(verified=False), "unverified"),
        (facts(received_at=NOW - 5 * MINUTE + 30 * SECOND), "too_fast"),
        (facts(from_bot=True), "another_bot"),
        (facts(named=()), "not_a_reply"),
        (facts(named=("dlv_other",)), "not_a_reply"),
        (facts(sender="support@other.test"), "role_address"),
        (facts(sender="tickets+4711@other.test"), "role_address"),
        (facts(subject="[Ticket#2026112] Re: My parcel"), "ticket_number"),
        (facts(sketch=sketch_of("Where is my parcel? I have been waiting for it.")), "repeats_itself"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_second_answer_needs_a_sign_of_a_person(asked: Facts, why: str) -> None:
    """Each sign of a machine is enough for a draft, and each has its name."""
    assert why == reason(asked, earlier())


@pytest.mark.parametrize(
    ("changes", "goes"),
    [
        ({"model": "llama"}, True),
        ({"model": "knowledge", "citations": (Citation(title="T", source="t.md", quote="…"),)}, True),
        ({"model": "knowledge", "handoff": "customer_asked"}, True),
        ({"model": "knowledge"}, False),
        ({"model": ""}, False),
    ],
    ids=["written", "quoted", "handed over", "not known", "fixed"],
)
async def test_nobody_gets_an_automatic_mail_that_says_nothing(
    changes: dict[str, Any], *, goes: bool
) -> None:
    """That no answer was found is for the team to read, and to write one; that a person was asked is news."""
    outbound = reply({"to": "anna@customer.test", "facts": facts(named=()).to_json()}).evolve(**changes)
    assert goes == await Pace(MemoryRecords(), Limits()).may_send(outbound)


def test_a_stripped_thread_is_still_that_thread() -> None:
    """Without In-Reply-To a mail begins a conversation of its own: its subject tells where it belongs."""
    for subject in (
        "Re: My parcel",
        "AW: WG: my parcel",
        "[T-4711] My parcel",
        "Received: My parcel (#4711)",
    ):
        asked = facts(named=(), subject=subject)
        assert "not_a_reply" == reason(asked, earlier(), conversation="another")
    assert "" == reason(facts(named=(), subject="My invoice"), earlier(), conversation="another")


def test_a_new_question_right_after_an_answer_waits_for_a_person() -> None:
    """It may be a machine's answer to ours, under a subject of its own."""
    soon = facts(named=(), subject="We got your mail", received_at=NOW - 5 * MINUTE + SECOND)
    assert "too_fast" == reason(soon, earlier(), conversation="another")


@pytest.mark.parametrize(("mails", "minutes"), [(10, 10), (15, 30), (25, 60), (50, 180), (100, 600)])
def test_a_correspondent_gets_so_many_and_no_more(mails: int, minutes: int) -> None:
    """Zammad's table, whatever the threads."""
    before = [
        earlier(
            delivery=f"dlv_{n}",
            conversation=f"c{n}",
            subject=f"Topic {chr(97 + n % 26) * (n // 26 + 6)}",
            sketch=(n,),
            at=NOW - (minutes * MINUTE - SECOND) + n,
        )
        for n in range(mails)
    ]
    asked = facts(named=(), subject="Something else", received_at=NOW + HOUR)
    assert "correspondent_limit" == reason(asked, *before, conversation="new")
    assert "" == reason(asked, *[replace(one, at=one.at - 10 * HOUR) for one in before], conversation="new")


def test_a_thread_gets_so_many_an_hour_and_no_more() -> None:
    """Also when each mail looks like a person's."""
    before = [earlier(delivery=f"dlv_{n}", at=NOW - (50 - n) * MINUTE, sketch=(n,)) for n in range(4)]
    assert "thread_limit" == reason(facts(), *before)
    assert "not_a_reply" == reason(facts(named=()), *before[1:])


def test_a_correspondent_is_who_they_are_however_they_write_their_address() -> None:
    """An address made up for one ticket is no new correspondent."""
    same = ("Tickets@Other.test", "tickets+4711@other.test", "tickets+ab12@other.test")
    assert {"tickets@other.test"} == set(map(correspondent_of, same))
    assert correspondent_of("ticket-10001@o.test") == correspondent_of("ticket-10002@o.test")
    assert correspondent_of("anna1@mail.test") != correspondent_of("anna2@mail.test")


def test_texts_of_one_template_are_alike() -> None:
    """Numbers and a name may differ; two people's words do not look alike."""
    template = (
        "Dear {}, thank you for your mail. Your request was received under the number {} and will be handled."
    )
    assert alike(sketch_of(template.format("Fern", 1)), sketch_of(template.format("Ivy", 2)))
    assert not alike(sketch_of("Where is my parcel?"), sketch_of("How do I return the shoes?"))
    assert not alike(sketch_of(""), sketch_of(""))


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    """Subjects and words are strangers'."""
    topic_of(text)
    correspondent_of(text)
    assert len(sketch_of(text)) <= 24
    assert not alike(sketch_of(text), ()) or not sketch_of(text)


# -- machines over time --------------------------------------------------------------------------


class Mailbox:
    """The bot's side of a correspondence: what it answers by itself."""

    def __init__(self, **limits: int) -> None:
        self.pace = Pace(MemoryRecords(), Limits(**limits))
        self.sent: list[str] = []
        self._numbers = count(1)

    async def gets(self, asked: Facts, conversation: str) -> bool:
        """Take a mail; says whether it was answered without a person."""
        outbound = Outbound(
            delivery_id=f"dlv_{next(self._numbers)}",
            conversation_id="conv",
            message_id="msg",
            turn_id="turn",
            model="llama",
            tenant="default",
            channel="support",
            external_id=conversation,
            address={"to": asked.sender, "facts": asked.to_json()},
            text="…",
            seq=2,
        )
        sent = await self.pace.may_send(outbound)
        if sent:
            self.sent.append(outbound.delivery_id)
        return sent


def _ticket(sender: str, subject: str, text: str, named: tuple[str, ...]) -> Callable[[int, int], Facts]:
    def mail(number: int, now: int) -> Facts:
        words = sketch_of(text.format(number))
        return facts(
            sender=sender, subject=subject.format(number), sketch=words, named=named, received_at=now
        )

    return mail


ACKNOWLEDGED = "Hello, we got your mail and opened the ticket {} for it. Somebody will be with you soon."


@pytest.mark.parametrize("after", [1.0, 45.0, 300.0, 3600.0, 86_400.0], ids=lambda s: f"{s:.0f} s")
@pytest.mark.parametrize(
    "machine",
    [
        _ticket("tickets@other.test", "Re: My parcel", ACKNOWLEDGED, ()),
        _ticket("alice@other.test", "Re: My parcel", ACKNOWLEDGED, ()),
        _ticket("alice@other.test", "[T#{}] Re: My parcel", ACKNOWLEDGED, ()),
        _ticket("alice@other.test", "[T#{}] Re: My parcel", ACKNOWLEDGED, ("dlv_1", "dlv_2")),
        _ticket("support@other.test", "Re: My parcel", ACKNOWLEDGED, ("dlv_1", "dlv_2")),
        _ticket("t+{}@other.test", "Received: My parcel", ACKNOWLEDGED, ()),
    ],
    ids=["stripped", "stripped, a person's address", "numbered", "numbered reply", "role reply", "renamed"],
)
async def test_a_machine_gets_one_automatic_mail(machine: Callable[[int, int], Facts], after: float) -> None:
    """It mails us, and acknowledges whatever it gets: one answer, however fast or slow it is."""
    box = Mailbox()
    with time_machine.travel(NOW / 1000, tick=False) as clock:
        assert await box.gets(facts(sender=machine(0, 0).sender, subject="My parcel", named=()), "c0")
        for number in range(1, 40):
            clock.shift(after)
            mail = machine(number, int(NOW + 1000 * after * number))
            await box.gets(mail, f"c{number}" if not mail.named else "c0")
    assert 1 == len(box.sent)


async def test_what_was_decided_stays_so() -> None:
    """A retry neither sends what was left as a draft, nor counts what is sent twice."""
    records = MemoryRecords()
    pace = Pace(records, Limits(thread_per_hour=1))
    asked = facts(named=())
    outbound = reply({"to": asked.sender, "facts": asked.to_json()})
    assert [True, True] == [await pace.may_send(outbound) for _ in range(2)]
    second = outbound.evolve(delivery_id="dlv_2")
    assert [False, False] == [await pace.may_send(second) for _ in range(2)]
    reborn = Pace(records, Limits())
    assert [True, False] == [await reborn.may_send(one) for one in (outbound, second)]


async def test_the_whole_mailbox_has_its_limits() -> None:
    """An hour, and a day; what is left to people does not count."""
    with time_machine.travel(NOW / 1000, tick=False) as clock:
        box = Mailbox(per_hour=2, per_day=3)

        async def ask(number: int) -> bool:
            asked = facts(sender=f"{chr(97 + number) * 4}@c.test", named=(), sketch=(number,))
            return await box.gets(asked, f"c{number}")

        assert [True, True, False] == [await ask(n) for n in range(3)]
        clock.shift(3601)
        assert [True, False] == [await ask(n) for n in range(3, 5)]
        clock.shift(86_400)
        assert await ask(5)


async def test_what_nothing_is_known_of_is_a_draft() -> None:
    """It was read before the mailbox was to send, or by an earlier release."""
    pace = Pace(MemoryRecords(), Limits())
    outbound = reply({"to": "anna@customer.test"})
    assert not await pace.may_send(outbound)
