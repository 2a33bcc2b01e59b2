"""Links in what a model wrote, without what could carry a secret away.

Whoever can put words before a model can make it write a link to a host of theirs that says, behind the
``?``, what the conversation or the knowledge holds; one click, or a preview, and it is gone. So what is long
or looks encoded is cut from links to hosts that nobody vouched for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINK = re.compile(r"https?://[^\s<>\"'`|\\)\]]+", re.IGNORECASE)
_USER = re.compile(r"(https?://)[^/?#@]*@", re.IGNORECASE)
_PUNCTUATION = ".,;:!?*_"
_LONGEST = 40
"""Characters behind the ``?`` or ``#`` that may stay: a page, a language, the number of an order."""
_DENSE = 20
"""Letters and digits in a row, both among them, that no word has."""
_RUN = re.compile(r"[A-Za-z0-9+=_%-]{24,}")


class Links:
    """Knows the hosts whose links stay as they are."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Take the hosts; each counts for those below it, too: ``example.com`` for ``shop.example.com``."""
        self._hosts = tuple(hosts)

    def cut(self, text: str, *, sources: Iterable[str] = ()) -> str:
        """Return a text whose links say no more than they need to.

        Args:
            text: what a model wrote.
            sources: addresses of what the answer rests on: their hosts are vouched for by the knowledge.
        """
        if "://" not in text:
            return text
        known = self._known(sources)
        return _LINK.sub(lambda link: _cut(link[0], known), text)

    def count(self, text: str, *, sources: Iterable[str] = ()) -> int:
        """Return from how many links ``cut`` would cut something."""
        known = self._known(sources)
        return sum(_cut(link, known) != link for link in _LINK.findall(text))

    def _known(self, sources: Iterable[str]) -> tuple[str, ...]:
        return (*self._hosts, *filter(None, map(_host, sources)))


def _cut(link: str, known: tuple[str, ...]) -> str:
    url = link.rstrip(_PUNCTUATION)
    end = link[len(url) :]
    host = _host(url)
    if host and any(host == name or host.endswith("." + name) for name in known):
        return link
    url = _USER.sub(r"\1", url)
    begin = re.search(r"[?#]", url)
    behind = url[begin.start() :] if begin else ""
    if len(unquote(behind)) - 1 > _LONGEST or _is_encoded(behind):
        url = url[: len(url) - len(behind)]
    parts = url.split("/")
    encoded = next((number for number, part in enumerate(parts) if number > 2 and _is_encoded(part)), None)
    if encoded is not None:
        url = "/".join(parts[:encoded]) + "/"
    return url + end


def _is_encoded(text: str) -> bool:
    """Whether a part looks like base64, hex or a key: long, with digits, and no words between hyphens."""
    return any(_is_dense(run) for run in _RUN.findall(text))


def _is_dense(run: str) -> bool:
    long = [piece for piece in re.split(r"[-_=%+]", run) if len(piece) >= _DENSE]
    return any(re.search(r"[0-9]", piece) and re.search(r"[A-Za-z]", piece) for piece in long)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
