"""What an endpoint says it offers: asked once, to put a refusal of our model into one clear sentence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from supportbot.model.failures import RETIRED
from supportbot.model.wire import WireError, json_object, mapping, request_headers, sequence, string

if TYPE_CHECKING:
    from supportbot.config.models import ModelSection
    from supportbot.model.failures import Explainer

_PATIENCE = 5.0  # seconds; the customer waits meanwhile
_LARGEST = 4 * 1024 * 1024  # bytes of a list; routers with hundreds of models have some hundred KiB
_NAMED = 5  # models that the sentence names


class Catalogue:
    """The endpoint's list of models."""

    def __init__(self, base_url: str, section: ModelSection, explainer: Explainer) -> None:
        """Nothing is asked yet."""
        self._url = f"{base_url}/models"
        self._section = section
        self._explainer = explainer
        self._sentence: str | None = None
        self._asking = asyncio.Lock()

    async def explanation(self, session: aiohttp.ClientSession) -> str:
        """Return why our model was refused; empty when that is not known. Asks once, until ``forget``."""
        async with self._asking:
            if self._sentence is None:
                self._sentence = self._explained(await self._offered(session))
            return self._sentence

    def forget(self) -> None:
        """The endpoint answers again: the next refusal has another cause."""
        self._sentence = None

    def _explained(self, offered: list[str] | None) -> str:
        if offered is None:
            return ""
        if not offered:
            return RETIRED
        if self._section.model in offered:
            return ""
        named = ", ".join(offered[:_NAMED])
        more = f" and {len(offered) - _NAMED} more" if len(offered) > _NAMED else ""
        ours = self._section.model
        return self._explainer.plain(
            f"it offers no model '{ours}': set another 'model' in bot.yaml; there are {named}{more}"
        )

    async def _offered(self, session: aiohttp.ClientSession) -> list[str] | None:
        """Return the ids of the models; None when there is no such list to be had."""
        try:
            async with asyncio.timeout(_PATIENCE):
                fields = json_object(await self._list(session))
        except (aiohttp.ClientError, OSError, TimeoutError, WireError):
            return None
        if not isinstance(fields.get("data"), list):
            return None
        return [name for model in sequence(fields["data"]) if (name := string(mapping(model).get("id")))]

    async def _list(self, session: aiohttp.ClientSession) -> bytes:
        headers = request_headers(self._section)
        async with session.get(self._url, headers=headers, allow_redirects=False) as response:
            if response.status != 200:
                raise WireError("it does not list its models")
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LARGEST:
                    raise WireError("its list of models is too long")
            return body
