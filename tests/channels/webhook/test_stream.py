"""Server-sent events: without gap or repeat, and bounded."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import make_mocked_request

from supportbot.errors import StoreUnavailable
from supportbot.feed import Delta, Said, StateChanged, Typing
from supportbot.messages import Inbound, Message, Sender
from supportbot.testing.host import FakeCore
from supportbot_webhook.outbound import Frame, encode
from supportbot_webhook.stream import Reader, follow
from tests.channels.webhook.driver import eventually, running

if TYPE_CHECKING:
    from supportbot.feed import Event
    from tests.channels.webhook.driver import Site, Visitor


# -- over HTTP ----------------------------------------------------------------------------------


async def test_a_stream_begins_with_what_was_said(site: Site, visitor: Visitor) -> None:
    """First the stored messages with their numbers, then who speaks, then what happens."""
    await visitor.say("Hello", "c1")
    site.core.reply(visitor.conversation, "Good day")
    async with visitor.follow() as events:
        told = [await events.next() for _ in range(3)]
        turn = site.core.begin(visitor.conversation)
        site.core.delta(visitor.conversation, "More ")
        live = [await events.next() for _ in range(2)]
    assert [("message", 1), ("message", 2), ("state", None)] == [(e.name, e.id) for e in told]
    assert ("Hello", "c1") == (told[0].data["text"], told[0].data["client_id"])
    assert [
        ("typing", {"turn": turn, "on": True}),
        ("delta", {"turn": turn, "offset": 0, "text": "More "}),
    ] == [(e.name, e.data) for e in live]


async def test_a_message_is_the_same_in_a_stream_and_in_a_page(site: Site, visitor: Visitor) -> None:
    """One shape for a message, wherever it is read."""
    await visitor.say("Hello")
    page = await visitor.read()
    async with visitor.follow() as events:
        assert page.body["messages"] == [(await events.next()).data]


async def test_a_stream_can_be_opened_before_the_first_message(site: Site, visitor: Visitor) -> None:
    """A widget opens its stream first; it begins with the first message, at once."""
    async with visitor.follow() as events:
        await events.block()
        await visitor.say("Hello")
        assert ("message", 1) == ((event := await events.next()).name, event.id)


@pytest.mark.parametrize("last", ["1", "2"])
async def test_a_stream_resumes_after_the_last_event(site: Site, visitor: Visitor, last: str) -> None:
    """Last-Event-ID: everything after it, nothing before."""
    for text in ("One", "Two", "Three"):
        await visitor.say(text)
    async with visitor.follow(last_event_id=last) as events:
        ids = [event.id for event in (await events.until("state"))[:-1]]
    assert list(range(int(last) + 1, 4)) == ids


async def test_the_header_counts_before_the_query(site: Site, visitor: Visitor) -> None:
    """A client that reconnects keeps its URL and adds the header."""
    for text in ("One", "Two", "Three"):
        await visitor.say(text)
    async with visitor.follow(last_event_id="2", after=0) as events:
        assert [3] == [event.id for event in (await events.until("state"))[:-1]]
    async with visitor.follow(after=1) as events:
        assert [2, 3] == [event.id for event in (await events.until("state"))[:-1]]


async def test_a_number_that_was_never_sent_gives_everything(site: Site, visitor: Visitor) -> None:
    """W38: an id from the future, or of another conversation, is answered from the start of one's own."""
    await visitor.say("One")
    async with visitor.follow(last_event_id="77") as events:
        assert [1] == [event.id for event in (await events.until("state"))[:-1]]
        await visitor.say("Two")
        assert 2 == (await events.next()).id


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "", "99999999999", "2147483648", "1, 2", "\u0663"])
async def test_garbage_is_no_place_to_resume(site: Site, visitor: Visitor, last: str) -> None:
    """W38: 400."""
    headers = visitor.headers | {"Last-Event-ID": last}
    answer = await site.ask("GET", "/conversation/events", headers=headers)
    assert (400, "bad_last_event_id") == (answer.status, answer.code)


async def test_a_stream_shows_an_answer_that_is_being_written_from_its_beginning(
    site: Site, visitor: Visitor
) -> None:
    """Whoever comes in the middle of an answer gets what is there already."""
    await visitor.say("Hello")
    site.core.begin(visitor.conversation)
    site.core.delta(visitor.conversation, "Good ")
    site.core.delta(visitor.conversation, "day")
    async with visitor.follow() as events:
        delta = (await events.until("delta"))[-1]
    assert (0, "Good day") == (delta.data["offset"], delta.data["text"])


async def test_what_ended_without_a_reply_is_told(site: Site, visitor: Visitor) -> None:
    """A settled event says how, and keeps our reasons to ourselves."""
    said = await visitor.say("Hello")
    async with visitor.follow() as events:
        await events.until("state")
        site.core.settle(visitor.conversation, "dead", reason="ValueError in tool refund")
        event = await events.next()
    assert ("settled", {"message_ids": [said.body["message_id"]], "state": "dead"}) == (
        event.name,
        event.data,
    )


async def test_no_stream_shows_another_conversation(site: Site) -> None:
    """I5: two visitors, two streams, no cross-talk."""
    one, other = await site.visitor(), await site.visitor()
    await one.say("One"), await other.say("Other")
    async with one.follow() as events:
        await events.until("state")
        site.core.reply(other.conversation, "To the other")
        site.core.reply(one.conversation, "To the one")
        texts = [event.data["text"] for event in await events.until("message") if event.name == "message"]
    assert ["To the one"] == texts


async def test_silence_is_filled_with_comments() -> None:
    """A heartbeat keeps proxies from closing the stream."""
    async with running(streams={"heartbeat": 0.05}) as site:
        visitor = await site.visitor()
        await visitor.say("Hello")
        async with visitor.follow() as events:
            await events.until("state")
            assert {"": ""} == await events.block() == await events.block()
            site.core.reply(visitor.conversation, "Good day")
            assert "message" in [event.name for event in await events.until("message")]


async def test_in_silence_a_stream_sees_what_another_process_changed() -> None:
    """Who speaks was changed by the command line, which tells no feed: the next heartbeat says so, once."""
    async with running(streams={"heartbeat": 0.05}) as site:
        visitor = await site.visitor()
        await visitor.say("Hello")
        async with visitor.follow() as events:
            await events.until("state")
            site.core._conversations[visitor.conversation].state = "human"
            assert "human" == (await events.until("state"))[-1].data["state"]
            assert {"": ""} == await events.block()


async def test_a_stream_of_a_deleted_conversation_ends() -> None:
    """Its reader comes again, and gets the conversation that begins in its place."""
    async with running(streams={"heartbeat": 0.05}) as site:
        visitor = await site.visitor()
        await visitor.say("Hello")
        async with visitor.follow() as events:
            await events.until("state")
            del site.core._conversations[visitor.conversation]
            await events.until("bye")


async def test_streams_are_limited_per_session_and_in_all() -> None:
    """Too many of one session is 429, too many of all is 503; one that closes makes room."""
    async with running(streams={"per_session": 2, "total": 3}) as site, AsyncExitStack() as open_streams:
        one, other, third = [await site.visitor() for _ in range(3)]
        first = await open_streams.enter_async_context(one.follow())
        await open_streams.enter_async_context(one.follow())
        refused = await site.ask("GET", "/conversation/events", headers=one.headers)
        await open_streams.enter_async_context(other.follow())
        full = await site.ask("GET", "/conversation/events", headers=third.headers)
        assert (429, "too_many_streams") == (refused.status, refused.code)
        assert (503, "unavailable") == (full.status, full.code)
        assert "5" == refused.headers["Retry-After"] == full.headers["Retry-After"]
        first.response.close()
        async with asyncio.timeout(5):
            while (await _status(site, third)) == 503:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)


async def _status(site: Site, visitor: Visitor) -> int:
    async with site.http.get(site.url + "/conversation/events", headers=visitor.headers) as response:
        return response.status


async def test_streams_say_bye_when_the_server_stops(site: Site, visitor: Visitor) -> None:
    """I10: a stop ends every stream at once, with a last word."""
    await visitor.say("Hello")
    async with visitor.follow() as events:
        await events.until("state")
        stopping = asyncio.create_task(site.server.stop(grace=5))
        assert "bye" == (await events.next()).name
        assert await events.ended()
        async with asyncio.timeout(2):
            await stopping


async def test_a_reader_who_names_the_message_is_not_fooled_by_its_number(
    site: Site, visitor: Visitor
) -> None:
    """The conversation was deleted and has as many messages again: all of them come, not none."""
    await visitor.say("Hello")
    said = (await visitor.read()).body["messages"][0]["id"]
    for last, expected in ((f"1-{said}", "state"), ("1-msg_another", "message"), ("1", "state")):
        async with visitor.follow(last_event_id=last) as events:
            assert expected == (await events.next()).name


async def test_streams_end_when_the_feed_closes(site: Site, visitor: Visitor) -> None:
    """The core ends all its listeners when it stops."""
    await visitor.say("Hello")
    async with visitor.follow() as events:
        await events.until("state")
        site.core.host.feed.close()
        assert "bye" == (await events.next()).name


async def test_a_reader_that_does_not_read_is_cut_off() -> None:
    """W37: once the buffers are full it has write_timeout, and is gone; the others never notice."""
    async with running(streams={"write_timeout": 0.2}) as site:
        visitor = await site.visitor()
        await visitor.say("Hello")
        reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port, limit=1024)
        path = f"{site.core.host.base_path}/conversation/events"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {visitor.token}\r\n\r\n".encode()
        )
        await reader.readuntil(b"event: state")
        await eventually(lambda: site.core.listeners(visitor.conversation) == 1)
        for _ in range(100):
            site.core.reply(visitor.conversation, "x" * 200_000)
        await eventually(lambda: site.core.listeners(visitor.conversation) == 0)
        writer.close()


async def test_streams_that_are_opened_and_dropped_leave_nothing(site: Site, visitor: Visitor) -> None:
    """W37: no task and no listener stays behind."""
    await visitor.say("Hello")
    before = len(asyncio.all_tasks())
    for _ in range(60):
        async with visitor.follow() as events:
            await events.until("state")
            events.response.close()
        await eventually(lambda: site.core.listeners(visitor.conversation) == 0)
    await eventually(lambda: len(asyncio.all_tasks()) <= before + 2)


async def test_a_stream_ends_quietly_when_the_store_fails(site: Site, visitor: Visitor) -> None:
    """The reader comes again and resumes; nothing is lost by it."""

    await visitor.say("Hello")
    transcripts = site.core.host.transcripts
    look, looks = transcripts.standing, iter([True])

    async def fail_later(key: str) -> Any:
        if next(looks, False):
            return await look(key)
        raise StoreUnavailable(cause="locked")

    transcripts.standing = fail_later  # type: ignore[method-assign]
    async with visitor.follow() as events:
        assert "message" == (await events.next()).name
        assert await events.ended()


# -- following, without HTTP --------------------------------------------------------------------


def _reader() -> Reader:
    return Reader(make_mocked_request("GET", "/"))


async def _core(*texts: str) -> FakeCore:
    core = FakeCore("web")
    for number, text in enumerate(texts):
        await core.accept(
            Inbound(
                channel="web", conversation="chat", sender=Sender(id="v"), text=text, keys=(f"k{number}",)
            )
        )
    return core


def _numbers(events: list[Event | None]) -> list[int]:
    return [event.message.seq for event in events if isinstance(event, Said)]


async def test_nothing_falls_between_reading_and_listening() -> None:
    """A message that is stored while the transcript is being read comes once: in its place, not twice."""
    core = await _core("One")
    read = core.host.transcripts.messages

    async def read_while_something_happens(*args: Any, **kwargs: Any) -> list[Message]:
        found = await read(*args, **kwargs)
        if kwargs["after"] == 0:
            core.reply("chat", "Two")
        return found

    core.host.transcripts.messages = read_while_something_happens  # type: ignore[method-assign]
    seen: list[Event | None] = []
    async with aclosing(follow(core.host, _reader(), "chat", after=0, heartbeat=5)) as events:
        async for event in events:
            seen.append(event)
            if _numbers(seen)[-1:] == [2]:
                break
    assert [1, 2] == _numbers(seen)


async def test_a_message_read_from_the_transcript_voids_what_was_written_of_it() -> None:
    """No ghost of an answer is shown after the answer itself."""
    core = await _core("One")
    read = core.host.transcripts.messages
    core.begin("chat")
    core.delta("chat", "Tw")

    async def end_the_turn_first(*args: Any, **kwargs: Any) -> list[Message]:
        if len(core.messages("chat")) == 1:
            core.reply("chat", "Two")
        return await read(*args, **kwargs)

    core.host.transcripts.messages = end_the_turn_first  # type: ignore[method-assign]
    seen: list[Event | None] = []
    async with aclosing(follow(core.host, _reader(), "chat", after=0, heartbeat=0.05)) as events:
        async for event in events:
            if event is None:
                break
            seen.append(event)
    assert [1, 2] == _numbers(seen)
    assert not [event for event in seen if isinstance(event, Typing | Delta)]


async def test_a_gap_in_the_feed_is_read_from_the_transcript() -> None:
    """Messages that are published out of order come in order."""
    core = await _core("One")
    seen: list[Event | None] = []
    async with aclosing(follow(core.host, _reader(), "chat", after=0, heartbeat=5)) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, StateChanged):
                core.reply("chat", "Two")
                core.reply("chat", "Three")
                _publish_the_other_way_round(core)
            if _numbers(seen)[-1:] == [3]:
                break
    assert [1, 2, 3] == _numbers(seen)


def _publish_the_other_way_round(core: FakeCore) -> None:
    [subscription] = [s for all_of in core.host.feed._listeners.values() for s in all_of]
    subscription._queue.reverse()


async def test_a_reader_that_lags_reads_the_transcript_again() -> None:
    """When its queue overflows nothing is lost."""
    core = await _core("One")
    seen: list[Event | None] = []
    async with aclosing(follow(core.host, _reader(), "chat", after=0, heartbeat=5)) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, StateChanged) and len(_numbers(seen)) == 1:
                for number in range(2, 403):
                    core.reply("chat", f"Message {number}")
            if _numbers(seen)[-1:] == [402]:
                break
    assert list(range(1, 403)) == _numbers(seen)


async def test_an_ended_reader_ends_before_its_conversation_began() -> None:
    """A stream that waits for the first message ends too."""
    core = FakeCore("web")
    reader = _reader()
    reader.end()
    assert [] == [event async for event in follow(core.host, reader, "chat", after=0, heartbeat=5)]


def test_a_frame_is_one_data_line() -> None:
    """Line breaks of a text cannot forge an event."""
    text = "a\n\nevent: bye\r\ndata: {}\u2028"
    encoded = encode(Frame(event="delta", data={"text": text}))
    assert b'event: delta\ndata: {"text":"a\\n\\nevent: bye\\r\\ndata: {}\xe2\x80\xa8"}\n\n' == encoded


async def test_a_silence_costs_one_look() -> None:
    """However long nothing happens: each heartbeat reads the store once, and nothing else does."""
    core = await _core("One")
    looks: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            looks.append(name)
            return getattr(transcripts, name)

    transcripts = core.host.transcripts
    host = replace(core.host, transcripts=Counting())  # type: ignore[arg-type]
    async with aclosing(follow(host, _reader(), "chat", after=0, heartbeat=0.01)) as events:
        while await anext(events) is not None:  # the message, and who speaks
            pass
        looks.clear()
        for _ in range(3):
            assert None is await anext(events)
    assert ["standing"] * 3 == looks
