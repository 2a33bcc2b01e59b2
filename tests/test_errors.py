"""What errors say: to an operator, in words that help where nothing but the package is installed."""

from __future__ import annotations

import pytest

from supportbot import errors
from supportbot.errors import SupportBotError

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SupportBotError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_message_is_for_the_operator(kind: type[SupportBotError]) -> None:
    """It stands in the log: "try again" is for clients, and an installed bot has no folder of pages."""
    said = str(kind.__doc__).lower()
    assert "try again" not in said
    assert "docs/" not in said
