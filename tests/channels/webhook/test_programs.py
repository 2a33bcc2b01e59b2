"""The API for programs."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from supportbot.errors import NotAccepting, StoreUnavailable
from supportbot.messages import Citation, Inbound, Sender
from tests.channels.webhook.driver import (
    OLD_SECRET,
    SECRET,
    Answer,
    Events,
    eventually,
    program_message,
    running,
    signed,
)

if TYPE_CHECKING:
    from tests.channels.webhook.driver import Site, Visitor


async def test_message_is_accepted_with_the_senders_identity_verified(site: Site) -> None:
    """A signed message goes in as the program says, and its signature vouches for the sender."""
    before = int(time.time())
    sender = {"id": "cust-7", "name": "Ada", "email": "ada@example.com"}
    answer = await site.pass_on(program_message(sender=sender), webhook_id="evt_1")
    [inbound] = site.core.accepted
    assert inbound.sent_at is not None
    assert before * 1000 <= inbound.sent_at <= (time.time() + 1) * 1000
    assert inbound.evolve(sent_at=None) == Inbound(
        channel="web",
        conversation="ticket-1",
        sender=Sender(id="cust-7", name="Ada", email="ada@example.com", assurance="verified"),
        text="Where is my order?",
        keys=("webhook:evt_1",),
        address={"callback_url": ""},
    )
    [message] = site.core.messages("ticket-1")
    conversation_id = await site.core.host.transcripts.conversation_id("ticket-1")
    assert 202 == answer.status
    assert answer.body == {
        "message_id": message.id,
        "conversation_id": conversation_id,
        "seq": 1,
        "duplicate": False,
    }


async def test_the_same_webhook_id_is_one_message(site: Site) -> None:
    """W28: a replay is answered with the first receipt and makes no second turn."""
    first = await site.pass_on(program_message(), webhook_id="evt_1")
    again = await site.pass_on(program_message(), webhook_id="evt_1")
    assert (202, 200) == (first.status, again.status)
    assert first.body | {"duplicate": True} == again.body
    assert 1 == len(site.core.accepted)


async def test_the_same_webhook_id_with_another_text_is_a_conflict(site: Site) -> None:
    """W28: an id stands for one text."""
    await site.pass_on(program_message(), webhook_id="evt_1")
    answer = await site.pass_on(program_message(text="Something else"), webhook_id="evt_1")
    assert (409, "conflict") == (answer.status, answer.code)
    assert 1 == len(site.core.accepted)


async def test_the_same_webhook_id_for_another_conversation_is_a_conflict(site: Site) -> None:
    """Nobody waits in vain, or gets the reply of a conversation that is not theirs."""
    await site.pass_on(program_message(conversation="one"), webhook_id="evt_1")
    answer = await site.pass_on(program_message(conversation="two"), webhook_id="evt_1", query="?wait=5")
    assert (409, "conflict") == (answer.status, answer.code)


async def test_both_secrets_are_good_during_a_rotation() -> None:
    """Two active secrets: either signs a request."""
    async with running(secrets=[SECRET, OLD_SECRET]) as site:
        new = await site.pass_on(program_message(), secret=SECRET)
        old = await site.pass_on(program_message(), secret=OLD_SECRET)
    assert (202, 202) == (new.status, old.status)


async def test_a_person_of_the_team_may_have_answered_elsewhere(site: Site) -> None:
    """With author "person" the message is the team's own, and leaves the way to reply as it is."""
    answer = await site.pass_on(program_message(author="person", text="I will look into it."))
    assert 202 == answer.status
    assert ("person", {}) == (site.core.accepted[0].author, site.core.accepted[0].address)
    assert "human" == await site.core.host.transcripts.state("ticket-1")


async def test_who_of_the_team_answered_is_told_to_the_visitor(site: Site, visitor: Visitor) -> None:
    """A person's name stands beside their words; that of customers is nobody's business but ours."""
    await visitor.say("Hello")
    sender = {"id": "agent-3", "name": "Ada"}
    said = program_message(
        conversation=visitor.conversation, author="person", sender=sender, text="I am looking into it."
    )
    assert 202 == (await site.pass_on(said)).status
    messages = (await visitor.read()).body["messages"]
    assert [("customer", ""), ("person", "Ada")] == [(m["author"], m["name"]) for m in messages]


async def test_attachments_and_the_wish_for_a_person_are_passed_on(site: Site) -> None:
    """What came with the message goes in with it; nothing is fetched."""
    attachment = {"name": "a.pdf", "content_type": "application/pdf", "size": 3, "url": "https://x.example/a"}
    await site.pass_on(program_message(attachments=[attachment], wants_person=True))
    [inbound] = site.core.accepted
    [found] = inbound.attachments
    assert ("a.pdf", "application/pdf", 3, "https://x.example/a") == (
        found.name,
        found.content_type,
        found.size,
        found.url,
    )
    assert inbound.wants_person


# -- waiting for the reply ----------------------------------------------------------------------


async def _waiting(site: Site, **kwargs: Any) -> asyncio.Task[Answer]:
    """Pass a message on with ?wait=30, and return once somebody listens for its reply."""
    asking = asyncio.create_task(site.pass_on(program_message(**kwargs), query="?wait=30"))
    await eventually(lambda: site.core.accepted and site.core.listeners("ticket-1"))
    return asking


async def test_wait_returns_the_reply(site: Site) -> None:
    """With ?wait the reply comes in the answer."""
    asking = await _waiting(site)
    cited = Citation(title="Orders", source="knowledge/orders.md", quote="Orders ship in two days.")
    sent = site.core.reply("ticket-1", "It is on its way.", citations=(cited,))
    answer = await asking
    assert 200 == answer.status
    assert "answered" == answer.body["state"]
    assert answer.body["reply"] == {
        "id": sent.message_id,
        "seq": 2,
        "text": "It is on its way.",
        "citations": [
            {"title": "Orders", "source": "knowledge/orders.md", "quote": "Orders ship in two days."}
        ],
        "handoff": False,
    }


async def test_wait_says_when_a_person_takes_over(site: Site) -> None:
    """A reply that hands over says so."""
    asking = await _waiting(site)
    site.core.reply("ticket-1", "I have asked a person.", handoff="customer_asked")
    answer = await asking
    assert ("answered", True) == (answer.body["state"], answer.body["reply"]["handoff"])


@pytest.mark.parametrize("state", ["dead", "handed_over", "ignored"])
async def test_wait_ends_when_there_will_be_no_reply(site: Site, state: Any) -> None:
    """A message that ends without a reply ends the waiting."""
    asking = await _waiting(site)
    site.core.settle("ticket-1", state, reason="a reason of our own")
    answer = await asking
    assert (200, state, None) == (answer.status, answer.body["state"], answer.body["reply"])


async def test_wait_is_not_fooled_by_the_reply_to_an_earlier_message(site: Site) -> None:
    """The reply is that of the message's own turn; another one may come first."""
    await site.pass_on(program_message(text="First"))
    site.core.begin("ticket-1")
    asking = await _waiting(site, text="Second")
    site.core.reply("ticket-1", "To the first")
    site.core.reply("ticket-1", "To the second")
    answer = await asking
    assert "To the second" == answer.body["reply"]["text"]


async def test_wait_gives_up_after_its_time(site: Site) -> None:
    """Without a reply in time: 202, and pending."""
    answer = await site.pass_on(program_message(), query="?wait=1")
    assert (202, "pending", None) == (answer.status, answer.body["state"], answer.body["reply"])


async def test_wait_on_a_replay_finds_the_reply_that_was_given(site: Site) -> None:
    """Who lost the answer asks again and gets it."""
    await site.pass_on(program_message(), webhook_id="evt_1")
    site.core.reply("ticket-1", "It is on its way.")
    answer = await site.pass_on(program_message(), webhook_id="evt_1", query="?wait=30")
    assert (200, True) == (answer.status, answer.body["duplicate"])
    assert "It is on its way." == answer.body["reply"]["text"]


async def test_waiting_ends_when_the_server_stops(site: Site) -> None:
    """A waiting program is told "pending" at once when the bot stops."""
    asking = await _waiting(site)
    site.server.drain()
    answer = await asking
    assert (202, "pending") == (answer.status, answer.body["state"])


@pytest.mark.parametrize("wait", ["61", "-1", "1.5", "x", "", "1&wait=2", "99999999999999999999"])
async def test_wait_is_a_number_of_seconds(site: Site, wait: str) -> None:
    """Anything but a whole number from 0 to 60 is 422, and nothing is accepted."""
    answer = await site.pass_on(program_message(), query=f"?wait={wait}")
    assert (422, "invalid", []) == (answer.status, answer.code, site.core.accepted)


async def test_who_cannot_wait_is_told_before_anything_is_stored() -> None:
    """A 503 means that the message was not taken."""
    async with running(streams={"total": 1}) as site:
        asking = await _waiting(site)
        refused = await site.pass_on(program_message(conversation="ticket-2"), query="?wait=30")
        taken = await site.pass_on(program_message(conversation="ticket-3"))
        site.core.reply("ticket-1", "Hello")
        await asking
        assert (503, 202) == (refused.status, taken.status)
        assert ["ticket-1", "ticket-3"] == [inbound.conversation for inbound in site.core.accepted]


# -- the reply as events ------------------------------------------------------------------------


async def test_the_reply_as_events(site: Site) -> None:
    """With Accept: text/event-stream the reply comes while it is written, and "end" says how it ended."""
    content = json.dumps(program_message())
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"} | signed(content)
    async with site.http.post(site.url + "/messages", data=content, headers=headers) as response:
        events = Events(response)
        assert "state" == (await events.next()).name
        turn = site.core.begin("ticket-1")
        site.core.delta("ticket-1", "It is ")
        site.core.delta("ticket-1", "on its way.")
        sent = site.core.reply("ticket-1", "It is on its way.")
        told = await events.until("end")
        assert await events.ended()
    assert ["typing", "delta", "delta", "message", "end"] == [event.name for event in told]
    assert {"turn": turn, "offset": 6, "text": "on its way."} == told[2].data
    assert (2, sent.message_id) == (told[3].id, told[3].data["id"])
    assert ("answered", "It is on its way.") == (told[4].data["state"], told[4].data["reply"]["text"])
    assert 0 == site.core.listeners("ticket-1")


async def test_events_end_with_bye_when_the_server_stops(site: Site) -> None:
    """A program is told that its stream ends before the reply."""
    content = json.dumps(program_message())
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"} | signed(content)
    async with site.http.post(site.url + "/messages", data=content, headers=headers) as response:
        events = Events(response)
        await events.next()
        site.server.drain()
        assert "bye" == (await events.next()).name
        assert await events.ended()


async def test_a_program_that_left_its_stream_is_noticed(site: Site) -> None:
    """A dropped stream is forgotten within a second or two, without anything being said."""
    content = json.dumps(program_message())
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"} | signed(content)
    async with site.http.post(site.url + "/messages", data=content, headers=headers) as response:
        await Events(response).next()
        response.close()
    await eventually(lambda: site.core.listeners("ticket-1") == 0)


# -- reading a conversation ---------------------------------------------------------------------


async def _read(site: Site, query: str) -> Answer:
    return await site.ask("GET", f"/messages?{query}", headers=signed(query))


async def test_a_conversation_can_be_read(site: Site) -> None:
    """GET returns messages after a number, and who speaks."""
    await site.pass_on(program_message(), webhook_id="evt_1")
    site.core.reply("ticket-1", "It is on its way.")
    both = await _read(site, "conversation=ticket-1")
    rest = await _read(site, "conversation=ticket-1&after=1")
    assert ["customer", "bot"] == [m["author"] for m in both.body["messages"]]
    assert "bot" == both.body["state"]
    assert both.body["messages"][1:] == rest.body["messages"]
    assert ("evt_1", "answered", 1) == tuple(
        both.body["messages"][0][k] for k in ("client_id", "state", "seq")
    )


async def test_the_signature_of_a_read_covers_its_query(site: Site) -> None:
    """A signature for one conversation does not open another."""
    await site.pass_on(program_message())
    headers = signed("conversation=ticket-2")
    answer = await site.ask("GET", "/messages?conversation=ticket-1", headers=headers)
    assert 401 == answer.status


@pytest.mark.parametrize(
    "query",
    [
        "",
        "conversation=",
        "after=1",
        "conversation=a&conversation=b",
        "conversation=a%00b",
        "conversation=%0A",
        urlencode({"conversation": "x" * 201}),
    ],
)
async def test_a_read_names_one_conversation(site: Site, query: str) -> None:
    """Anything but exactly one conversation is 422."""
    assert 422 == (await _read(site, query)).status


async def test_an_unknown_conversation_is_not_found(site: Site) -> None:
    """A conversation nobody wrote in is 404."""
    assert 404 == (await _read(site, "conversation=nobody")).status


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [StoreUnavailable(cause="disk full"), NotAccepting()])
async def test_what_cannot_be_stored_is_not_acknowledged(site: Site, failure: Exception) -> None:
    """503 with Retry-After: the program sends it again."""
    site.core.failure = failure
    answer = await site.pass_on(program_message())
    assert 503 == answer.status
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour: is not known here"),
        ({"sender": {"id": "x", "assurance": "verified"}}, "sender.assurance: is not known here"),
        ({"attachments": [{"name": "x", "path": "/"}]}, "attachments.0.path: is not known here"),
        ({"<b>\u202e": 1}, "There is a field that is not known here."),
        ({"x" * 101: 1}, "There is a field that is not known here."),
    ],
)
async def test_an_unknown_field_is_named(site: Site, change: dict[str, Any], said: str) -> None:
    """A plain name is repeated, so that a slip is found; nothing else of the request is."""
    answer = await site.pass_on(program_message(**change))
    assert (422, "invalid", said) == (answer.status, answer.code, answer.body["error"]["message"])


async def test_an_unknown_parameter_is_passed_over(site: Site) -> None:
    """As the page says: fields are checked by name, parameters are not."""
    assert 202 == (await site.pass_on(program_message(), query="?colour=red")).status


async def test_another_method_is_told_which_there_are(site: Site) -> None:
    """405 with Allow."""
    answer = await site.ask("PUT", "/messages")
    assert (405, "method_not_allowed") == (answer.status, answer.code)
    assert {"GET", "POST"} == set(answer.headers["Allow"].split(","))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "https://other.example.com/x",
        "https://hooks.example.com:8443/x",
        "https://user:pw@hooks.example.com/x",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "hooks.example.com/x",
        "https://hooks.example.com/x#y",
        "https://hooks.example.com\\@evil.example/x",
        "",
    ],
)
async def test_a_callback_url_must_be_allowed(url: str) -> None:
    """W43: a message's own callback_url is refused when it is handed in unless its host is listed."""
    async with running(allow_callback_hosts=["hooks.example.com", "127.0.0.1"]) as site:
        answer = await site.pass_on(program_message(callback_url=url))
        assert (422, "invalid", []) == (answer.status, answer.code, site.core.accepted)


async def test_where_the_reply_goes_is_remembered_with_the_message() -> None:
    """The message's own callback_url, else the configured one; null is nowhere."""
    default, own = "https://hooks.example.com/all", "https://hooks.example.com/one"
    async with running(callback_url=default, allow_callback_hosts=["hooks.example.com"]) as site:
        await site.pass_on(program_message())
        await site.pass_on(program_message(callback_url=own))
        await site.pass_on(program_message(callback_url=None))
        addresses = [inbound.address["callback_url"] for inbound in site.core.accepted]
    assert [default, own, ""] == addresses


async def test_all_messages_together_are_limited() -> None:
    """More than messages_per_channel allows is 429 with Retry-After, and is not accepted."""
    limits = {"messages_per_channel": {"per_minute": 1, "burst": 2}}
    async with running(limits=limits) as site:
        answers = [await site.pass_on(program_message()) for _ in range(3)]
        assert [202, 202, 429] == [answer.status for answer in answers]
        assert 50 < int(answers[2].headers["Retry-After"]) <= 60
        assert 2 == len(site.core.accepted)


async def test_without_secrets_the_api_is_off() -> None:
    """W32: no secret, no endpoint."""
    async with running(secrets=[]) as site:
        posted = await site.pass_on(program_message())
        read = await site.ask("GET", "/messages?conversation=x")
    assert (404, 404) == (posted.status, read.status)
