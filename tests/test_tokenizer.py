"""A model's own vocabulary: the count is exact, and no prompt is over budget by it."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supportbot.config.models import ModelSection
from supportbot.errors import ModelError
from supportbot.history import cost
from supportbot.messages import Image, Prompt, ToolCall, Words
from supportbot.model.client import Endpoint
from supportbot.model.exact import Exact
from supportbot.model.failures import Failure
from supportbot.model.scale import Scale
from supportbot.testing.model_calls import RecordingSink, a_prompt
from supportbot.testing.model_server import FakeModelServer
from supportbot.tokenizer import NoVocabulary, Tokenizer, read_ranks
from tests.bot_folder import BotFolder
from tests.test_prompt_budget import ENTRIES, TEXTS

if TYPE_CHECKING:
    from pathlib import Path

MERGES = [b"he", b"ll", b"hell", b"hello", b" w", b"or", b"ld", b" wor", b" world", b"\n\n", b"user", b" the"]


def vocabulary(folder: Path, *, tokens: int = 0) -> Path:
    """Write one in the form of Llama's: all bytes, and some longer tokens."""
    more = [b"\xff" + number.to_bytes(3) for number in range(tokens - 256 - len(MERGES))]
    every = [*(bytes([byte]) for byte in range(256)), *MERGES, *more]
    path = folder / "tokenizer.model"
    path.write_bytes(b"".join(b64encode(token) + b" %d\n" % rank for rank, token in enumerate(every)))
    return path


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return Tokenizer(vocabulary(tmp_path_factory.mktemp("vocabulary")))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("hello", 1), ("hello world", 2), ("123456", 6), ("caf\u00e9", 5), ("x" * 50_000, 50_000)],
)
def test_a_text_is_counted(tokenizer: Tokenizer, text: str, tokens: int) -> None:
    """By the vocabulary; what has no token of its own is so many bytes."""
    assert tokens == tokenizer.count(text)


def test_llama_4_parts_a_text_otherwise(tmp_path: Path) -> None:
    """A slash stays with what stands before it: known by the size of the vocabulary."""
    small = Tokenizer(vocabulary(tmp_path))
    large = Tokenizer(vocabulary(tmp_path, tokens=128_001))
    assert small._encoding._pat_str != large._encoding._pat_str
    assert 1 == large.count("hello")


async def test_texts_are_counted_once(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of a conversation come again in every turn; long ones are a thread's work."""
    long = "hello world" * 4000
    assert 2 + 2 + tokenizer.count(long) == await tokenizer.total(["hello world", "hello world", long])
    counted: list[str] = []
    monkeypatch.setattr(tokenizer, "count", lambda text: counted.append(text) or 1)
    assert 2 + 1 == await tokenizer.total(["hello world", "new"])
    assert ["new"] == counted


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        (b"", "is a vocabulary without tokens for all bytes"),
        (b"aGk= 1\n", "is a vocabulary without tokens for all bytes"),
        (b"{}", "is no vocabulary in tiktoken's format"),
        (b"aGk= one\n", "is no vocabulary in tiktoken's format"),
        (b"\x0a\x0b\x00\xff sentencepiece", "is no vocabulary in tiktoken's format"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """In a few words."""
    path = tmp_path / "tokenizer.model"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoVocabulary, match=problem):
        read_ranks(path)


async def test_the_chat_template_is_counted(tokenizer: Tokenizer) -> None:
    """The beginning, four around each entry beside its role, and the header of the answer."""
    exact = Exact(tokenizer, Scale())
    assert 1 + 4 + 4 + 1 + 2 == await exact.count([Words(role="user", content="hello world")])
    call = ToolCall(id="1", name="hello", arguments="hello")
    words = [Words(role="user", content="", images=(Image(url="", tokens=147),), tool_calls=(call,))]
    assert 1 + 4 + 4 + 1 + 147 + 4 + 2 == await exact.count(words)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules=TEXTS, words=ENTRIES, question=TEXTS.filter(bool), limit=st.integers(640, 8000))
async def test_no_prompt_is_over_budget_by_the_models_own_count(
    tokenizer: Tokenizer, rules: str, words: list[Words], question: str, limit: int
) -> None:
    """It fits exactly, or it is refused; and the newest words are still there."""
    exact = Exact(tokenizer, Scale())
    prompt = a_prompt().evolve(
        words=(Words(role="system", content=rules), *words, Words(role="user", content=question))
    )
    try:
        less = await exact.fitted(prompt.evolve(tokens=cost(prompt.words)), limit)
    except Failure:
        # This vocabulary knows few words: a token of the estimate can be a dozen of its own.
        assert await exact.count(prompt.words) > limit
        return
    assert await exact.count(less.words) == less.tokens <= limit
    assert "user" == less.words[-1].role


async def test_an_endpoint_counts_with_it(tmp_path: Path) -> None:
    """What is asked fits into the window; what cannot is not even sent."""
    async with FakeModelServer() as server:
        endpoint = an_endpoint(server, tmp_path)
        prompt = conversation("hello world " * 20, exchanges=60)
        answer = await endpoint.complete(prompt, RecordingSink())
        with pytest.raises(ModelError, match="too long"):
            await endpoint.complete(conversation("x7" * 3000, 1).evolve(whole=True), RecordingSink())
        await endpoint.close()
    assert 400 < answer.prompt.tokens <= 1024 - 64
    assert len(server.requests[0].body["messages"]) < 121
    assert 1 == len(server.requests)


def an_endpoint(server: FakeModelServer, folder: Path, **more: Any) -> Endpoint:
    window = {"context_tokens": 1024, "max_tokens": 64, "tokenizer": vocabulary(folder)}
    return Endpoint(ModelSection(model="m", base_url=server.base_url("openai"), **window, **more))


def conversation(text: str, exchanges: int) -> Prompt:
    words = (Words(role="user", content=text), Words(role="assistant", content=text)) * exchanges
    words = (*words, Words(role="user", content="hello"))
    return a_prompt().evolve(words=words, tokens=cost(words))


def test_a_vocabulary_is_looked_for_beside_bot_yaml(tmp_path: Path) -> None:
    """Its path begins there; one that is not there is said before a bot starts."""
    folder = BotFolder(tmp_path)
    entry = "model:\n  - {model: m, base_url: http://127.0.0.1/v1, tokenizer: tokenizer.model}\n"
    (problem,) = folder.problems(entry)
    assert problem.startswith("bot.yaml:2:58: model[0].tokenizer cannot be read: ")
    path = vocabulary(tmp_path)
    assert path == folder.load(entry).config.model[0].tokenizer
