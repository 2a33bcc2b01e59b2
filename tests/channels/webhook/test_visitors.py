"""The API for a website's visitors."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot.messages import Inbound, Sender
from tests.channels.webhook.driver import eventually, running

if TYPE_CHECKING:
    from tests.channels.webhook.driver import Site, Visitor


# -- sessions -----------------------------------------------------------------------------------


async def test_only_a_hash_of_the_token_is_kept(site: Site) -> None:
    """Whoever reads the store cannot speak as a visitor."""
    visitor = await site.visitor()
    stored = [(key, value) async for key, value in site.core.records.scan("")]
    digest = hashlib.sha256(visitor.token.encode()).hexdigest()
    assert [f"session:{digest}"] == [key for key, _ in stored]
    assert visitor.token not in json.dumps(stored)


async def test_tokens_and_conversations_cannot_be_guessed(site: Site) -> None:
    """A token has 256 random bits, a conversation's key 128, and neither comes twice."""
    visitors = [await site.visitor() for _ in range(3)]
    assert 3 == len({v.token for v in visitors}) == len({v.conversation for v in visitors})
    for visitor in visitors:
        assert visitor.token.startswith("vst_")
        assert len(secrets.token_urlsafe(32)) == len(visitor.token.removeprefix("vst_"))
        assert len(secrets.token_urlsafe(16)) == len(visitor.conversation.removeprefix("chat_"))


async def test_a_session_ends_after_its_days() -> None:
    """An expired token is as good as none."""
    async with running(visitors={"session_days": 1}) as site:
        visitor = await site.visitor()
        assert 200 == (await visitor.read()).status
        with time_machine.travel(_in_days(2), tick=True):
            assert 401 == (await visitor.read()).status


def _in_days(days: int) -> float:
    import time

    return time.time() + days * 86_400


async def test_log_out_kills_the_token_and_its_streams(site: Site, visitor: Visitor) -> None:
    """W10: after DELETE the server has forgotten."""
    await visitor.say("Hello")
    async with visitor.follow() as events:
        await events.until("state")
        gone = await site.ask("DELETE", "/sessions/current", headers=visitor.headers)
        assert (204, b"") == (gone.status, gone.body)
        assert "bye" == (await events.next()).name
    assert 401 == (await visitor.say("Hello?")).status
    assert 401 == (await site.ask("DELETE", "/sessions/current", headers=visitor.headers)).status


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic {token}",
        "Bearer {token}x",
        "Bearer  {token}",
        "{token}",
        "Bearer vst_" + "A" * 43,
        "Bearer ../../etc/passwd",
        "Bearer ' OR 1=1 --",
        "Bearer " + "x" * 5000,
        "Bearer \u00e9",
    ],
)
async def test_any_other_token_is_refused(site: Site, visitor: Visitor, header: str) -> None:
    """W01: 401 with one constant body, whatever was wrong with it."""
    headers = {"Authorization": header.format(token=visitor.token)}
    answer = await site.ask("GET", "/conversation/messages", headers=headers)
    assert 401 == answer.status
    assert {"error": {"code": "unauthorized", "message": "There is no such session."}} == answer.body
    assert "Bearer" == answer.headers["WWW-Authenticate"]


async def test_two_authorization_headers_are_none(site: Site, visitor: Visitor) -> None:
    """Nobody decides which of two tokens counts."""
    headers = [("Authorization", f"Bearer {visitor.token}"), ("Authorization", "Bearer x")]
    answer = await site.ask("GET", "/conversation/messages", headers=headers)
    assert 401 == answer.status


async def test_a_token_in_the_query_is_not_read(site: Site, visitor: Visitor) -> None:
    """W05: tokens do not travel in URLs, which end up in logs."""
    for name in ("token", "access_token", "session"):
        answer = await site.ask("GET", "/conversation/messages", params={name: visitor.token})
        assert 401 == answer.status


async def test_an_introduction_is_only_claimed(site: Site) -> None:
    """W07: what a visitor says of themselves proves nothing; a user_id is passed over."""
    visitor = await site.visitor(name="Ada", email="ada@example.com", user_id="alice", assurance="verified")
    await visitor.say("Hello")
    assert site.core.accepted[0].sender == Sender(
        id=visitor.visitor_id, name="Ada", email="ada@example.com", assurance="claimed"
    )


async def test_a_page_of_a_newer_release_is_understood(site: Site) -> None:
    """A rolling upgrade: the page of a new process may write to an old one, which takes what it knows."""
    newer = {"of_the_next_release": {"any": "thing"}}
    opened = await site.ask("POST", "/sessions", json={"name": "Ada"} | newer)
    assert 201 == opened.status
    headers = {"Authorization": f"Bearer {opened.body['token']}"}

    async def tell(method: str, path: str, body: dict[str, Any]) -> int:
        return (await site.ask(method, f"/conversation/{path}", json=body | newer, headers=headers)).status

    assert 202 == await tell("POST", "messages", {"client_id": "c1", "text": "Hello", "wants_person": True})
    (taken,) = site.core.accepted
    assert ("Hello", "Ada", True) == (taken.text, taken.sender.name, taken.wants_person)
    site.core.reply(opened.body["conversation"], "Hi")
    assert 204 == await tell("PUT", "messages/2/rating", {"verdict": "good"})
    assert 204 == await tell("PUT", "survey", {"score": 4})
    assert 204 == await tell("PUT", "seen", {"seq": 2})
    assert 200 == await tell("PUT", "email", {"email": "ada@example.com"})


async def test_new_sessions_are_limited_per_address() -> None:
    """One address opens so many sessions and no more."""
    async with running(limits={"sessions_per_address": {"per_minute": 1, "burst": 2}}) as site:
        answers = [await site.ask("POST", "/sessions", json={}) for _ in range(3)]
    assert [201, 201, 429] == [answer.status for answer in answers]
    assert int(answers[2].headers["Retry-After"]) > 0


async def test_an_untrusted_x_forwarded_for_changes_nothing() -> None:
    """W34: a client cannot choose the address it is limited by."""
    async with running(limits={"sessions_per_address": {"per_minute": 1, "burst": 2}}) as site:
        answers = [
            await site.ask("POST", "/sessions", json={}, headers={"X-Forwarded-For": f"192.0.2.{n}"})
            for n in range(3)
        ]
    assert [201, 201, 429] == [answer.status for answer in answers]


async def test_all_requests_are_limited_per_address() -> None:
    """Guessing tokens is limited too."""
    async with running(limits={"requests_per_address": {"per_minute": 1, "burst": 2}}) as site:
        answers = [await site.ask("GET", "/conversation/messages") for _ in range(3)]
    assert [401, 401, 429] == [answer.status for answer in answers]


async def test_without_visitors_the_api_is_off() -> None:
    """A channel for programs only has none of the visitors' routes."""
    async with running(visitors={"enabled": False}) as site:
        answer = await site.ask("POST", "/sessions", json={})
    assert 404 == answer.status


# -- writing ------------------------------------------------------------------------------------


async def test_a_message_goes_in(site: Site, visitor: Visitor) -> None:
    """A visitor's message is accepted under the visitor's own key."""
    answer = await visitor.say("Where is my order?", "c1")
    assert site.core.accepted == [
        Inbound(
            channel="web",
            conversation=visitor.conversation,
            sender=Sender(id=visitor.visitor_id),
            text="Where is my order?",
            keys=(f"visitor:{visitor.visitor_id}:c1",),
        )
    ]
    [message] = site.core.messages(visitor.conversation)
    assert (202, {"message_id": message.id, "seq": 1, "duplicate": False}) == (answer.status, answer.body)


async def test_the_same_client_id_in_parallel_is_one_message(site: Site, visitor: Visitor) -> None:
    """W26: five at once are one message with one receipt."""
    answers = await asyncio.gather(*(visitor.say("Hello", "c1") for _ in range(5)))
    assert [200, 200, 200, 200, 202] == sorted(answer.status for answer in answers)
    assert 1 == len({answer.body["message_id"] for answer in answers})
    assert 1 == len(site.core.accepted)


async def test_the_same_client_id_with_another_text_is_a_conflict(site: Site, visitor: Visitor) -> None:
    """A client id stands for one text."""
    await visitor.say("Hello", "c1")
    answer = await visitor.say("Goodbye", "c1")
    assert (409, "conflict") == (answer.status, answer.code)


async def test_client_ids_of_two_visitors_do_not_meet(site: Site) -> None:
    """I5: the same client id of another visitor is another message."""
    one, other = await site.visitor(), await site.visitor()
    assert 202 == (await one.say("Hello", "c1")).status
    assert 202 == (await other.say("Hello", "c1")).status


async def test_a_visitor_can_ask_for_a_person(site: Site, visitor: Visitor) -> None:
    """The button is part of the message."""
    await visitor.say("A person please", wants_person=True)
    assert site.core.accepted[0].wants_person


@pytest.mark.parametrize("failure", [StoreUnavailable(cause="disk full"), NotAccepting()])
async def test_what_cannot_be_stored_is_not_acknowledged(
    site: Site, visitor: Visitor, failure: Exception
) -> None:
    """503 with Retry-After: the browser sends it again."""
    site.core.failure = failure
    answer = await visitor.say("Hello")
    assert 503 == answer.status
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_visitors_messages_are_limited_and_the_accepted_stay_in_order() -> None:
    """W35: too many get 429, the others are numbered as they came."""
    async with running(limits={"messages_per_session": {"per_minute": 1, "burst": 5}}) as site:
        one, other = await site.visitor(), await site.visitor()
        answers = [await one.say(f"Message {n}") for n in range(8)]
        elsewhere = await other.say("Hello")
        kept = [message.text for message in site.core.messages(one.conversation)]
    assert [202] * 5 + [429] * 3 == [answer.status for answer in answers]
    assert [f"Message {n}" for n in range(5)] == kept
    assert 202 == elsewhere.status


# -- reading ------------------------------------------------------------------------------------


async def test_messages_are_read_after_a_number(site: Site, visitor: Visitor) -> None:
    """What a reader sees of a message, and of no other."""
    await visitor.say("Hello", "c1")
    site.core.reply(visitor.conversation, "Good day")
    everything = await visitor.read()
    rest = await visitor.read(after=1)
    first = await visitor.read(limit=1)
    [asked, said] = site.core.messages(visitor.conversation)
    assert everything.body == {
        "messages": [
            _seen(asked, author="customer", text="Hello", state="answered", client_id="c1"),
            _seen(said, author="bot", text="Good day", state="said", client_id=""),
        ],
        "state": "bot",
    }
    assert everything.body["messages"][1:] == rest.body["messages"]
    assert everything.body["messages"][:1] == first.body["messages"]


def _seen(message: Any, **fields: Any) -> dict[str, Any]:
    return {
        "seq": message.seq,
        "id": message.id,
        "created_at": message.created_at,
        "name": "",
        "citations": [],
        "choices": [],
        "images": [],
        "rateable": message.author == "bot",
    } | fields


async def test_before_the_first_message_there_is_nothing(visitor: Visitor) -> None:
    """An empty conversation is empty, not missing."""
    answer = await visitor.read()
    assert (200, {"messages": [], "state": None}) == (answer.status, answer.body)


async def test_a_visitor_is_not_told_that_they_count_as_spam(site: Site, visitor: Visitor) -> None:
    """Spam looks like a resolved conversation from outside."""
    await visitor.say("Buy now")
    site.core.change_state(visitor.conversation, "spam")
    assert "resolved" == (await visitor.read()).body["state"]


async def test_nobody_reads_anothers_conversation(site: Site) -> None:
    """W02: there is no conversation in any address; another's key is as missing as any."""
    one, other = await site.visitor(), await site.visitor()
    await other.say("My card number is …")
    query = await one.read(conversation=other.conversation)
    assert {"messages": [], "state": None} == query.body
    missing = await site.ask("GET", "/conversation/nobody/messages", headers=one.headers)
    others = await site.ask("GET", f"/conversation/{other.conversation}/messages", headers=one.headers)
    assert (404, missing.body) == (others.status, others.body)
    assert 404 == missing.status


@pytest.mark.parametrize(
    "after", ["-1", "x", "1e3", "2147483648", "9" * 400, "1 OR 1=1", "", "\u0661", "1.0", "+1"]
)
async def test_a_number_is_a_number(visitor: Visitor, after: str) -> None:
    """W40: anything but a whole number in bounds is 422."""
    answer = await visitor.read(after=after)
    assert (422, "invalid") == (answer.status, answer.code)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
async def test_a_page_has_bounds(visitor: Visitor, limit: str) -> None:
    """A page holds 1 to 200 messages."""
    assert 422 == (await visitor.read(limit=limit)).status


async def test_the_numbers_bounds_are_good(visitor: Visitor) -> None:
    """The highest number there can be is still one."""
    assert 200 == (await visitor.read(after=2**31 - 1, limit=200)).status


async def test_a_get_that_is_cancelled_leaves_nothing_behind(site: Site, visitor: Visitor) -> None:
    """A reader that goes away is no listener any more."""
    await visitor.say("Hello")
    async with visitor.follow() as events:
        await events.until("state")
        assert 1 == site.core.listeners(visitor.conversation)
    await eventually(lambda: site.core.listeners(visitor.conversation) == 0)
