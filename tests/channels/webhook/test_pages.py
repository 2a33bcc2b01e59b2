"""The widget's pages: what is in them, who may frame them, how they are cached."""

from __future__ import annotations

import gzip
import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from supportbot_webhook.assets import LANGUAGES, Assets
from supportbot_webhook.pages import choose_language, in_script
from tests.channels.webhook.driver import ORIGIN, running
from tests.raw_http import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.channels.webhook.driver import Answer, Site

OTHER = "http://localhost:5173"
PAGES = ["/", "/frame"]


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    """A build of the widget, as small as one can be."""
    (tmp_path / "widget.js").write_text('(function(){var c="%SUPPORTBOT_CONFIG%";show(c)})()')
    (tmp_path / "chat.js").write_text("export {};" + "/* long */" * 100)
    (tmp_path / "late.js").write_text("export {};")
    (tmp_path / "chat.css").write_text("body{margin:0}")
    (tmp_path / "widget.d.ts").write_text("interface SupportBot {}")
    (tmp_path / "secret.txt").write_text("not yours")
    (tmp_path / "texts").mkdir()
    for language in LANGUAGES:
        words = {"launcher_open": f"open {language}", "greeting": "Hello", "send": "</script><b>"}
        (tmp_path / "texts" / f"{language}.json").write_text(json.dumps(words))
    return Assets(tmp_path)


@pytest.fixture
async def widget(assets: Assets) -> AsyncIterator[Site]:
    async with running(assets=assets, visitors={"allowed_origins": [ORIGIN, OTHER]}) as site:
        yield site


def settings(answer: Answer) -> Any:
    """The page's data block."""
    text = answer.body.decode()
    return json.loads(text.partition('id="config">')[2].partition("</script>")[0])


def rules(answer: Answer) -> dict[str, list[str]]:
    """The page's Content-Security-Policy."""
    directives = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in directives}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_allows_nothing_but_its_own(widget: Site, path: str) -> None:
    """No inline script or style, nothing from elsewhere, and no sink that takes text for markup."""
    answer = await widget.ask("GET", path)
    assert (200, "text/html; charset=utf-8") == (answer.status, answer.headers["Content-Type"])
    framed_by = ["'self'", ORIGIN, OTHER] if path == "/frame" else ["'none'"]
    assert rules(answer) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": framed_by,
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }
    text = answer.body.decode()
    assert ["json", "module"] == re.findall(r'<script type="(?:application/)?(\w+)"', text)
    assert not re.search(
        r"\son\w+=|style=|javascript:|https?://", text.replace(framed_by[-1], "").replace(ORIGIN, "")
    )
    assert "nosniff" == answer.headers["X-Content-Type-Options"]


async def test_the_logo_is_the_one_exception(assets: Assets) -> None:
    """Its address, and not its whole host."""
    logo = "https://cdn.example.com/img/logo.svg"
    async with running(assets=assets, widget={"logo": logo}) as site:
        answer = await site.ask("GET", "/")
    assert (["'self'", "blob:", logo], logo) == (rules(answer)["img-src"], settings(answer)["theme"]["logo"])


async def test_without_origins_only_the_bot_itself_frames_it(assets: Assets) -> None:
    """W47: nobody was allowed."""
    async with running(assets=assets) as site:
        assert ["'self'"] == rules(await site.ask("GET", "/frame"))["frame-ancestors"]


async def test_what_the_page_is_told(assets: Assets) -> None:
    """Texts in the visitor's language with the owner's over them, the theme, what is offered."""
    section = {
        "color": "#ffcc00",
        "corner": 0,
        "greeting": "Moin",
        "texts": {"de": {"send": "Los"}},
        "suggestions": ["Wo?"],
    }
    async with running(
        assets=assets, visitors={"allowed_origins": [ORIGIN]}, widget=section | {"images": True}
    ) as site:
        answer = await site.ask("GET", "/frame", headers={"Accept-Language": "xx, de-AT;q=0.9, en;q=0.5"})
    found = settings(answer)
    assert ("de", "ltr", "frame", "Moin", "Los") == (
        found["language"],
        found["dir"],
        found["mode"],
        found["greeting"],
        found["texts"]["send"],
    )
    shades = {"color": "#ffcc00", "on-color": "#000000", "link": "#765f00"}
    assert {"light": shades, "corner": 0, "scheme": "auto"}.items() <= found["theme"].items()
    assert ([ORIGIN], ["Wo?"], True) == (
        found["origins"],
        found["suggestions"],
        found["features"]["images"],
    )
    assert {"text": 32768, "images": 3, "image_bytes": 2097152}.items() <= found["limits"].items()
    assert '<html lang="de" dir="ltr" data-mode="frame">' in answer.body.decode()


async def test_no_text_ends_the_data_block(widget: Site) -> None:
    """Words are data, also where they look like markup."""
    answer = await widget.ask("GET", "/")
    assert "</script><b>" == settings(answer)["texts"]["send"]
    assert 2 == answer.body.count(b"</script>")
    assert b"\\u003c/\\u2028" == in_script("</\u2028")[1:-1]


async def test_the_names_of_the_bot_are_text(assets: Assets) -> None:
    """Whatever bot.yaml calls it."""
    async with running(assets=assets) as site:
        name = '<img src=x onerror="alert(1)">'
        object.__setattr__(site.core.host, "company", name)
        text = (await site.ask("GET", "/")).body.decode()
    assert name not in text
    assert f"<title>{html.escape(name)}</title>" in text


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ({"lang": "ar"}, "de", "ar"),
        ({"lang": "he-IL"}, "", "he"),
        ({"lang": "../../en"}, "fr", "fr"),
        ({"lang": "'\"<script>"}, "", "en"),
        ({}, "xx;q=1, fr;q=0.2, nl;q=0.8", "nl"),
        ({}, "de;q=0, *", "en"),
        ({}, "," * 400, "en"),
        ({}, "x" * 8000, "en"),
    ],
)
async def test_the_language_is_one_of_ours(
    widget: Site, query: dict[str, str], accepted: str, language: str
) -> None:
    """The page's wish counts, then the browser's; anything else is the default."""
    headers = {"Accept-Language": accepted}
    answer = await widget.ask("GET", "/frame", params=query, headers=headers)
    assert (200, language) == (answer.status, settings(answer)["language"])
    assert ("rtl" if language in {"ar", "he"} else "ltr") == settings(answer)["dir"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("en;q=0.1,de", "de"), ("fr, EN-gb;q=0.3", "en"), ("de;q=0", ""), ("", ""), ("*", ""), ("de-", "")],
)
def test_weights_decide(accepted: str, language: str) -> None:
    """RFC 9110, section 12.5.4."""
    assert language == choose_language(accepted, frozenset({"de", "en"}))


async def test_a_scheme_is_one_of_three(widget: Site) -> None:
    """And nothing of the address comes back."""
    dark = await widget.ask("GET", "/frame", params={"theme": "dark"})
    other = await widget.ask("GET", "/frame", params={"theme": "red;}"})
    assert ("dark", "auto") == (settings(dark)["theme"]["scheme"], settings(other)["theme"]["scheme"])


async def test_files_that_name_their_content_are_kept_for_ever(widget: Site) -> None:
    """The page names them so; under another version, or none, they are asked for again."""
    text = (await widget.ask("GET", "/")).body.decode()
    paths = re.findall(r'(?:src|href)="(chat\.\w+\?v=[0-9a-f]{16})"', text)
    assert 2 == len(paths)
    for path in paths:
        answer = await widget.ask("GET", f"/{path}")
        assert (200, "public, max-age=31536000, immutable") == (
            answer.status,
            answer.headers["Cache-Control"],
        )
        for other in (path.partition("?")[0], f"{path}0"):
            assert "no-cache" == (await widget.ask("GET", f"/{other}")).headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", [*PAGES, "/widget.js", "/chat.js", "/late.js", "/chat.css", "/icon.svg", "/widget.d.ts"]
)
async def test_what_is_known_is_not_sent_again(widget: Site, path: str) -> None:
    """304 with the same headers, under any of several tags, and for no other tag."""
    first = await widget.ask("GET", path)
    tag = first.headers["ETag"]
    again = await widget.ask("GET", path, headers={"If-None-Match": f'"x", {tag}'})
    assert (304, b"", tag) == (again.status, again.body, again.headers["ETag"])
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"]
    assert 200 == (await widget.ask("GET", path, headers={"If-None-Match": '"x"'})).status


async def test_long_files_are_compressed(widget: Site) -> None:
    """For whoever takes it; caches keep the two apart."""
    url = f"{widget.url}/chat.js"
    for accepted, encoding in (("gzip", "gzip"), ("br, gzip;q=0", None), ("identity", None)):
        async with widget.http.get(
            url, headers={"Accept-Encoding": accepted}, auto_decompress=False
        ) as response:
            body = await response.read()
            assert (encoding, True) == (
                response.headers.get("Content-Encoding"),
                "Accept-Encoding" in response.headers.getall("Vary")[0],
            )
            assert b"export {};" == (gzip.decompress(body) if encoding else body)[:10]


async def test_the_loader_has_its_configuration(widget: Site) -> None:
    """So that the launcher is there before anything else is fetched; any page may run it."""
    answer = await widget.ask("GET", "/widget.js")
    source = answer.body.decode()
    config = json.loads(re.fullmatch(r"\(function\(\)\{var c=(\{.*\});show\(c\)\}\)\(\)", source)[1])  # type: ignore[index]
    assert ("#0f766e", "#ffffff", "right", 16, [20, 20], "", "", "en") == tuple(
        config[key]
        for key in ("color", "on_color", "position", "corner", "offset", "logo", "label", "language")
    )
    assert (set(LANGUAGES), "open he") == (set(config["texts"]), config["texts"]["he"][0])
    assert ("public, max-age=300", "cross-origin") == (
        answer.headers["Cache-Control"],
        answer.headers["Cross-Origin-Resource-Policy"],
    )


async def test_the_page_wants_its_slash(widget: Site) -> None:
    """Its addresses are relative."""
    async with widget.http.get(widget.url, allow_redirects=False) as response:
        assert (308, "/channels/web/") == (response.status, response.headers["Location"])
    assert "/channels/web/" == widget.channel.page()


@pytest.mark.parametrize("section", [{"widget": {"enabled": False}}, {"visitors": {"enabled": False}}])
async def test_switched_off_there_is_nothing(assets: Assets, section: dict[str, Any]) -> None:
    """404, as for whatever is not there."""
    async with running(assets=assets, **section) as site:
        paths = [*PAGES, "/widget.js", "/chat.js", "/late.js", "/chat.css", "/icon.svg", "/widget.d.ts", ""]
        assert {404} == {(await site.ask("GET", path)).status for path in paths}
        assert "" == site.channel.page()


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/texts/en.json",
        "/%2e%2e/bot.yaml",
        "/../bot.yaml",
        "/..%5cbot.yaml",
        "/widget.js/../secret.txt",
        "/widget.js%00",
        "/chat.js/",
        "//chat.js",
        "/dist/chat.js",
    ],
)
async def test_no_request_becomes_a_path(widget: Site, path: str) -> None:
    """W46: files are served by name, one by one."""
    port = int(widget.url.partition("//")[2].partition("/")[0].partition(":")[2])
    async with wire(port) as raw:
        await raw.send(f"GET /channels/web{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = await raw.until(b"\r\n")
    assert head.split()[1] in {b"404", b"400"}, head


FILES = [
    "/",
    "/frame",
    "/widget.js",
    "/chat.js",
    "/late.js",
    "/chat.css",
    "/icon.svg",
    "/widget.d.ts",
    "/openapi.json",
]


@pytest.mark.parametrize("path", FILES)
async def test_head_is_answered_like_get_without_the_body(widget: Site, path: str) -> None:
    """RFC 9110, section 9.3.2: who only asks for the headers gets those that GET would send."""
    got, asked = await widget.ask("GET", path), await widget.ask("HEAD", path)
    assert (200, b"") == (asked.status, asked.body if isinstance(asked.body, bytes) else b"")
    own = {"Date", "X-Request-ID"}
    said, told = ({k: v for k, v in a.headers.items() if k not in own} for a in (got, asked))
    assert said == told


async def test_the_tab_has_a_symbol(assets: Assets) -> None:
    """In the site's colour, which browsers would else ask the root for; the logo where there is one."""
    async with running(assets=assets, widget={"color": "#ffcc00"}) as site:
        page, icon = await site.ask("GET", "/"), await site.ask("GET", "/icon.svg")
    assert b'<link rel="icon" href="icon.svg">' in page.body
    assert (200, "image/svg+xml; charset=utf-8") == (icon.status, icon.headers["Content-Type"])
    assert b'fill="#ffcc00"' in icon.body
    assert b'stroke="#000000"' in icon.body
    logo = "https://cdn.example.com/img/logo.svg"
    async with running(assets=assets, widget={"logo": logo}) as site:
        assert f'<link rel="icon" href="{logo}">'.encode() in (await site.ask("GET", "/")).body
