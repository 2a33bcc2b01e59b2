"""One request to a model endpoint and its reply, over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson

from supportbot.model.deadline import Deadline
from supportbot.model.failures import Failure
from supportbot.model.wire import Reply, StreamDecoder, WireError, json_object, request_headers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from supportbot.config.models import ModelSection
    from supportbot.messages import Prompt
    from supportbot.model.failures import Explainer
    from supportbot.model.wire import Codec

    Take = Callable[[str], Awaitable[None]]

_LINGER = 1.0  # seconds to wait for the usage once the answer is complete
_LINGER_DONE = 0.1  # the same after the end mark: only so that the connection can be used again
_REDIRECTS = 3
_ERROR_BODY = 64 * 1024  # bytes of an error's body that are read
_SPARE = 256 * 1024  # bytes of a reply beside the text
_WIRE_PER_TOKEN = 2048  # bytes; a streamed token with all its wrapping has 200 to 500
_TEXT_PER_TOKEN = 64  # characters; a token has 4 on average


class Exchange:
    """Asks once. The text goes where ``ask`` is told, what else there is to know is in ``reply``."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        codec: Codec,
        section: ModelSection,
        explainer: Explainer,
        *,
        heed: Callable[[Mapping[str, str]], None],
    ) -> None:
        """Make one for one attempt, whose time begins now; the parts are the endpoint's.

        ``heed`` is given the headers of whatever answer comes, before the rest of it is read.
        """
        self.reply = Reply()
        self._session = session
        self._url = url
        self._codec = codec
        self._section = section
        self._explainer = explainer
        self._heed = heed
        self._received = 0  # bytes
        self._deadline = Deadline(section.first_token_timeout if section.stream else section.total_timeout)

    async def ask(self, prompt: Prompt, take: Take) -> None:
        """Send the request and give the text to ``take`` as it comes.

        Raises:
            Failure: there is no reply, or it broke off. ``retry`` is never set once there was text.
        """
        body = orjson.dumps(self._codec.request(prompt, self._section), option=orjson.OPT_NON_STR_KEYS)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._post(body)
            self._deadline.watch(response.close)  # which ends the reading
            self._heed(response.headers)
            if response.status != 200:
                raise await self._refusal(response)
            if self._is_streamed(response):
                await self._streamed(response, take)
            else:
                await take(await self._whole(response))
        except WireError as error:
            raise self._final(self._explainer.report(str(error), error.report)) from None
        except Failure as failure:
            raise self._final(failure) from None
        finally:
            self._deadline.stop()
            if response is not None:
                _let_go(response)

    # -- the request -----------------------------------------------------------------------------

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        """Send the request, following redirects that stay on the same host."""
        url = self._url
        for _ in range(_REDIRECTS + 1):
            response = await self._send(url, body)
            if response.status not in {307, 308}:
                return response
            response.close()
            target = urljoin(url, response.headers.get("Location", ""))
            if _origin(target) != _origin(url):
                elsewhere = self._explainer.plain(_origin(target))
                raise Failure(f"it redirects to another host ({elsewhere})", status=response.status)
            url = target
        raise Failure("it redirects again and again", status=response.status)

    async def _send(self, url: str, body: bytes) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout_at(self._deadline.at):
                return await self._session.post(
                    url, data=body, headers=request_headers(self._section), allow_redirects=False
                )
        except aiohttp.ConnectionTimeoutError:
            raise Failure(f"no connection within {self._section.connect_timeout:g} s", retry=True) from None
        except TimeoutError:
            raise self._too_slow() from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken("the request failed", error) from None

    async def _refusal(self, response: aiohttp.ClientResponse) -> Failure:
        """Read an answer that is no reply; what cannot be read of its body is left out."""
        body = b""
        try:
            while len(body) < _ERROR_BODY and (chunk := await self._read(response)):
                body += chunk
        except Failure:
            pass
        return self._explainer.status(response.status, response.headers, body, datetime.now(UTC))

    # -- the reply -------------------------------------------------------------------------------

    def _is_streamed(self, response: aiohttp.ClientResponse) -> bool:
        """Believe the reply's own type rather than what was asked for: some hosts do only one of the two."""
        kind = response.content_type
        if kind == "text/html":
            raise Failure("it sent a web page where a reply should be: check 'base_url' in bot.yaml")
        return kind == "text/event-stream" or (self._section.stream and kind != "application/json")

    async def _streamed(self, response: aiohttp.ClientResponse, take: Take) -> None:
        decoder = StreamDecoder(self._codec, self.reply)
        asked = 0
        while chunk := await self._read_on(response):
            if text := decoder.feed(chunk):
                self._check_length()
                self._deadline.hold()  # the customer's side may be slow; that is not the model's fault
                await take(text)
            self._wait_for_more(decoder, progress=bool(text) or self.reply.asked > asked)
            asked = self.reply.asked
        if text := decoder.close():
            await take(text)
        if not self.reply.stop_reason:
            raise Failure("the stream ended before the answer did", retry=True)

    async def _whole(self, response: aiohttp.ClientResponse) -> str:
        chunks = []
        limit = _SPARE + 2 * _TEXT_PER_TOKEN * self._section.max_tokens
        while chunk := await self._read(response):
            chunks.append(chunk)
            if self._received > limit:
                raise self._too_long()
            self._deadline.extend(self._section.idle_timeout)
        delta = self._codec.whole(json_object(b"".join(chunks)))
        self.reply.add(delta)
        self._check_length()
        return delta.text

    async def _read_on(self, response: aiohttp.ClientResponse) -> bytes:
        """Read some more; when the answer is complete, a missing end of the stream does no harm."""
        try:
            return await self._read(response)
        except Failure:
            if self.reply.stop_reason:
                return b""
            raise

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        try:
            chunk = await response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            late = self._deadline.passed
            raise (self._too_slow() if late else self._broken("the connection broke", error)) from None
        self._received += len(chunk)
        if self._received > _SPARE + _WIRE_PER_TOKEN * self._section.max_tokens:
            raise self._too_long()
        return chunk

    # -- deadlines and limits --------------------------------------------------------------------

    def _wait_for_more(self, decoder: StreamDecoder, *, progress: bool) -> None:
        """Only words count as progress: a server that merely keeps the connection alive is stuck."""
        if self.reply.stop_reason:
            self._deadline.shorten(_LINGER_DONE if decoder.ended else _LINGER)
        elif progress:
            self._deadline.extend(self._section.idle_timeout)

    def _check_length(self) -> None:
        if self.reply.length + self.reply.asked > _SPARE + _TEXT_PER_TOKEN * self._section.max_tokens:
            raise self._too_long()

    # -- what went wrong -------------------------------------------------------------------------

    def _final(self, failure: Failure) -> Failure:
        failure.began = self.reply.length > 0
        failure.retry = failure.retry and not failure.began
        return failure

    def _too_slow(self) -> Failure:
        section = self._section
        if self.reply.length:
            return Failure(f"nothing more came for {section.idle_timeout:g} s in the middle of the answer")
        return Failure(f"no word within {section.first_token_timeout:g} s", retry=True)

    def _broken(self, what: str, error: Exception) -> Failure:
        words = self._explainer.plain(f"{type(error).__name__}: {error}")
        return Failure(f"{what}: {words}", retry=True)

    def _too_long(self) -> Failure:
        return Failure("the answer is far longer than max_tokens allows", unusable=True)


def _let_go(response: aiohttp.ClientResponse) -> None:
    """Give the connection back when the reply was read to its end, else close it."""
    if response.content.at_eof():
        response.release()
    else:
        response.close()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
