"""Verdicts of three kinds of guard, read as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supportbot.config.moderation import GuardSection
from supportbot.messages import Words
from supportbot.metrics import Metrics
from supportbot.model.moderations import read_verdict
from supportbot.moderation import Moderator
from supportbot.objections import Objection
from supportbot.testing.model_calls import a_prompt
from supportbot.testing.model_replies import ModelReply, problem
from supportbot.testing.model_server import FakeModelServer

if TYPE_CHECKING:
    from supportbot.testing.model_replies import Dialect

both_dialects = pytest.mark.parametrize("dialect", ["llama", "openai"])
FLAGS = {"rob a bank": "non-violent-crimes", "my neighbour": "privacy"}
QUESTION = Words(role="user", content="How do I rob a bank?")
ANSWER = Words(role="assistant", content="Ask my neighbour.")


async def judged(
    server: FakeModelServer, dialect: Dialect, *words: Words, of: Any = "input", **more: Any
) -> Objection | None:
    section = GuardSection(dialect=dialect, model="guard", base_url=server.base_url(dialect), **more)
    moderator = Moderator(section, Metrics())
    try:
        return await moderator.objection(a_prompt(), of, *words)
    finally:
        await moderator.close()


@both_dialects
async def test_what_is_flagged_is_named(dialect: Dialect) -> None:
    """Both forms of the answer give the same: the list of the Llama API, the map of OpenAI."""
    async with FakeModelServer(flagged=FLAGS) as server:
        assert Objection(of="input", categories=("non-violent-crimes",)) == await judged(
            server, dialect, QUESTION
        )
        assert await judged(server, dialect, Words(role="user", content="Hello")) is None


@both_dialects
async def test_an_answer_is_judged(dialect: Dialect) -> None:
    """By the Llama API together with its question, as its guide does it; elsewhere by itself."""
    async with FakeModelServer(flagged={"my neighbour": "privacy"}) as server:
        found = await judged(server, dialect, QUESTION, ANSWER, of="output")
    assert Objection(of="output", categories=("privacy",)) == found
    asked = [{"role": words.role, "content": words.content} for words in (QUESTION, ANSWER)]
    expected = {"messages": asked} if dialect == "llama" else {"input": ANSWER.content}
    assert {"model": "guard", **expected} == server.moderated[0].body


@both_dialects
async def test_llama_guard_is_asked_by_chat(dialect: Dialect) -> None:
    """Its own template makes the prompt of the messages; its codes become names."""
    async with FakeModelServer(ModelReply(pieces=("\n\nunsafe\n", "S2,S99"))) as server:
        found = await judged(server, dialect, QUESTION, call="chat")
    assert Objection(of="input", categories=("non-violent-crimes", "S99")) == found
    assert [{"role": "user", "content": QUESTION.content}] == server.requests[0].body["messages"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("safe", ()),
        (" SAFE \n", ()),
        ("unsafe", ("unspecified",)),
        ("unsafe\nS1, S14\n", ("violent-crimes", "code-interpreter-abuse")),
        ("unsafe\nhate,hate\n\nself-harm", ("hate", "self-harm")),
        ("safe to say: no", None),
        ("safe\nunsafe", None),
        ("I am sorry", None),
    ],
)
def test_a_verdict_is_read(text: str, expected: tuple[str, ...] | None) -> None:
    """Only what is plainly a verdict is one."""
    assert expected == read_verdict(text)


BROKEN = {
    "down": problem(503, "Down"),
    "wrong key": problem(401, "Unauthorized"),
    "no result": ModelReply(body=b'{"results": []}'),
    "null": ModelReply(body=b'{"results": [{"flagged": null}]}'),
    "text": ModelReply(body=b'{"results": [{"flagged": "false"}]}'),
    "page": ModelReply(body=b"<html>", content_type="text/html"),
    "slow": ModelReply(first_delay=30),
}


@both_dialects
@pytest.mark.parametrize("verdict", BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_no_verdict_is_an_objection(dialect: Dialect, verdict: ModelReply) -> None:
    """Whatever the endpoint does, nothing passes that was not judged."""
    async with FakeModelServer(verdict=verdict) as server:
        found = await judged(server, dialect, QUESTION, timeout=0.7)
    assert found is not None
    assert ((), True) == (found.categories, bool(found.error))


async def test_a_part_is_not_judged_for_the_whole() -> None:
    """What does not fit into the guard's window is not shortened: that would be how to get past it."""
    long = Words(role="user", content="How are you? " * 8000 + QUESTION.content)
    async with FakeModelServer(flagged=FLAGS) as server:
        found = await judged(server, "llama", long)
    assert found is not None
    assert ("it is too long for the model's window", []) == (found.error, server.moderated)
