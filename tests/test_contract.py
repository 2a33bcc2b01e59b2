"""The contract suite notices what it is there to notice: a sound channel passes, each broken one fails."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import pytest
from aiohttp import web
from pydantic import ConfigDict

from supportbot.channel import Capabilities, ChannelConfig
from supportbot.errors import DeliveryError, NeverClear, Refused, RetryAfter, SendUnseen, Unclear
from supportbot.ids import new_id
from supportbot.messages import Inbound, Sender, Sent
from supportbot.strictjson import JSONError, parse
from supportbot.testing import ChannelContract, HttpPlatform
from supportbot.web import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from supportbot.changes import Withdrawn
    from supportbot.channel import Accept
    from supportbot.host import Host
    from supportbot.messages import Outbound
    from supportbot.testing import Site, Written


class PagerChannel:
    """A sound channel; each of its steps is a method of its own, to be broken."""

    class Config(ChannelConfig):
        url: str

    capabilities: ClassVar[Capabilities] = Capabilities(max_text=1000)

    def __init__(self, config: Config, host: Host) -> None:
        self.url = config.url
        self.host = host

    def app(self, accept: Accept) -> web.Application:
        async def receive(request: web.Request) -> web.Response:
            return await self.receive(await request.read(), accept)

        app = web.Application()
        app.cleanup_ctx.append(self.connect)
        app.add_routes([web.post("/pages", receive)])
        return app

    async def connect(self, _: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(self.url) as self.http:
            yield

    async def receive(self, raw: bytes, accept: Accept) -> web.Response:
        await accept(self.inbound(self.parse(raw)))
        return web.Response(status=204)

    def parse(self, raw: bytes) -> Any:
        try:
            page = parse(raw)
        except JSONError as error:
            raise Problem(400, "bad_json", str(error)) from None
        if not isinstance(page, dict) or page.keys() != {"id", "pager", "text"}:
            raise Problem(422, "invalid", "This is no page.")
        return page

    def inbound(self, page: Any) -> Inbound:
        return Inbound(
            channel=self.host.name,
            conversation=page["pager"],
            sender=Sender(id=page["pager"]),
            text=page["text"],
            keys=(page["id"],),
        )

    async def send(self, outbound: Outbound) -> Sent:
        words = outbound.text if outbound.notice is None else outbound.notice.text
        for number, text in enumerate(self.parts(words)):
            id = f"{outbound.delivery_id}-{number}"  # noqa: A001 - as the platform calls it
            await self.post({"id": id, "pager": self.pager(outbound), "text": text})
        return Sent(external_id=outbound.delivery_id)

    def pager(self, outbound: Outbound) -> str:
        return outbound.external_id if outbound.notice is None else str(outbound.address["pager"])

    def team_address(self) -> dict[str, str]:
        return {"pager": "team"}

    async def update(self, outbound: Outbound) -> Sent:
        assert outbound.notice is not None
        assert outbound.notice.change is not None
        now = f"{outbound.notice.text} {outbound.notice.change.name} speaks there."
        await self.put(outbound.notice.standing, now)
        return Sent(external_id=outbound.notice.standing)

    async def withdraw(self, withdrawn: Withdrawn) -> None:
        await self.put(withdrawn.external_id, "This was deleted.")

    async def put(self, receipt: str, text: str) -> None:
        async with self.http.put(f"/pages/{receipt}-0", json={"text": text}) as response:
            self.judge(response.status)

    def parts(self, text: str) -> list[str]:
        parts = [""]
        for word in text.split():
            if len(parts[-1]) + 1 + len(word) > 1000:
                parts.append("")
            parts[-1] = f"{parts[-1]} {word}".strip()
        return parts

    async def post(self, page: dict[str, str]) -> None:
        async with self.http.post("/pages", json=page) as response:
            self.judge(response.status)

    def judge(self, status: int) -> None:
        if status == 429:
            raise RetryAfter(seconds=1, cause="busy")
        if status >= 500:
            raise Unclear(cause="an error there")
        if status >= 400:
            raise Refused(cause="refused")

    async def find(self, outbound: Outbound) -> Sent | None:
        async with self.http.get(f"/pages/{outbound.delivery_id}-0") as response:
            return Sent(external_id=outbound.delivery_id) if response.status == 200 else None


class Pagers(HttpPlatform):
    """Shows a page as often as it is posted."""

    def __init__(self) -> None:
        self.pages: list[dict[str, str]] = []

    def routes(self) -> Iterable[web.RouteDef]:
        path = "/pages/{id}"
        return [web.post("/pages", self.take), web.get(path, self.tell), web.put(path, self.change)]

    def section(self) -> Mapping[str, Any]:
        return {"url": self.url}

    async def write(self, site: Site, written: Written) -> int:
        page = {"id": written.id, "pager": written.conversation, "text": written.text}
        return await site.post("/pages", data=json.dumps(page).encode())

    async def shown(self, site: Site, conversation: str) -> list[str]:
        return [page["text"] for page in self.pages if page["pager"] == conversation]

    async def told(self, site: Site) -> list[str]:
        return await self.shown(site, "team")

    async def change(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        for page in self.pages:
            page["text"] = text if page["id"] == request.match_info["id"] else page["text"]
        return web.Response(status=204)

    async def take(self, request: web.Request) -> web.Response:
        self.pages.append(await request.json())
        return web.Response(status=201)

    async def tell(self, request: web.Request) -> web.Response:
        known = any(page["id"] == request.match_info["id"] for page in self.pages)
        return web.Response(status=200 if known else 404)


class TestPager(ChannelContract):
    """A sound channel passes."""

    channel = PagerChannel
    platform = Pagers


class BlindPager:
    """A channel that cannot look, on a platform that cannot fail."""

    Config = PagerChannel.Config
    capabilities = Capabilities()

    def __init__(self, config: PagerChannel.Config, host: Host) -> None:
        self.pager = PagerChannel(config, host)

    def app(self, accept: Accept) -> web.Application:
        return self.pager.app(accept)

    async def send(self, outbound: Outbound) -> Sent:
        return await self.pager.send(outbound)


class SoundPagers(Pagers):
    faults = frozenset()


class BlindContract(ChannelContract):
    channel = BlindPager
    platform = SoundPagers


# -- broken ones, each in one way ------------------------------------------------------------------


class Lenient(PagerChannel):
    class Config(PagerChannel.Config):
        model_config = ConfigDict(extra="ignore")


class Sorted(PagerChannel):
    class Config(PagerChannel.Config):
        def roles(self) -> Any:
            return ["web"]


class Polling(PagerChannel):
    class Config(PagerChannel.Config):
        def roles(self) -> frozenset[str]:
            return frozenset({"poller"})


class Undeclared(PagerChannel):
    capabilities: ClassVar[Any] = {"streaming": True}


class LeavesTask(PagerChannel):
    async def connect(self, app: web.Application) -> AsyncIterator[None]:
        self.task = asyncio.ensure_future(asyncio.sleep(60))
        async for _ in super().connect(app):
            yield


class LeavesFile(PagerChannel):
    left: ClassVar[list[int]] = []

    async def connect(self, app: web.Application) -> AsyncIterator[None]:
        self.left.append(os.dup(0))
        async for _ in super().connect(app):
            yield


class WrongName(PagerChannel):
    def inbound(self, page: Any) -> Inbound:
        return super().inbound(page).evolve(channel="pager")


class Keyless(PagerChannel):
    def inbound(self, page: Any) -> Inbound:
        return super().inbound(page).evolve(keys=("",))


class Hasty(PagerChannel):
    async def receive(self, raw: bytes, accept: Accept) -> web.Response:
        self.storing = asyncio.ensure_future(super().receive(raw, accept))
        await asyncio.sleep(0)
        return web.Response(status=204)


class Swallowing(PagerChannel):
    async def receive(self, raw: bytes, accept: Accept) -> web.Response:
        try:
            return await super().receive(raw, accept)
        except Exception:  # noqa: BLE001 - that is what is wrong with it
            return web.Response(status=204)


class RandomKeys(PagerChannel):
    def inbound(self, page: Any) -> Inbound:
        return super().inbound(page).evolve(keys=(new_id("key"),))


class TextKeys(PagerChannel):
    def inbound(self, page: Any) -> Inbound:
        return super().inbound(page).evolve(keys=(page["text"] or "-",))


class OneConversation(PagerChannel):
    def inbound(self, page: Any) -> Inbound:
        return super().inbound(page).evolve(conversation="all")


class Encoding(PagerChannel):
    def parse(self, raw: bytes) -> Any:
        page = json.loads(raw)
        page["text"].encode()
        return page


class LastWriter(PagerChannel):
    def inbound(self, page: Any) -> Inbound:
        self.last = page["pager"]
        return super().inbound(page)

    def pager(self, outbound: Outbound) -> str:
        return str(self.last)


class Forgetful(PagerChannel):
    def __init__(self, config: PagerChannel.Config, host: Host) -> None:
        super().__init__(config, host)
        self.pagers: dict[str, str] = {}

    def inbound(self, page: Any) -> Inbound:
        self.pagers[page["pager"]] = page["pager"]
        return super().inbound(page)

    def pager(self, outbound: Outbound) -> str:
        return self.pagers.get(outbound.external_id, "nobody")


class Truncating(PagerChannel):
    def parts(self, text: str) -> list[str]:
        return super().parts(text)[:1]


class TooLong(PagerChannel):
    def parts(self, text: str) -> list[str]:
        return [text]


class NoReceipt(PagerChannel):
    async def send(self, outbound: Outbound) -> Sent:
        return (await super().send(outbound)).evolve(external_id="")


class Choking(PagerChannel):
    def parts(self, text: str) -> list[str]:
        return [text.encode("latin-1").decode()]


class SharedMemory(PagerChannel):
    seen: ClassVar[set[str]] = set()

    async def receive(self, raw: bytes, accept: Accept) -> web.Response:
        page = self.parse(raw)
        if page["id"] not in self.seen:
            self.seen.add(page["id"])
            await accept(self.inbound(page))
        return web.Response(status=204)


class FindsAll(PagerChannel):
    async def find(self, outbound: Outbound) -> Sent | None:
        return Sent(external_id=outbound.delivery_id)


class FindsNone(PagerChannel):
    async def find(self, outbound: Outbound) -> Sent | None:
        return None


class Unlooking(PagerChannel):
    error: ClassVar[type[NeverClear]] = NeverClear

    async def find(self, outbound: Outbound) -> Sent | None:
        raise self.error(cause="missing_scope")


class AllUnclear(PagerChannel):
    def judge(self, status: int) -> None:
        if status >= 400:
            raise Unclear(cause="an error there")


class AllRefused(PagerChannel):
    def judge(self, status: int) -> None:
        if status >= 400:
            raise Refused(cause="an error there")


class NeverLooks(PagerChannel):
    def judge(self, status: int) -> None:
        """Does not look at the status."""


class Tactless(PagerChannel):
    def pager(self, outbound: Outbound) -> str:
        return outbound.external_id


class PostsAnew(PagerChannel):
    async def update(self, outbound: Outbound) -> Sent:
        await self.send(outbound)
        return await super().update(outbound)


class Unmoved(PagerChannel):
    async def put(self, receipt: str, text: str) -> None:
        """Leaves the page as it is."""


class Wordy(PagerChannel):
    async def withdraw(self, withdrawn: Withdrawn) -> None:
        await self.put(withdrawn.external_id, "I need a person for parcel 4711. (deleted)")


class NeedsWords(PagerChannel):
    async def find(self, outbound: Outbound) -> Sent | None:
        return await super().find(outbound) if outbound.text else None


class Retrying(PagerChannel):
    async def post(self, page: dict[str, str]) -> None:
        try:
            await super().post(page)
        except Unclear:
            await super().post(page)


BROKEN: list[tuple[type[PagerChannel], str, dict[str, Any]]] = [
    (Lenient, "its_config_refuses_unknown_keys", {}),
    (Sorted, "its_config_names_roles_that_there_are", {}),
    (Polling, "its_config_names_roles_that_there_are", {}),
    (Undeclared, "it_declares_what_it_can_do", {}),
    (LeavesTask, "it_starts_and_stops_leaving_nothing", {}),
    (LeavesFile, "it_starts_and_stops_leaving_nothing", {}),
    (WrongName, "a_message_arrives_in_the_normal_form", {}),
    (Keyless, "a_message_arrives_in_the_normal_form", {}),
    (Hasty, "nothing_is_acknowledged_before_it_is_stored", {}),
    (Swallowing, "what_could_not_be_stored_is_not_acknowledged", {"failure": Unclear(cause="any")}),
    (RandomKeys, "a_message_that_comes_again_is_the_same", {}),
    (TextKeys, "the_same_words_can_be_two_messages", {}),
    (OneConversation, "conversations_are_kept_apart", {}),
    (Encoding, "hostile_words_break_nothing", {"text": "parcel \ud800"}),
    (Encoding, "strangers_bytes_break_nothing", {"body": b"{"}),
    (NoReceipt, "a_reply_is_delivered", {}),
    (LastWriter, "replies_do_not_mix", {}),
    (Forgetful, "a_reply_survives_a_restart", {}),
    (Truncating, "a_long_reply_loses_nothing", {}),
    (TooLong, "a_long_reply_loses_nothing", {}),
    (Choking, "hostile_replies_break_nothing", {"text": "parcel \u202e"}),
    (SharedMemory, "two_of_them_share_nothing", {}),
    (Tactless, "what_the_team_is_told_the_customer_does_not_see", {}),
    (PostsAnew, "what_the_team_was_told_is_brought_up_to_date", {}),
    (Unmoved, "what_the_team_was_told_is_brought_up_to_date", {}),
    (Unmoved, "what_was_told_of_a_deleted_conversation_is_taken_back", {}),
    (Wordy, "what_was_told_of_a_deleted_conversation_is_taken_back", {}),
    (NeedsWords, "what_was_told_of_a_deleted_conversation_is_taken_back", {}),
    (FindsAll, "it_does_not_find_what_is_not_there", {}),
    (FindsNone, "what_was_sent_is_shown_once_however_it_is_settled", {}),
    (AllUnclear, "a_refusal_is_told_as_one", {}),
    (AllRefused, "a_busy_platform_gets_the_time_it_asks_for", {}),
    (AllRefused, "a_reply_that_got_lost_is_not_called_delivered", {}),
    (NeverLooks, "a_reply_that_got_lost_is_not_called_delivered", {}),
    (Retrying, "a_reply_that_arrived_unseen_is_not_sent_twice", {}),
]
"""A channel, the test that it must fail, and what that test is called with."""


def _name(value: Any) -> str:
    return value if isinstance(value, str) else getattr(value, "__name__", "")


@pytest.mark.parametrize(("channel", "test", "given"), BROKEN, ids=_name)
async def test_a_broken_channel_fails(channel: Any, test: str, given: dict[str, Any]) -> None:
    """Each way to be wrong is noticed by the test that is about it."""
    contract = type("Contract", (ChannelContract,), {"channel": channel, "platform": Pagers})()
    with pytest.raises((AssertionError, pytest.fail.Exception, UnicodeEncodeError, DeliveryError)):
        await getattr(contract, f"test_{test}")(**given)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    while LeavesFile.left:
        os.close(LeavesFile.left.pop())


@pytest.mark.parametrize("error", [NeverClear, SendUnseen])
async def test_who_may_not_look_is_told_what_the_suite_needs(error: Any) -> None:
    """That is no fault of the channel's: the platform played has to let it look."""
    blind = type("Blind", (Unlooking,), {"error": error})
    contract = type("Contract", (ChannelContract,), {"channel": blind, "platform": Pagers})()
    with pytest.raises(AssertionError, match="section must be one with which 'find' can look"):
        await contract.test_it_does_not_find_what_is_not_there()


def test_every_test_of_the_suite_fails_for_someone() -> None:
    """No test of the suite is there that nothing can fail."""
    tests = {name.removeprefix("test_") for name in vars(ChannelContract) if name.startswith("test_")}
    assert set() == tests - {test for _, test, _ in BROKEN}


def test_contracts_can_be_derived() -> None:
    """What one platform cannot play another may: each decides for itself, and keeps what it overrides."""

    class Base(ChannelContract):
        """Names neither."""

    class Blind(Base):
        channel, platform = PagerChannel, SoundPagers

    class Seeing(Blind):
        platform = Pagers

        async def test_a_refusal_is_told_as_one(self) -> None:
            """Overridden."""

    assert Blind.test_a_refusal_is_told_as_one is None
    assert "Overridden." == Seeing.test_a_refusal_is_told_as_one.__doc__
    assert Seeing.test_a_busy_platform_gets_the_time_it_asks_for is not None


def test_what_a_channel_cannot_do_is_not_asked() -> None:
    """Without find, team_address, update, withdraw and faults, the tests that need them are left out, and no
    others."""
    left_out = {
        name
        for name in vars(ChannelContract)
        if name.startswith("test_") and not getattr(BlindContract, name)
    }
    assert {
        "test_it_does_not_find_what_is_not_there",
        "test_what_the_team_is_told_the_customer_does_not_see",
        "test_what_the_team_was_told_is_brought_up_to_date",
        "test_what_was_told_of_a_deleted_conversation_is_taken_back",
        "test_what_was_sent_is_shown_once_however_it_is_settled",
        "test_a_refusal_is_told_as_one",
        "test_a_busy_platform_gets_the_time_it_asks_for",
        "test_a_reply_that_got_lost_is_not_called_delivered",
        "test_a_reply_that_arrived_unseen_is_not_sent_twice",
    } == left_out
