"""Who a visitor is, as their website vouches for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError
from structlog.testing import capture_logs

from supportbot.messages import Sender
from supportbot_webhook import WebhookConfig
from supportbot_webhook.identity import REASONS
from tests.channels.webhook.driver import Visitor, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.channels.webhook.driver import Answer, Site

SECRET = "the site's secret, which has enough bytes"
OTHER_SECRET = "another secret, which has as many bytes"
AUDIENCE = "supportbot"
DOCS = Path(__file__).parents[3] / "docs"


def pem(private: Any) -> str:
    key = private.public_key() if hasattr(private, "public_key") else private
    return str(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    )


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
KEYS = [
    {"id": "now", "algorithm": "HS256", "secret": SECRET},
    {"id": "rsa", "algorithm": "RS256", "public_key": pem(RSA)},
    {"id": "ec", "algorithm": "ES256", "public_key": pem(EC)},
]


def claims(subject: Any = "anna", **more: Any) -> dict[str, Any]:
    return {"sub": subject, "aud": AUDIENCE, "exp": int(time.time()) + 600} | more


def token(
    content: dict[str, Any] | None = None, key: Any = SECRET, algorithm: str = "HS256", **header: Any
) -> str:
    return jwt.encode(content or claims(), key, algorithm=algorithm, headers={"kid": "now"} | header)


def made(head: Any, content: Any, secret: str = SECRET) -> str:
    """A token of any head at all, with a good HS256 signature."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    signed = f"{part(json.dumps(head).encode())}.{part(json.dumps(content).encode())}"
    return f"{signed}.{part(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


@pytest.fixture
async def shop() -> AsyncIterator[Site]:
    """A channel that takes the site's word."""
    async with running(identity={"keys": KEYS, "audience": AUDIENCE}) as site:
        yield site


async def identify(site: Site, word: str, visitor: Visitor | None = None) -> Answer:
    headers = visitor.headers if visitor else {}
    return await site.ask("POST", "/sessions/identify", json={"token": word}, headers=headers)


async def known(site: Site, word: str, visitor: Visitor | None = None) -> Visitor:
    """A visitor who is known now."""
    answer = await identify(site, word, visitor)
    assert answer.status in {200, 201}, answer.body
    return Visitor(site, answer.body["token"], answer.body["conversation"], answer.body["visitor_id"])


async def texts(visitor: Visitor) -> list[str]:
    return [message["text"] for message in (await visitor.read()).body["messages"]]


# -- what is a good token --------------------------------------------------------------------------


def good_tokens() -> dict[str, str]:
    """Made when they are used: a suite may have run for longer than a token lives."""
    return {
        "plain": token(),
        "with more claims": token(claims(iss="anything", iat=int(time.time()))),
        "RS256": token(key=RSA, algorithm="RS256", kid="rsa"),
        "ES256": token(key=EC, algorithm="ES256", kid="ec"),
        "for several": token(claims(aud=["other", AUDIENCE])),
        "for a day": token(claims(exp=time.time() + 86_400)),
    }


@pytest.mark.parametrize("name", good_tokens())
async def test_a_good_token_is_taken(shop: Site, name: str) -> None:
    """By each kind of key."""
    assert 201 == (await identify(shop, good_tokens()[name])).status


def bad_tokens() -> dict[str, str]:
    """Each is bad for one reason; made when they are used, as the good ones."""
    now = int(time.time())
    return {
        "wrong secret": token(key=OTHER_SECRET),
        "expired": token(claims(exp=now - 60)),
        "longer than a day": token(claims(exp=now + 90_000)),
        "longer than a day from its beginning": token(claims(iat=now - 80_000, exp=now + 80_000)),
        "not yet": token(claims(nbf=now + 600)),
        "from the future": token(claims(iat=now + 600)),
        "without end": token({"sub": "anna", "aud": AUDIENCE}),
        "without audience": token({"sub": "anna", "exp": now + 600}),
        "for another": token(claims(aud="other")),
        "for nobody": token(claims(aud=[])),
        "of nobody": token({"aud": AUDIENCE, "exp": now + 600}),
        "empty subject": token(claims("")),
        "blank subject": token(claims("  ")),
        "long subject": token(claims("x" * 201)),
        "control characters": token(claims("anna\n")),
        "NUL": token(claims("anna\x00")),
        "subject is a number": made({"alg": "HS256", "kid": "now"}, claims(7)),
        "subject is a list": made({"alg": "HS256", "kid": "now"}, claims(["anna"])),
        "name is a list": token(claims(name=["Anna"])),
        "no address": token(claims(email="anna")),
        "end is text": made({"alg": "HS256", "kid": "now"}, claims(exp=str(now + 600))),
        "end is true": made({"alg": "HS256", "kid": "now"}, claims(exp=True)),
        "end is no number that a float can hold": made({"alg": "HS256", "kid": "now"}, claims(exp=10**400)),
        "end is endless": made({"alg": "HS256", "kid": "now"}, claims(exp=1e300)),
        "unknown key": token(kid="nobody"),
        "no key named": made({"alg": "HS256"}, claims()),
        "key is a number": made({"alg": "HS256", "kid": 7}, claims()),
        "key is a path": token(kid="../now"),
        "none": made({"alg": "none", "kid": "now"}, claims()),
        "None": made({"alg": "None", "kid": "now"}, claims()),
        "no algorithm": made({"kid": "now"}, claims()),
        "another algorithm": token(key=SECRET * 2, algorithm="HS512"),
        "the public key as a secret": made({"alg": "HS256", "kid": "rsa"}, claims(), pem(RSA)),
        "RS256 by the secret's name": token(key=RSA, algorithm="RS256", kid="now"),
        "critical": made({"alg": "HS256", "kid": "now", "crit": ["exp"]}, claims()),
        "a body that is a list": made({"alg": "HS256", "kid": "now"}, [claims()]),
        "a head that is a list": made(["HS256"], claims()),
        "deep": made({"alg": "HS256", "kid": "now"}, json.loads("[" * 300 + "]" * 300)),
        "nothing": "a.b.c",
        "not JSON": "bm8.bm8.bm8",
        "no signature": token().rpartition(".")[0] + ".AA",
        "an empty signature": token().rpartition(".")[0] + ".",
        "none, unsigned": made({"alg": "none", "kid": "now"}, claims()).rpartition(".")[0] + ".",
        "none, unsigned, no key named": made({"alg": "none"}, claims()).rpartition(".")[0] + ".",
        "empty": "",
        "junk": "null",
        "two parts": "a.b",
        "four parts": "a.b.c.d",
        "a space": "a b.c.d",
        "no ASCII": "\xe9.b.c",
        "a line's end": token() + "\n",
        "half of a character": "\ud800.b.c",
        "long": "x." + "y" * 9000 + ".z",
    }


REASON = {
    "wrong secret": "signature",
    "expired": "expired",
    "longer than a day": "lifetime",
    "longer than a day from its beginning": "lifetime",
    "not yet": "early",
    "from the future": "early",
    "for another": "audience",
    "end is true": "expired",
    "end is no number that a float can hold": "claims",
    "end is endless": "claims",
    "unknown key": "key",
    "no key named": "key",
    "key is a number": "malformed",
    "key is a path": "key",
    "none": "key",
    "None": "key",
    "no algorithm": "key",
    "another algorithm": "key",
    "the public key as a secret": "key",
    "RS256 by the secret's name": "key",
    "critical": "malformed",
    "a body that is a list": "malformed",
    "a head that is a list": "malformed",
    "deep": "malformed",
    "nothing": "malformed",
    "not JSON": "malformed",
    "no signature": "signature",
    "an empty signature": "signature",
    "none, unsigned": "key",
    "none, unsigned, no key named": "key",
    "empty": "malformed",
    "junk": "malformed",
    "two parts": "malformed",
    "four parts": "malformed",
    "a space": "malformed",
    "no ASCII": "malformed",
    "a line's end": "malformed",
    "half of a character": "malformed",
    "long": "malformed",
}
"""Why; of all others, that a claim is missing or is none."""


@pytest.mark.parametrize("name", bad_tokens())
async def test_a_bad_token_is_refused(shop: Site, name: str) -> None:
    """W07: 401, and nothing changes. Who did not sign it learns nothing; whose key did, what to do; the log
    and the metrics have the reason, and nobody has the token."""
    visitor, word = await shop.visitor(), bad_tokens()[name]
    before = [key async for key, _ in shop.core.records.scan("")]
    with capture_logs() as lines:
        answer = await identify(shop, word, visitor)
    reason = REASON.get(name, "claims")
    signed = reason not in {"malformed", "key", "signature"}
    assert (401, f"identity_{reason}" if signed else "bad_identity") == (answer.status, answer.code)
    assert signed or "The website's token is not good." == answer.body["error"]["message"]
    assert [f"identity_{reason}"] == shop.core.refused
    [line] = [line for line in lines if line["event"] == "webhook.identity_refused"]
    assert ("web", reason) == (line["channel"], line["reason"])
    assert not word or word not in repr(lines)
    assert before == [key async for key, _ in shop.core.records.scan("")]
    assert 200 == (await visitor.read()).status


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_documented(reason: str) -> None:
    """docs/widget.md says of each what to do."""
    assert f"| `{reason}` |" in (DOCS / "widget.md").read_text("utf-8")


@pytest.mark.parametrize("word", [7, None, ["a.b.c"], True])
async def test_what_is_no_text_is_no_token(shop: Site, word: Any) -> None:
    """That is a mistake of the page's, as any field of a wrong kind is."""
    answer = await identify(shop, word)
    assert (422, "invalid") == (answer.status, answer.code)


async def test_an_issuer_is_held_to(shop: Site) -> None:
    """When bot.yaml names one."""
    section = {"keys": KEYS, "audience": AUDIENCE, "issuer": "https://shop.example"}
    async with running(identity=section) as site:
        assert 401 == (await identify(site, token())).status
        assert 401 == (await identify(site, token(claims(iss="https://evil.example")))).status
        assert 201 == (await identify(site, token(claims(iss="https://shop.example")))).status


async def test_keys_are_rotated() -> None:
    """The new and the old one are taken, until the old one is taken away; one key alone need not be named."""
    old, new = ({"id": i, "algorithm": "HS256", "secret": s} for i, s in (("a", SECRET), ("b", OTHER_SECRET)))
    words = [token(kid="a"), token(key=OTHER_SECRET, kid="b"), made({"alg": "HS256"}, claims(), OTHER_SECRET)]
    taken = []
    for keys in ([old], [old, new], [new]):
        async with running(identity={"keys": keys, "audience": AUDIENCE}) as site:
            taken.append([(await identify(site, word)).status for word in words])
    assert [[201, 401, 401], [201, 201, 401], [401, 201, 201]] == taken


async def test_without_keys_there_is_no_route(site: Site) -> None:
    """404, as for whatever is not there."""
    assert 404 == (await identify(site, token())).status


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([], "at least 1 item"),
        ([{"id": "a", "algorithm": "HS256", "secret": ""}], "at least 32 bytes"),
        ([{"id": "a", "algorithm": "HS256", "secret": "short"}], "at least 32 bytes"),
        ([{"id": "a", "algorithm": "HS256"}], "needs secret"),
        (
            [{"id": "a", "algorithm": "HS256", "secret": SECRET, "public_key": pem(RSA)}],
            "takes no public_key",
        ),
        ([{"id": "a", "algorithm": "RS256", "secret": SECRET}], "needs public_key"),
        ([{"id": "a", "algorithm": "RS256", "public_key": pem(EC)}], "no RSA public key"),
        ([{"id": "a", "algorithm": "ES256", "public_key": pem(RSA)}], "no P-256 public key"),
        ([{"id": "a", "algorithm": "ES256", "public_key": "x"}], "no P-256 public key"),
        (
            [{"id": "a", "algorithm": "ES256", "public_key": pem(ec.generate_private_key(ec.SECP384R1()))}],
            "P-256",
        ),
        (
            [{"id": "a", "algorithm": "RS256", "public_key": pem(rsa.generate_private_key(65537, 1024))}],
            "at least 2048 bits",
        ),
        ([{"id": "a", "algorithm": "RS256", "public_key": "-----BEGIN PRIVATE KEY-----"}], "private"),
        ([{"id": "a", "algorithm": "none", "secret": SECRET}], "Input should be"),
        ([KEYS[0], KEYS[0]], "the same id"),
    ],
)
def test_keys_are_checked_at_the_start(keys: list[dict[str, str]], problem: str) -> None:
    """W32: an empty secret, and whatever cannot verify anything; the message shows no secret."""
    with pytest.raises(ValidationError) as caught:
        WebhookConfig.model_validate({"type": "webhook", "identity": {"keys": keys, "audience": AUDIENCE}})
    assert problem in str(caught.value.errors(include_input=False))


# -- whose conversation --------------------------------------------------------------------------------


async def test_the_site_says_who_it_is(shop: Site) -> None:
    """Name and address come with the token, and count as proven."""
    visitor = await known(shop, token(claims(name="Anna", email="anna@example.com")))
    await visitor.say("Hello")
    [inbound] = shop.core.accepted
    assert inbound.sender == Sender(
        id=visitor.visitor_id, name="Anna", email="anna@example.com", assurance="verified"
    )


async def test_what_was_begun_anonymously_is_theirs_from_then_on(shop: Site) -> None:
    """The conversation is adopted, under a new token; the old one is dead."""
    visitor = await shop.visitor()
    await visitor.say("Hello", "c1")
    answer = await identify(shop, token(), visitor)
    assert (201, True, visitor.conversation) == (
        answer.status,
        answer.body["adopted"],
        answer.body["conversation"],
    )
    assert answer.body["token"] != visitor.token
    assert 401 == (await visitor.read()).status
    anna = Visitor(shop, answer.body["token"], visitor.conversation, visitor.visitor_id)
    assert ["Hello"] == await texts(anna)
    again = await anna.say("Hello", "c1")
    assert (200, True) == (again.status, again.body["duplicate"])


async def test_the_same_person_on_another_device(shop: Site) -> None:
    """Sees the conversation, and what they had begun there as nobody stays behind."""
    laptop = await known(shop, token())
    await laptop.say("From the laptop")
    phone = await shop.visitor()
    await phone.say("As nobody")
    answer = await identify(shop, token(), phone)
    assert (False, laptop.conversation) == (answer.body["adopted"], answer.body["conversation"])
    both = Visitor(shop, answer.body["token"], laptop.conversation, laptop.visitor_id)
    assert ["From the laptop"] == await texts(both) == await texts(laptop)
    assert 401 == (await phone.read()).status


async def test_a_second_person_on_the_same_browser(shop: Site) -> None:
    """Never sees the first one's conversation, whether that one logged out or not."""
    anna = await known(shop, token(claims("anna")), await shop.visitor())
    await anna.say("Anna's")
    answer = await identify(shop, token(claims("ben")), anna)
    ben = Visitor(shop, answer.body["token"], answer.body["conversation"], answer.body["visitor_id"])
    assert (False, []) == (answer.body["adopted"], await texts(ben))
    assert ben.conversation != anna.conversation
    assert ben.visitor_id != anna.visitor_id
    assert 401 == (await anna.read()).status


@pytest.mark.parametrize("twin", [" anna", "Anna", "ANNA", "anna ", "ａｎｎａ", "anna\u200b"])
async def test_subjects_are_compared_exactly(shop: Site, twin: str) -> None:
    """W08: nothing is trimmed, folded or normalised."""
    anna = await known(shop, token(claims("anna")))
    other = await known(shop, token(claims(twin)))
    assert anna.conversation != other.conversation


async def test_after_log_out_everybody_begins_anew(shop: Site) -> None:
    """W10: the token is dead, and the next session knows nothing."""
    anna = await known(shop, token())
    await anna.say("Anna's")
    assert 204 == (await shop.ask("DELETE", "/sessions/current", headers=anna.headers)).status
    assert 401 == (await anna.read()).status
    nobody = await shop.visitor()
    assert [] == await texts(nobody)
    assert ["Anna's"] == await texts(await known(shop, token()))


async def test_saying_it_again_changes_nothing(shop: Site) -> None:
    """A website says it with every page: the token stays, and lives on."""
    anna = await known(shop, token())
    answer = await identify(shop, token(claims(name="Anna")), anna)
    assert (200, anna.token, "Anna") == (answer.status, answer.body["token"], answer.body["name"])


async def test_two_people_at_the_same_moment(shop: Site) -> None:
    """Of two who log in with one anonymous session, one gets its conversation."""
    import asyncio

    visitor = await shop.visitor()
    await visitor.say("Hello")
    answers = await asyncio.gather(
        *(identify(shop, token(claims(name)), visitor) for name in ("anna", "ben", "cleo"))
    )
    assert 3 == len({answer.body["conversation"] for answer in answers})
    assert 1 == [answer.body["adopted"] for answer in answers].count(True)


async def test_dying_between_two_steps_gives_nothing_away(shop: Site) -> None:
    """The old token, were it still there, is the person's by then: nobody else inherits what it opens."""
    visitor = await shop.visitor()
    await visitor.say("Anna's")
    close = shop.core.records.delete

    async def never(key: str) -> None:
        raise ConnectionAbortedError(key)

    shop.core.records.delete = never  # type: ignore[method-assign]
    await shop_dies(shop, visitor)
    shop.core.records.delete = close  # type: ignore[method-assign]
    ben = await known(shop, token(claims("ben")), visitor)
    assert (False, []) == (ben.conversation == visitor.conversation, await texts(ben))
    assert ["Anna's"] == await texts(await known(shop, token(claims("anna"))))


async def shop_dies(shop: Site, visitor: Visitor) -> None:
    import aiohttp

    try:
        answer = await identify(shop, token(claims("anna")), visitor)
    except aiohttp.ClientError:
        return
    assert answer.status >= 500


async def test_streams_of_the_old_token_end(shop: Site) -> None:
    """And those of the person's other devices go on."""
    anna = await known(shop, token())
    await anna.say("Hello")
    phone = await shop.visitor()
    await phone.say("As nobody")
    async with anna.follow() as kept, phone.follow() as ended:
        await kept.until("state")
        await ended.until("state")
        await known(shop, token(), phone)
        assert "bye" == (await ended.next()).name
        shop.core.reply(anna.conversation, "Hi")
        events = await kept.until("message")
    assert "Hi" == events[-1].data["text"]


async def test_streams_end_when_another_process_ended_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They look again in their silence."""
    monkeypatch.setattr("supportbot_webhook.stream._ASK_AGAIN", 0.0)
    async with running(streams={"heartbeat": 0.01}) as site:
        visitor = await site.visitor()
        await visitor.say("Hello")
        async with visitor.follow() as events:
            await events.until("state")
            for key in [key async for key, _ in site.core.records.scan("session:")]:
                await site.core.records.delete(key)
            assert "bye" == (await events.next()).name


async def test_an_identified_session_is_short() -> None:
    """It lives so many hours after the last word of the site."""
    import time_machine

    async with running(identity={"keys": KEYS, "audience": AUDIENCE, "session_hours": 1}) as site:
        anna = await known(site, token())
        with time_machine.travel(time.time() + 3700, tick=True):
            assert 401 == (await anna.read()).status


async def test_what_somebody_claimed_is_not_proven(shop: Site) -> None:
    """An address given as nobody does not become the known person's."""
    visitor = await shop.visitor(name="Mallory", email="victim@example.com")
    anna = await known(shop, token(), visitor)
    await anna.say("Hello")
    assert ("", "verified") == (shop.core.accepted[0].sender.email, shop.core.accepted[0].sender.assurance)


async def test_an_address_that_the_website_vouches_for_is_told(shop: Site) -> None:
    """With the first message, and with the next identify; one that they gave themselves stays."""
    anna = await known(shop, token(claims(email="anna@example.com")))
    assert {} == shop.core.contacts.addresses
    await anna.say("Hello")
    assert {anna.conversation: "anna@example.com"} == shop.core.contacts.addresses
    shop.core.contacts.addresses[anna.conversation] = "other@example.com"
    await known(shop, token(claims(email="anna@example.com")), anna)
    assert {anna.conversation: "other@example.com"} == shop.core.contacts.addresses
