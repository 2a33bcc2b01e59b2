"""Asking an endpoint whether the configuration works, without asking it for an answer: ``check --online``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp

from supportbot.model.catalogue import Catalogue
from supportbot.model.client import codec_of, url_of
from supportbot.model.failures import Explainer
from supportbot.model.wire import request_headers

if TYPE_CHECKING:
    from supportbot.config.models import ModelSection

_PATIENCE = 10.0  # seconds
_EXCERPT = 4096  # bytes of a refusal that are read
_REFUSED = frozenset({401, 402, 403})


async def verify(section: ModelSection) -> list[str]:
    """Return what is wrong: it cannot be reached, does not take the key, or has no such model.

    It costs nothing: only the list of models is asked for. An endpoint without one is taken at its word.
    """
    base_url = url_of(section).removesuffix(codec_of(section).path)
    explainer = Explainer(section.api_key.get_secret_value() if section.api_key else "")
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        try:
            refusal = await _refusal(session, f"{base_url}/models", section, explainer)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return [f"{base_url} cannot be reached: check 'base_url' in bot.yaml, and that it runs"]
        said = refusal or await Catalogue(base_url, section, explainer).explanation(session)
    return [said] if said else []


async def _refusal(
    session: aiohttp.ClientSession, url: str, section: ModelSection, explainer: Explainer
) -> str:
    headers = request_headers(section)
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status not in _REFUSED:
            return ""
        body = await response.content.read(_EXCERPT)
        return explainer.status(response.status, response.headers, body, datetime.now(UTC)).cause
