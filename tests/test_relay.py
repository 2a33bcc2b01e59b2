"""Events between processes: every kind arrives as it was, in order, and what is missed is told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson
import psycopg
import pytest
from structlog.testing import capture_logs

from supportbot.feed import Delta, Feed, Lagged, Outcome, Said, Settled, StateChanged, Typing
from supportbot.messages import Attachment, Choice, Citation, Message
from supportbot.relay import CHANNEL, Relay
from supportbot.store.notices import Notices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from supportbot.feed import Event, Subscription

REPLY = Message(
    id="msg_2",
    seq=2,
    author="bot",
    text="Grüße, 世界 🙂 \x01",
    created_at=5,
    turn_id="turn_1",
    choices=(Choice(label="Yes", says="yes please"),),
    citations=(Citation(title="Returns", source="knowledge/returns.md", quote="30 days"),),
)
QUESTION = Message(
    id="msg_1",
    seq=1,
    author="customer",
    text="?",
    created_at=4,
    state="pending",
    attachments=(Attachment(name="a.png", content_type="image/png", size=3, width=1, height=2),),
    contact_id="contact_1",
)
EVENTS: list[Event] = [
    Said(QUESTION),
    Typing("turn_1"),
    Delta("turn_1", 0, "Grüße"),
    Typing("turn_1", on=False),
    Said(REPLY, Outcome(("msg_1",), "answered", "bot")),
    Settled(("msg_1",), "dead", "ValueError"),
    StateChanged("human"),
    Lagged(),
]


class Process:
    """What a process has of it."""

    def __init__(self, url: str, name: str) -> None:
        self.feed = Feed()
        self.notices = Notices(url, CHANNEL)
        self.interrupted: list[str] = []
        self.passed_over: list[str] = []
        self.relay = Relay(
            self.feed,
            self.notices,
            owner=name,
            counts=self,
            interrupt=self.interrupted.append,
        )

    def notice_passed_over(self, of: str) -> None:
        self.passed_over.append(of)

    async def until_it_knows(self, others: int) -> None:
        await until(lambda: self.relay.peers() == others)


@asynccontextmanager
async def process(url: str, name: str) -> AsyncIterator[Process]:
    made = Process(url, name)
    await made.relay.start()
    try:
        yield made
    finally:
        await made.relay.stop()


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes that know each other."""
    async with process(url, "a") as a, process(url, "b") as b:
        await a.until_it_knows(1)
        await b.until_it_knows(1)
        yield a, b


async def heard(events: Subscription, count: int) -> list[Event]:
    async with asyncio.timeout(10):
        return [await anext(events) for _ in range(count)]


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - nothing else to wait for
            await asyncio.sleep(0.002)


async def server(url: str, sql: str) -> None:
    """Tell the server something, over another database: that one may be shut."""
    async with await psycopg.AsyncConnection.connect(
        url.replace("+psycopg", ""), dbname="postgres", autocommit=True
    ) as connection:
        await connection.execute(sql)  # type: ignore[arg-type]


@asynccontextmanager
async def cut_off(url: str, *processes: int) -> AsyncIterator[None]:
    """These of the server's processes end, and nobody gets a new connection to the database."""
    name = url.rsplit("/", 1)[1].split("?", maxsplit=1)[0]
    await server(url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    try:
        for process in processes:
            await server(url, f"SELECT pg_terminate_backend({process}, 5000)")
        yield
    finally:
        await server(url, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


async def test_every_event_arrives_as_it_was(postgres_database: str) -> None:
    """Whoever listens at another process hears the same, in the same order."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events, b.feed.listen("conv_2") as others:
            for event in EVENTS:
                a.feed.publish("conv_1", event)
            a.feed.publish("conv_2", Typing("turn_2"))
            assert EVENTS == await heard(events, len(EVENTS))
            assert [Typing("turn_2")] == await heard(others, 1)
        assert ["conv_1"] == b.interrupted, "a person speaks: whoever works on it here must stop"


async def test_a_process_does_not_hear_itself(postgres_database: str) -> None:
    """What happens here is told here once."""
    async with two(postgres_database) as (a, b):
        with a.feed.listen("conv_1") as here, b.feed.listen("conv_1") as there:
            a.feed.publish("conv_1", Typing("turn_1"))
            await heard(there, 1)
            b.feed.publish("conv_1", Typing("turn_2"))
            assert [Typing("turn_1"), Typing("turn_2")] == await heard(here, 2)


@pytest.mark.parametrize("word", ["ab ", "世界🙂", "\x01\x02"])
async def test_a_long_answer_arrives_whole(postgres_database: str, word: str) -> None:
    """More than fits into one notice, in words of any script."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events:
            a.feed.publish("conv_1", Typing("turn_1"))
            text = word * 7000
            for at in range(0, len(text), 100):
                a.feed.publish("conv_1", Delta("turn_1", at, text[at : at + 100]))
            a.feed.publish("conv_1", Said(REPLY))
            written = ""
            async with asyncio.timeout(10):
                async for event in events:
                    if isinstance(event, Delta):
                        assert len(written) == event.offset
                        written += event.text
                    elif isinstance(event, Said):
                        break
            assert text == written


async def test_what_is_too_long_to_be_told_is_to_be_read(postgres_database: str) -> None:
    """A message that fits into no notice is in the store: the listener is told to look there."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events:
            a.feed.publish("conv_1", Said(QUESTION.evolve(text="x" * 20_000)))
            assert [Lagged()] == await heard(events, 1)


async def test_a_reply_that_is_too_long_to_be_told_ends_the_writing(postgres_database: str) -> None:
    """Nobody may be shown for ever that the bot is writing what it has long said."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events:
            a.feed.publish("conv_1", Typing("turn_1"))
            a.feed.publish("conv_1", Delta("turn_1", 0, "xxx"))
            a.feed.publish("conv_1", Said(REPLY.evolve(text="x" * 20_000)))
            written = [Typing("turn_1"), Delta("turn_1", 0, "xxx")]
            assert [*written, Typing("turn_1", on=False), Lagged()] == await heard(events, 4)
        assert [] == b.feed.written()
        assert {} == b.relay._elsewhere


async def test_what_could_not_be_told_is_told_once_the_connection_is_back(postgres_database: str) -> None:
    """Without waiting for another event: until then, who listens would not know what is missing."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events:
            a.feed.publish("conv_1", Typing("turn_1"))
            assert [Typing("turn_1")] == await heard(events, 1)
            assert a.notices._sending is not None
            async with cut_off(postgres_database, a.notices._sending._pg.backend_pid):
                a.feed.publish("conv_1", Said(REPLY))
                a.feed.publish("conv_2", Typing("turn_2"))
                await until(lambda: a.relay._missed)
            assert [Typing("turn_1", on=False), Lagged()] == await heard(events, 2)
            await until(lambda: [("conv_2", "turn_2", "")] == b.feed.written())  # that one is being written


async def test_what_could_not_be_heard_is_not_waited_for(postgres_database: str) -> None:
    """A reply said while we heard nothing ends the writing all the same."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events:
            a.feed.publish("conv_1", Typing("turn_1"))
            a.feed.publish("conv_2", Typing("turn_2"))
            assert [Typing("turn_1")] == await heard(events, 1)
            assert b.notices._listening is not None
            async with cut_off(postgres_database, b.notices._listening.pgconn.backend_pid):
                a.feed.publish("conv_1", Said(REPLY))
                await until(lambda: not a.relay._waiting)
            assert [Typing("turn_1", on=False), Lagged()] == await heard(events, 2)
            await until(lambda: [("conv_2", "turn_2", "")] == b.feed.written())


async def test_a_newer_release_is_understood_as_far_as_it_goes(postgres_database: str) -> None:
    """During a rolling upgrade: what it tells more is passed over, what only it knows is to be read, and
    nothing it may say makes this process deaf."""
    async with process(postgres_database, "b") as b:
        with b.feed.listen("conv_1") as events:
            newer = [{"name": "a.png", "content_type": "image/png", "size": 3, "new": 1}]
            message = {name: getattr(REPLY, name) for name in Message.__dataclass_fields__} | {
                "attachments": newer,
                "citations": [{"title": "Returns", "source": "a.md", "new": 1}],
                "choices": [{"label": "Yes", "says": "yes please", "new": 1}],
                "new": [],
            }
            told = [
                ["conv_1", "said", message, [["msg_1"], "answered", "bot", "new"], "new"],
                ["conv_1", "typing", "turn_2", True, "new"],
                ["conv_1", "delta", "turn_2", 0, "x", "new"],
                ["conv_1", "settled", ["msg_1"], "dead", "why", "new"],
                ["conv_1", "state", "human", "new"],
                ["conv_1", "sung", "la la la"],
                ["conv_1", "said", {"words": "none we know"}, None],
                "nothing",
                ["conv_1", "typing", "turn_3", True],
            ]
            notices = [orjson.dumps({"from": "n+1", "new": {}, "events": [event]}).decode() for event in told]
            await b.notices.post(["{}", "[]", "no JSON", *notices])
            assert [
                Said(
                    REPLY.evolve(
                        attachments=(Attachment(name="a.png", content_type="image/png", size=3),),
                        citations=(Citation(title="Returns", source="a.md"),),
                    ),
                    Outcome(("msg_1",), "answered", "bot"),
                ),
                Typing("turn_2"),
                Delta("turn_2", 0, "x"),
                Settled(("msg_1",), "dead", "why"),
                StateChanged("human"),
                Lagged(),
                Lagged(),
                Typing("turn_3"),
            ] == await heard(events, 8)
        assert ["notice"] * 3 + ["event"] * 3 == b.passed_over


async def test_who_comes_later_hears_what_was_written_before(postgres_database: str) -> None:
    """A reader who comes back to a process that was just started sees the answer from its beginning."""
    async with process(postgres_database, "a") as a:
        a.feed.publish("conv_1", Typing("turn_1"))
        a.feed.publish("conv_1", Delta("turn_1", 0, "Good mor"))
        async with process(postgres_database, "b") as b:
            await a.until_it_knows(1)
            await b.until_it_knows(1)
            a.feed.publish("conv_1", Delta("turn_1", 8, "ning"))
            await until(lambda: [("conv_1", "turn_1", "Good morning")] == b.feed.written())
            with b.feed.listen("conv_1") as events:
                assert [Typing("turn_1"), Delta("turn_1", 0, "Good morning")] == await heard(events, 2)


async def test_what_a_process_was_writing_when_it_left_is_void(postgres_database: str) -> None:
    """Its last words may not have been heard, so whoever listens looks; half an answer does not stand."""
    async with process(postgres_database, "b") as b:
        with b.feed.listen("conv_1") as events:
            async with process(postgres_database, "a") as a:
                await a.until_it_knows(1)
                a.feed.publish("conv_1", Typing("turn_1"))
                await heard(events, 1)
            assert [Typing("turn_1", on=False), Lagged()] == await heard(events, 2)
        assert [] == b.feed.written()
        assert 0 == b.relay.peers()


async def test_a_process_that_fell_silent_is_gone(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, it says no goodbye; the others notice."""
    monkeypatch.setattr("supportbot.relay.relay._BEAT", 0.02)
    monkeypatch.setattr("supportbot.relay.relay._SILENT", 0.5)
    async with process(postgres_database, "b") as b:
        killed = Process(postgres_database, "a")
        await killed.relay.start()
        await killed.until_it_knows(1)
        with b.feed.listen("conv_1") as events:
            killed.feed.publish("conv_1", Typing("turn_1"))
            await heard(events, 1)
            for task in killed.relay._tasks:
                task.cancel()
            await killed.notices.stop()
            assert [Typing("turn_1", on=False), Lagged()] == await heard(events, 2)


async def test_a_broken_connection_is_told_and_mended(postgres_database: str) -> None:
    """The server was restarted: listeners are told to look, and hear again."""
    async with two(postgres_database) as (a, b):
        with b.feed.listen("conv_1") as events:
            a.feed.publish("conv_1", Typing("turn_1"))
            await heard(events, 1)
            async with await psycopg.AsyncConnection.connect(
                postgres_database.replace("+psycopg", ""), autocommit=True
            ) as other:
                await other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert [Typing("turn_1", on=False), Lagged()] == await heard(events, 2)
            async with asyncio.timeout(10):
                while True:  # a's own connection may not be back yet; what it cannot send it says it missed
                    a.feed.publish("conv_1", StateChanged("bot"))
                    if StateChanged("bot") in await heard(events, 1):
                        break


async def test_whatever_an_interruption_brings_about_listening_goes_on(postgres_database: str) -> None:
    """Who is told that it goes on may fail, once or always: the next interruption is noticed as well."""
    backs = 0
    heard: asyncio.Queue[str] = asyncio.Queue()

    def back() -> None:
        nonlocal backs
        backs += 1
        raise ValueError("a stranger's channel")

    notices = Notices(postgres_database, "anything")
    await notices.start(heard.put_nowait, back)
    with capture_logs() as logs:
        for interruption in (1, 2):
            notices.hang_up()
            await until(lambda expected=interruption: backs == expected)  # type: ignore[misc]
    assert await notices.post(["heard"])
    async with asyncio.timeout(10):
        assert "heard" == await heard.get()
    await notices.stop()
    assert ["notices.back_failed"] * 2 == [line["event"] for line in logs]


async def test_whatever_a_silent_process_brings_about_signs_of_life_go_on(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the others would think that this one is gone too."""
    monkeypatch.setattr("supportbot.relay.relay._BEAT", 0.02)
    monkeypatch.setattr("supportbot.relay.relay._SILENT", 0.5)

    def bad() -> None:
        raise ValueError("a stranger's channel")

    async with process(postgres_database, "b") as b:
        monkeypatch.setattr(b.feed, "lag", bad)
        b.relay._heard_at["killed"] = 0.0
        with capture_logs() as logs:
            await until(lambda: b.relay.peers() == 0)
            await until(lambda: any(line["event"] == "relay.beat_failed" for line in logs))
            async with process(postgres_database, "a") as a:
                await a.until_it_knows(1)


async def test_ears_are_spared_the_words_of_other_processes(postgres_database: str) -> None:
    """Slack shows an answer from the process that writes it; two would show it twice."""
    async with process(postgres_database, "a") as a, process(postgres_database, "b") as b:
        told: list[Event] = []
        stop = b.feed.hear("conv_1", told.append)
        with b.feed.listen("conv_1") as events:
            for event in (Typing("turn_1"), Delta("turn_1", 0, "x"), Said(REPLY)):
                a.feed.publish("conv_1", event)
            await heard(events, 3)
        stop()
        assert [Said(REPLY)] == told


async def test_a_process_that_is_alone_tells_nobody(postgres_database: str) -> None:
    """Without others there is nothing to send."""
    async with process(postgres_database, "a") as a:
        a.relay._alone_from = 0.0
        a.feed.publish("conv_1", Typing("turn_1"))
        assert [] == a.relay._waiting
        a.feed._writing.clear()
