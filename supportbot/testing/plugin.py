"""The pytest plug-in. Every pytest run beside an installed SupportBot loads it: it does next to nothing."""

from __future__ import annotations

from importlib import import_module

import pytest

_REWRITTEN = ("supportbot.testing.contract", "supportbot.testing.site", "supportbot.testing.bots")
"""The modules whose ``assert`` is to say what was compared."""


def pytest_configure(config: pytest.Config) -> None:
    """Offer the fixtures where pytest-asyncio is there to run them; stay out of the way elsewhere."""
    if config.pluginmanager.has_plugin("asyncio"):
        pytest.register_assert_rewrite(*_REWRITTEN)
        config.pluginmanager.register(import_module("supportbot.testing.fixtures"), "supportbot-fixtures")
