"""What a visitor says beside the conversation: thumbs, stars, an address; images, and who is there."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from supportbot.messages import Choice
from supportbot_webhook.hours import Hours
from tests.channels.webhook.driver import ORIGIN, eventually, running
from tests.test_images import drawn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.webhook.driver import Answer, Site, Visitor

IMAGE = drawn("PNG")
STATUS = {
    "state": None,
    "away": False,
    "identified": False,
    "name": "",
    "email_known": False,
    "survey": None,
    "ratings": {},
}


@pytest.fixture
async def pictures() -> AsyncIterator[Site]:
    """A channel that takes images, of the smallest limit there is."""
    async with running(widget={"images": True, "image_bytes": 65_536}) as site:
        yield site


async def put(visitor: Visitor, path: str, body: Any, **headers: str) -> Answer:
    return await visitor.site.ask(
        "PUT", f"/conversation/{path}", json=body, headers=visitor.headers | headers
    )


async def status(visitor: Visitor) -> Any:
    answer = await visitor.site.ask("GET", "/conversation/status", headers=visitor.headers)
    assert 200 == answer.status
    return answer.body


async def test_at_first_nothing_is_known(visitor: Visitor) -> None:
    """Before the first message."""
    assert STATUS == await status(visitor)


async def test_thumbs_are_stored_with_the_answer(site: Site, visitor: Visitor) -> None:
    """The newest counts, and another visitor's are their own."""
    await visitor.say("Hello")
    outbound = site.core.reply(visitor.conversation, "Hi")
    for verdict in ("good", "bad"):
        assert 204 == (await put(visitor, "messages/2/rating", {"verdict": verdict})).status
    assert {(outbound.turn_id, visitor.visitor_id): "bad"} == site.core.ratings.verdicts
    assert STATUS | {"state": "bot", "ratings": {"2": "bad"}} == await status(visitor)
    assert STATUS == await status(await site.visitor())


@pytest.mark.parametrize("seq", ["1", "3", "0", "-1", "2147483648", "99999999999", "x", "%00", "2%2f..", "٢"])
async def test_only_answers_are_rated(site: Site, visitor: Visitor, seq: str) -> None:
    """W02, W04: no message of one's own, none that there is not."""
    await visitor.say("Hello")
    site.core.reply(visitor.conversation, "Hi")
    answer = await put(visitor, f"messages/{seq}/rating", {"verdict": "good"})
    assert (404, {}) == (answer.status, site.core.ratings.verdicts)


async def test_what_is_no_answer_is_not_rated(site: Site, visitor: Visitor) -> None:
    """That a person was asked, or a question before a tool is run: readers know, and a thumb is refused."""
    for number, more in enumerate(
        ({}, {"choices": (Choice(label="Yes", says="yes"),)}, {"handoff": "no_answer"}), 1
    ):
        await visitor.say("Hello", client_id=f"c{number}")
        site.core.reply(visitor.conversation, "Hi", **more)
    said = (await visitor.read()).body["messages"]
    assert [False, True, False, False, False, False] == [message["rateable"] for message in said]
    rated = [await put(visitor, f"messages/{seq}/rating", {"verdict": "good"}) for seq in (2, 4, 6)]
    assert [204, 404, 404] == [answer.status for answer in rated]


@pytest.mark.parametrize("body", [{}, {"verdict": "up"}, {"verdict": None}, {"turn": "x"}])
async def test_a_verdict_is_one_of_two(visitor: Visitor, body: Any) -> None:
    """Nothing else is stored."""
    assert 422 == (await put(visitor, "messages/2/rating", body)).status


async def test_the_whole_conversation_is_scored(site: Site, visitor: Visitor) -> None:
    """One to five and words; the newest counts."""
    assert (409, "no_conversation") == (
        (early := await put(visitor, "survey", {"score": 5})).status,
        early.code,
    )
    await visitor.say("Hello")
    assert 204 == (await put(visitor, "survey", {"score": 2})).status
    assert 204 == (await put(visitor, "survey", {"score": 4, "comment": "Nice"})).status
    assert {(visitor.conversation, visitor.visitor_id): (4, "Nice")} == site.core.ratings.scores
    assert 4 == (await status(visitor))["survey"]


@pytest.mark.parametrize(
    "body",
    [{}, {"score": 0}, {"score": 6}, {"score": 2.5}, {"score": "5"}, {"score": 5, "comment": "x" * 1001}],
)
async def test_a_score_is_one_to_five(visitor: Visitor, body: Any) -> None:
    """And its words are few."""
    assert 422 == (await put(visitor, "survey", body)).status


async def test_an_address_is_kept_for_the_team(site: Site, visitor: Visitor) -> None:
    """With the conversation; nothing goes there by itself, and the answer says so."""
    await visitor.say("Is anybody there?")
    answer = await put(visitor, "email", {"email": "anna@example.com"})
    assert (200, {"continues_by_email": False}) == (answer.status, answer.body)
    assert {visitor.conversation: "anna@example.com"} == site.core.contacts.addresses
    assert (await status(visitor))["email_known"]


async def test_an_address_given_first_waits_for_the_conversation(site: Site, visitor: Visitor) -> None:
    """It proves nothing about whoever writes then."""
    assert 200 == (await put(visitor, "email", {"email": "anna@example.com"})).status
    assert (await status(visitor))["email_known"]
    await visitor.say("Hello")
    assert {visitor.conversation: "anna@example.com"} == site.core.contacts.addresses
    assert ("anonymous", "") == (
        site.core.accepted[0].sender.assurance,
        site.core.accepted[0].sender.email,
    )


@pytest.mark.parametrize(
    "email",
    [
        *("", "anna", "a@b@c.example", "a b@c.example", "a@b.example\n", "x" * 251 + "@b.c", 7, None),
        *(
            "a@x..example",
            "a@.x.example",
            "a@x.example.",
            "<a@x.example>",
            "Anna <a@x.example>",
            "a@localhost",
        ),
        *("a@x.example,b@x.example", "a@x.example;b@x.example", "mailto:a@x.example", '"a"@x.example'),
        *(
            "\u202ea@x.example",
            "a@x.\u200fexample",
            "a\u200b@x.example",
            "a@x\u2066.example",
            "a@x.exa\xa0mple",
        ),
    ],
)
async def test_an_address_looks_like_one(site: Site, visitor: Visitor, email: Any) -> None:
    """Nothing with a line break, for one; nothing mistyped, nothing that reads otherwise than it is."""
    answer = await put(visitor, "email", {"email": email})
    assert (422, {}) == (answer.status, site.core.contacts.addresses)
    assert answer.body["error"]["message"].startswith("email: ")


@pytest.mark.parametrize(
    "email",
    ["a+b@x.example", "o'hara@x.example", "\xe4nna@b\xfccher.example", "a@xn--bcher-kva.example", "a@1.2.io"],
)
async def test_an_address_of_any_kind_is_taken(site: Site, visitor: Visitor, email: str) -> None:
    """Also with letters of other alphabets."""
    await visitor.say("Hello?")
    assert 200 == (await put(visitor, "email", {"email": email})).status
    assert {visitor.conversation: email} == site.core.contacts.addresses


@pytest.mark.parametrize("path", ["messages/2/rating", "survey", "email"])
async def test_strangers_say_nothing(site: Site, visitor: Visitor, path: str) -> None:
    """W01, W11, W13: without a token, from another website, as a form."""
    headers = {"Authorization": "Bearer vst_" + "A" * 43}
    assert 401 == (await put(visitor, path, {}, **headers)).status
    assert 403 == (await put(visitor, path, {}, Origin="https://evil.example")).status
    answer = await site.ask("PUT", f"/conversation/{path}", data="{}", headers=visitor.headers)
    assert 415 == answer.status


async def test_choices_come_with_their_message(site: Site, visitor: Visitor) -> None:
    """In the transcript and on the stream."""
    await visitor.say("Cancel my order")
    choices = (Choice(label="Yes", says="Yes, do it"), Choice(label="No", says="No"))
    site.core.reply(visitor.conversation, "Cancel order 7?", choices=choices)
    expected = [{"label": "Yes", "says": "Yes, do it"}, {"label": "No", "says": "No"}]
    messages = (await visitor.read()).body["messages"]
    assert [[], expected] == [message["choices"] for message in messages]
    async with visitor.follow(last_event_id="1") as events:
        assert expected == (await events.next()).data["choices"]


# -- images ----------------------------------------------------------------------------------------


def picture(data: bytes = IMAGE, name: str = "a.png") -> dict[str, str]:
    return {"name": name, "data": b64encode(data).decode()}


async def test_an_image_is_sent_and_shown_again(pictures: Site) -> None:
    """With the message, and words need not be there."""
    visitor = await pictures.visitor()
    answer = await visitor.say("", "c1", images=[picture(), picture(name="../../b.svg")])
    assert 202 == answer.status
    [message] = (await visitor.read()).body["messages"]
    shape = {"content_type": "image/png", "size": len(IMAGE), "width": 64, "height": 48}
    assert [{"n": 0, "name": "a.png"} | shape, {"n": 1, "name": "../../b.svg"} | shape] == message["images"]
    shown = await pictures.ask("GET", "/conversation/messages/1/images/1", headers=visitor.headers)
    assert (200, IMAGE) == (shown.status, shown.body)
    assert ("image/png", "attachment", "nosniff", "default-src 'none'; sandbox") == tuple(
        shown.headers[name]
        for name in (
            "Content-Type",
            "Content-Disposition",
            "X-Content-Type-Options",
            "Content-Security-Policy",
        )
    )
    again = await visitor.say("", "c1", images=[picture(), picture()])
    assert (200, True) == (again.status, again.body["duplicate"])


@pytest.mark.parametrize(
    "path", ["1/images/0", "2/images/0", "1/images/9", "0/images/0", "1/images/x", "1/images/-1"]
)
async def test_images_are_their_own_visitors(pictures: Site, path: str) -> None:
    """W02: somebody else's looks like none."""
    visitor, stranger = await pictures.visitor(), await pictures.visitor()
    await visitor.say("Look", images=[picture()])
    url = f"/conversation/messages/{path}"
    assert 404 == (await pictures.ask("GET", url, headers=stranger.headers)).status
    assert 401 == (await pictures.ask("GET", url)).status
    assert (200 if path == "1/images/0" else 404) == (
        await pictures.ask("GET", url, headers=visitor.headers)
    ).status


async def test_without_the_key_no_images_are_taken(site: Site, visitor: Visitor) -> None:
    """W41: off by default."""
    answer = await visitor.say("Look", images=[picture()])
    assert (422, "invalid", []) == (answer.status, answer.code, site.core.accepted)


@pytest.mark.parametrize(
    ("images", "status"),
    [
        ([picture(b"")], 422),
        ([picture(b"<svg onload=alert(1)>", "x.svg")], 422),
        ([picture(b"%PDF-1.4", "x.png")], 422),
        ([picture(b"GIF89", "x.gif")], 422),
        ([{"name": "a.png", "data": "not base64!"}], 422),
        ([{"name": "a.png"}], 422),
        ([{"name": "a" * 201, "data": "AAAA"}], 422),
        ([{"name": "a.png", "url": "http://127.0.0.1/"}], 422),
        ([picture()] * 4, 422),
        ([picture(IMAGE + bytes(65_536))], 413),
        ([picture(IMAGE + bytes(400_000))], 413),
    ],
)
async def test_what_is_no_image_is_refused(pictures: Site, images: Any, status: int) -> None:
    """W41: too many, too large, of another kind; nothing of the message is stored."""
    visitor = await pictures.visitor()
    answer = await visitor.say("Look", images=images)
    assert (status, []) == (answer.status, pictures.core.accepted)


async def test_beside_no_image_there_are_words(pictures: Site) -> None:
    """W16."""
    visitor = await pictures.visitor()
    for text in ("", "  \n"):
        answer = await visitor.say(text)
        assert (422, "text: must not be empty") == (answer.status, answer.body["error"]["message"])


# -- who is there ------------------------------------------------------------------------------------

WEEK = {"time_zone": "Europe/Amsterdam", "mon": "09:00-18:00", "sat": "10:00-24:00"}


@pytest.mark.parametrize(
    ("moment", "away"),
    [
        ("2026-11-23T08:00:00+00:00", False),  # a Monday, 9:00 in Amsterdam
        ("2026-11-23T07:59:59+00:00", True),
        ("2026-11-23T16:59:00+00:00", False),
        ("2026-11-23T17:00:00+00:00", True),
        ("2026-06-22T07:00:00+00:00", False),  # in summer an hour earlier
        ("2026-11-24T12:00:00+00:00", True),
        ("2026-11-28T22:59:00+00:00", False),
        ("2026-11-28T23:00:00+00:00", True),
    ],
)
async def test_the_team_has_hours(moment: str, *, away: bool) -> None:
    """By its own clock."""
    async with running(widget={"hours": WEEK}) as site:
        with time_machine.travel(moment, tick=True):
            assert away is (await status(await site.visitor()))["away"]


@pytest.mark.parametrize(
    "hours",
    [
        {"mon": "9:00-18:00"},
        {"mon": "18:00-09:00"},
        {"mon": "09:00-09:00"},
        {"mon": "09:00-25:00"},
        {"mon": "09:00"},
        {"monday": "09:00-18:00"},
        {"time_zone": "Nowhere/City"},
        {"time_zone": "../../etc/passwd"},
    ],
)
def test_hours_are_checked(hours: dict[str, str]) -> None:
    """At the start."""
    with pytest.raises(ValueError, match=r"1 validation error"):
        Hours.model_validate(hours)


async def test_the_bots_own_pages_may_use_everything() -> None:
    """The widget lives on the bot's origin: browsers say so, or the host tells."""
    async with running(visitors={"allowed_origins": [ORIGIN]}) as site:
        own = site.url.removesuffix("/channels/web")
        results = [
            (await site.ask("POST", "/sessions", json={}, headers=headers)).status
            for headers in (
                {"Origin": own},
                {"Origin": own, "Sec-Fetch-Site": "same-origin"},
                {
                    "Origin": "https://bot.example",
                    "Sec-Fetch-Site": "same-origin",
                },  # a proxy changed the host
                {"Origin": own, "Sec-Fetch-Site": "cross-site"},
                {"Origin": own, "Sec-Fetch-Site": "same-site"},
                {"Origin": own.replace("http:", "ftp:")},
                {"Origin": own + "0"},
                {"Origin": own.partition("://")[2]},
                {"Origin": "https://evil.example", "Host": "evil.example.com"},
            )
        ]
    assert [201, 201, 201, 403, 403, 403, 403, 403, 403] == results


# -- whether they saw it ------------------------------------------------------------------------------


async def test_what_was_seen_is_told(site: Site, visitor: Visitor) -> None:
    """The core decides by it who is told elsewhere of what they missed."""
    await visitor.say("Hello?")
    assert 204 == (await put(visitor, "seen", {"seq": 1})).status
    assert {visitor.conversation: 1} == site.core.presence.seqs


@pytest.mark.parametrize("seq", [0, -1, 2**31, 1.5, "1", True, None])
async def test_only_a_message_is_seen(site: Site, visitor: Visitor, seq: Any) -> None:
    """A number that none can have is refused."""
    assert 422 == (await put(visitor, "seen", {"seq": seq})).status
    assert {} == site.core.presence.seqs


async def test_who_reads_is_there(site: Site, visitor: Visitor) -> None:
    """Told again and again, for as long as a stream is open."""
    await visitor.say("Hello?")
    assert set() == site.core.presence.readers
    async with visitor.follow() as events:
        await events.next()
        for _ in range(2):
            await eventually(lambda: visitor.conversation in site.core.presence.readers)
            site.core.presence.readers.clear()


async def test_an_address_at_which_it_goes_on(site: Site, visitor: Visitor) -> None:
    """The page may say so."""
    site.core.contacts.follow_up = True
    answer = await put(visitor, "email", {"email": "anna@example.com"})
    assert {"continues_by_email": True} == answer.body


async def test_a_client_gives_only_so_many_addresses() -> None:
    """They may be strangers', who would all get a mail; another session is the same client."""
    limits = {"emails_per_address": {"per_minute": 0.2, "burst": 2}}
    async with running(limits=limits) as site:
        found = []
        for number in range(3):
            visitor = await site.visitor()
            found.append((await put(visitor, "email", {"email": f"v{number}@example.com"})).status)
    assert [200, 200, 429] == found


async def test_an_address_that_was_given_first_is_told_on_a_retry_too(site: Site, visitor: Visitor) -> None:
    """The first try may have been stored, and its process killed before it told the address."""
    await put(visitor, "email", {"email": "anna@example.com"})
    await visitor.say("Hello?", client_id="one")
    site.core.contacts.addresses.clear()
    assert 200 == (await visitor.say("Hello?", client_id="one")).status
    assert {visitor.conversation: "anna@example.com"} == site.core.contacts.addresses
