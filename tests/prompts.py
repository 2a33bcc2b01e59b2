"""A turn to be rendered, and a folder of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.messages import Contact, Message, Turn
from supportbot.prompt import Prompts

if TYPE_CHECKING:
    from pathlib import Path

BOT: dict[str, Any] = {
    "name": "Robin",
    "company": "Nordlicht",
    "description": "Nordlicht sells bicycles.",
    "language": "en",
    "contact": "help@example.com",
    "facts": {"Opening hours": "9 to 17"},
}


def make_turn(*texts: str, **changes: Any) -> Turn:
    """Make a turn in which the customer and the bot took turns; the last text is to be answered."""
    said = [
        Message(id=f"msg_{n}", seq=n, author="customer" if n % 2 else "bot", text=text, created_at=n)
        for n, text in enumerate(texts or ("Can I return it?",), 1)
    ]
    return Turn(
        **{
            "id": "turn_1",
            "conversation_id": "conv_1",
            "tenant": "default",
            "channel": "webhook",
            "external_id": "1",
            "address": {},
            "contact": Contact(id="contact_1", external_id="1", name="Ada", email="ada@example.com"),
            "fence": 1,
            "attempt": 1,
            "messages": (said[-1],),
            "history": tuple(said[:-1]),
            "created_at": 1_760_000_000_000,
            **changes,
        }
    )


def write_templates(folder: Path, **templates: str) -> Path:
    for name, text in templates.items():
        (folder / f"{name.replace('__', '.')}.md.j2").write_text(text)
    return folder


def prompts(folder: Path, **options: Any) -> Prompts:
    return Prompts(folder, **{"history_tokens": 4000, "bot": BOT, "look_every": 0.0, **options})


def system_of(folder: Path, turn: Turn | None = None) -> str:
    return prompts(folder).render(turn or make_turn()).words[0].content
