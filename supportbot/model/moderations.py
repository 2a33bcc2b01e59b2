"""A moderation endpoint, spoken to like a model: its verdict is read as Llama Guard would write it.

``safe``, or ``unsafe`` and the categories in the next line. So a ``/moderations`` endpoint of either dialect
and a Llama Guard model behind a chat endpoint are one thing to everybody else, with the same deadlines, gate,
breaker and failures as every model.

https://llama.developer.meta.com/docs/api/moderations, https://platform.openai.com/docs/api-reference/moderations
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from supportbot.model.wire import Delta, WireError, mapping, sequence, string, without_special_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supportbot.config.models import ModelSection
    from supportbot.messages import Prompt

_MOST = 20  # categories
_CODE = re.compile(r"S(\d{1,2})\b")
_NAMES = (  # of Llama Guard 3 and 4, from S1 on: the MLCommons hazards, as the Llama API spells them
    "violent-crimes",
    "non-violent-crimes",
    "sex-related-crimes",
    "child-sexual-exploitation",
    "defamation",
    "specialized-advice",
    "privacy",
    "intellectual-property",
    "indiscriminate-weapons",
    "hate",
    "self-harm",
    "sexual-content",
    "elections",
    "code-interpreter-abuse",
)


class ModerationsCodec:
    """Speaks to ``/moderations``."""

    def __init__(self, chat: Any, *, llama: bool) -> None:
        """``chat`` is the codec of the dialect's chat; ``llama``: the Llama API's form, else OpenAI's."""
        self.default_base_url: str = chat.default_base_url
        self.path = "/moderations"
        self._llama = llama

    def request(self, prompt: Prompt, section: ModelSection) -> dict[str, Any]:
        """Ask about the last words; the Llama API judges an answer together with its question."""
        if self._llama:
            said = [(words.role, without_special_tokens(words.content)) for words in prompt.words]
            messages = [{"role": role, "content": text} for role, text in said]
            return {"model": section.model, "messages": messages}
        return {"model": section.model, "input": prompt.words[-1].content}

    def delta(self, event: Mapping[str, Any]) -> Delta:
        """A verdict is never streamed."""
        raise WireError("it streamed a verdict", report=event)

    def whole(self, body: Mapping[str, Any]) -> Delta:
        """Read a verdict; anything that is not clearly one is an error, never a pass."""
        results = [mapping(result) for result in sequence(body.get("results"))]
        if not results or not all(isinstance(result.get("flagged"), bool) for result in results):
            raise WireError("its response holds no verdict", report=body)
        if not any(result["flagged"] for result in results):
            return Delta(text="safe", stop_reason="stop")
        found = ",".join(name for result in results for name in _categories(result))
        return Delta(text=f"unsafe\n{found}", stop_reason="stop")


def read_verdict(text: str) -> tuple[str, ...] | None:
    """Return the categories of a verdict, ``()`` when nothing stands against it, None when it is none.

    The codes of Llama Guard become names, as the Llama API spells them; what is flagged without a category is
    ``unspecified``.
    """
    verdict, _, named = text.strip().partition("\n")
    match verdict.strip().lower():
        case "safe":
            return None if named.strip() else ()
        case "unsafe":
            names = [_name(part.strip()) for part in named.replace("\n", ",").split(",") if part.strip()]
            return tuple(dict.fromkeys(names))[:_MOST] or ("unspecified",)
    return None


def _categories(result: Mapping[str, Any]) -> list[str]:
    """Return the names in one result: the Llama API lists them, OpenAI maps all to true or false."""
    listed = [string(name) for name in sequence(result.get("flagged_categories"))]
    mapped = [name for name, found in mapping(result.get("categories")).items() if found is True]
    return [name for name in (*listed, *mapped) if name]


def _name(code: str) -> str:
    match = _CODE.fullmatch(code)
    if match is not None and 1 <= int(match[1]) <= len(_NAMES):
        return _NAMES[int(match[1]) - 1]
    return re.sub(r"[^\w/ .-]", "_", code, flags=re.ASCII)[:64]
