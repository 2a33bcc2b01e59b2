"""Somebody's website, of another origin and another site than the bot's."""

from __future__ import annotations

from html import escape
from typing import Self

from aiohttp import web

_PAGE = """<!doctype html>
<html lang="{lang}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
* {{ font-family: serif !important; letter-spacing: 1px }} button, iframe {{ transform: rotate(3deg) }}
body {{ margin: 0; background: #f7f4ee }} header {{ padding: 24px 40px; background: #fff; font-size: 22px }}
main {{ padding: 48px 40px; max-width: 620px }} #chat {{ height: 600px }}
</style>
<header>Juniper &amp; Pine</header>
<main><h1>Things for a calm home</h1>
<p>Wooden furniture and kitchenware, linen and wool, rugs, candles and lamps.</p>
<p><a href="#collection">Shop the collection</a></p>{place}</main>
{before}<script async src="{bot}widget.js"{attributes}></script>
</html>
"""


class Site:
    """A web server on a free port of ``localhost``: an async context manager."""

    def __init__(self) -> None:
        self.bot = ""
        """The channel's address, with a slash at its end."""
        self.attributes = ""
        """Of the script."""
        self.before = ""
        """What stands before the script."""
        self.title = "Juniper & Pine"
        self.policy = ""
        """The page's own Content-Security-Policy."""
        self.seen: list[str] = []
        """The paths that were asked for."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        return int(self._runner.addresses[0][1])

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    async def _page(self, request: web.Request) -> web.Response:
        self.seen.append(request.path)
        text = _PAGE.format(
            lang=request.query.get("lang", "en"),
            title=escape(self.title),
            place='<div id="chat"></div>' if "#chat" in self.attributes else "",
            before=self.before,
            bot=self.bot,
            attributes=f" {self.attributes}" if self.attributes else "",
        )
        headers = {"Content-Security-Policy": self.policy} if self.policy else {}
        return web.Response(text=text, content_type="text/html", headers=headers)
