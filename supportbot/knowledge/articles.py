"""Markdown files become articles, and articles become sections small enough to quote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from supportbot.errors import ConfigError
from supportbot.knowledge.front_matter import FrontMatterError, read_front_matter
from supportbot.storable import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_FILES = 2000
_MAX_FILE = 256 * 1024  # bytes
_MAX_INTRODUCTION = 300  # characters; a longer one is a section of its own
_MAX_SECTION = 1200  # characters; a longer section is split between paragraphs

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t#]*")
_LONGEST_URL = 500
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")


class _ArticleError(Exception):
    """What is wrong with one file, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One Markdown file."""

    path: str
    """Relative to the folder's parent, with forward slashes: ``knowledge/returns.md``."""
    title: str
    url: str
    """Where customers can read it; empty when they cannot."""
    topic: str
    also: tuple[str, ...]
    """Other words customers use for it."""
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of an article that can be quoted by itself."""

    article: Article
    heading: str
    """Empty for what stands before the first heading."""
    text: str

    @property
    def title(self) -> str:
        """What a citation calls it: ``Returning an item: How long you have``."""
        article = self.article.title
        return f"{article}: {self.heading}" if self.heading not in {"", article} else article

    @property
    def source(self) -> str:
        """Where it stands: ``knowledge/returns.md#how-long-you-have``, or so below the article's address."""
        whole = self.article.url or self.article.path
        return f"{whole}#{_slug(self.heading)}" if self.heading else whole


def read_articles(folder: Path) -> tuple[list[Article], str]:
    """Read every ``*.md`` file below ``folder`` and a hash of all of them (16 hex digits).

    Files and folders whose name begins with ``_`` or ``.`` are left out, and so is what a link leads
    to outside the folder.

    Raises:
        ConfigError: the folder is missing, or files are broken or too many; every problem is listed.
    """
    articles, digest, problems = _read_all(folder)
    if problems:
        raise ConfigError(problems="\n".join(f"{path}: {problem}" for path, problem in problems))
    return articles, digest


def article_problems(folder: Path) -> list[tuple[Path, str]]:
    """Return what keeps a folder's articles from being read: file, and what is wrong and what to do."""
    return _read_all(folder)[2]


def _read_all(folder: Path) -> tuple[list[Article], str, list[tuple[Path, str]]]:
    if not folder.is_dir():
        return [], "", [(folder, "there is no such folder: create it, or correct knowledge.path")]
    paths = list(_markdown_files(folder))
    if len(paths) > _MAX_FILES:
        return [], "", [(folder, f"holds {len(paths)} articles: at most {_MAX_FILES} are possible")]
    digest = sha256()
    articles: list[Article] = []
    problems: list[tuple[Path, str]] = []
    for path in paths:
        name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        try:
            text = _read(path)
            articles.append(_article(name, text))
            digest.update(f"{name}\0{len(text)}\0{text}".encode())
        except (OSError, _ArticleError) as error:
            problems.append((path, str(error)))
    return articles, digest.hexdigest()[:16], problems


def split(article: Article) -> Iterator[Section]:
    """Split an article at its headings, and what is still too long between its paragraphs.

    A short introduction stays with the first section: alone it answers nothing.
    """
    parts = list(_by_heading(article.body))
    if len(parts) > 1 and not parts[0][0] and len(parts[0][1]) <= _MAX_INTRODUCTION:
        (_, introduction), (heading, text), *others = parts
        parts = [(heading, f"{introduction}\n\n{text}"), *others]
    for heading, text in parts:
        for part in _by_length(text):
            yield Section(article=article, heading=heading, text=part)


def blocks(text: str) -> list[str]:
    """Split Markdown at blank lines; a fenced block of code stays whole."""
    found: list[list[str]] = [[]]
    fence = ""
    for line in text.splitlines():
        if not fence and not line.strip():
            found.append([])
            continue
        found[-1].append(line)
        fence = _fence_after(line, fence)
    return ["\n".join(block) for block in found if block]


def _markdown_files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for path in sorted(folder.rglob("*.md")):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith(("_", ".")) for part in inside)
        if not hidden and path.is_file() and path.resolve().is_relative_to(root):
            yield path


def _read(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_MAX_FILE + 1)
    if len(raw) > _MAX_FILE:
        raise _ArticleError(f"is larger than {_MAX_FILE // 1024} KiB: split it into several articles")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _ArticleError(f"is not UTF-8 (byte {error.start}): save it as UTF-8") from None
    return clean_text(text.replace("\r\n", "\n").replace("\r", "\n"))


def _article(name: str, text: str) -> Article:
    match = _FRONT_MATTER.match(text)
    front = _front_matter(match[1]) if match else {}
    body = text[match.end() :] if match else text
    also = front.get("also") or []
    if isinstance(also, str):
        also = [also]
    if not isinstance(also, list) or not all(isinstance(words, str) for words in also):
        raise _ArticleError("'also' must be a list of texts: put quotes around numbers and words such as yes")
    return Article(
        path=name,
        title=_text(front, "title") or _first_heading(body) or _readable(name),
        url=_url(_text(front, "url")),
        topic=_text(front, "topic"),
        also=tuple(also),
        body=body,
    )


def _front_matter(text: str) -> dict[object, object]:
    try:
        front = read_front_matter(text)
    except FrontMatterError as error:
        raise _ArticleError(str(error)) from None
    unknown = [str(key) for key in front if key not in {"title", "url", "topic", "also"}]
    if unknown:
        raise _ArticleError(
            f"unknown key '{unknown[0][:40]}' in the front matter: title, url, topic and also are known"
        )
    return front


def _text(front: dict[object, object], key: str) -> str:
    value = front.get(key) or ""
    if not isinstance(value, str):
        raise _ArticleError(f"'{key}' must be a text: put quotes around it")
    return value.strip()


def _url(value: str) -> str:
    """Return an address that customers may be sent to, as it is."""
    if not value:
        return ""
    if not value.startswith(("https://", "http://")):
        raise _ArticleError("'url' must begin with https:// or http://: write the page's whole address")
    if "#" in value:
        raise _ArticleError("'url' must have no '#': each section's own anchor is put behind it")
    try:
        host = urlsplit(value).hostname
    except ValueError:
        host = None
    if (
        not host
        or not value.isascii()
        or re.search(r"[\s\\<>\"|\x00-\x1f\x7f]", value)
        or len(value) > _LONGEST_URL
    ):
        raise _ArticleError("'url' is not a URL: copy it from the browser's address bar")
    return value


def _first_heading(body: str) -> str:
    fence = ""
    for line in body.splitlines():
        match = None if fence else _HEADING.fullmatch(line)
        fence = _fence_after(line, fence)
        if match is not None:
            return match[2]
    return ""


def _readable(name: str) -> str:
    stem = name.rpartition("/")[2].removesuffix(".md")
    return stem.replace("-", " ").replace("_", " ").capitalize()


def _by_heading(body: str) -> Iterator[tuple[str, str]]:
    heading, lines, fence = "", list[str](), ""
    for line in body.splitlines():
        match = None if fence else _HEADING.fullmatch(line)
        fence = _fence_after(line, fence)
        if match is None:
            lines.append(line)
            continue
        yield from _filled(heading, lines)
        heading, lines = match[2], []
    yield from _filled(heading, lines)


def _filled(heading: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    text = "\n".join(lines).strip()
    if text:
        yield heading, text


def _by_length(text: str) -> Iterator[str]:
    part = ""
    for block in blocks(text):
        if part and len(part) + len(block) > _MAX_SECTION:
            yield part
            part = ""
        part = f"{part}\n\n{block}" if part else block
    if part:
        yield part


def _fence_after(line: str, fence: str) -> str:
    """The code fence that is open after ``line``, when ``fence`` was open before it; empty for none."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    if not fence:
        return match[1]
    closes = match[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _slug(heading: str) -> str:
    """The anchor GitHub and most Markdown renderers give a heading."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())
