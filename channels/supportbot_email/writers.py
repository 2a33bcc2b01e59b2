"""Whether a line has the name of whoever wrote the mail, or is their firm's, as their program says it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supportbot_email.mail import Address

LINK = re.compile(r"\S{1,60}@\S{3,80}|\b(?:https?://|www\.)\S{3,100}", re.IGNORECASE)
_HOME = re.compile(r"(?:https?://)?(?:[^\s@/]{1,64}@)?([\w.-]{3,100})(?:/[a-z-]{0,30}){0,2}", re.IGNORECASE)
_PROVIDERS = re.compile(
    r"aol|bluewin|btinternet|comcast|free|freenet|gmail|gmx|googlemail|hotmail|icloud|laposte|libero|live|mac|mail|"
    r"mailbox|me|msn|naver|onet|orange|outlook|posteo|proton|protonmail|qq|rambler|seznam|sky|t-online|telenet|"
    r"terra|tutanota|uol|verizon|virgilio|wanadoo|web|wp|yahoo|yandex|ziggo|126|163"
)
"""Whose domains say nothing of their customers."""
_SECOND = frozenset(["ac", "co", "com", "edu", "gov", "net", "org"])
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


def names(text: str) -> set[str]:
    """Return a text's words, without accents and in small letters; initials are none."""
    bare = unicodedata.normalize("NFKD", text.partition("@")[0].casefold())
    plain = "".join(char for char in bare if not unicodedata.combining(char))
    return {one for one in re.findall(r"[^\W\d_]+", plain) if len(one) > 1 or not one.isascii()}


def says(line: str, name: str, *, more: bool) -> bool:
    """Whether a line has all of a name, and more than it where that is asked for."""
    said, wanted = names(line), names(name)
    return bool(wanted) and wanted <= said and (not more or wanted < said)


def is_called_after(line: str, name: str) -> bool:
    """Whether a line has a word of a name, as a firm that is called after its owner, and more than that."""
    said, wanted = names(line), {one for one in names(name) if len(one) > 3}
    return bool(wanted & said) and bool(said - wanted)


def name_of(writer: Address) -> str:
    """Return the name that From has, or what stands before the @."""
    return writer.name or writer.address.partition("@")[0]


def is_named(line: str, writer: Address) -> bool:
    """Whether a line has all of the name that From has, and that is more than a first name."""
    wanted = names(name_of(writer))
    enough = len(wanted) > 1 or any(not one.isascii() for one in wanted)
    return enough and wanted <= names(line)


def is_of_domain(line: str, writer: Address) -> bool:
    """Whether a line has a word of the domain that the mail comes from, unless that is a provider's.

    Their own name says nothing: people have domains, too.
    """
    label = _label(writer.domain)
    if not label or _PROVIDERS.fullmatch(label):
        return False
    plain, name = label.replace("-", ""), name_of(writer)
    said = _folded(LINK.sub("", line)) - _folded(name)
    return any(one == plain or (len(one) > 3 and one in plain) for one in said)


def _folded(text: str) -> set[str]:
    return names(text) | names(text.casefold().translate(_UMLAUTS))


def links_are_own(line: str, writer: Address) -> bool:
    """Whether each link and each address of a line is at the domain that the mail comes from.

    A link to more than a page with a short name, such as a picture, is none of a card's.
    """
    own = _label(writer.domain)
    hosts = [_HOME.fullmatch(one.strip("<>()[],;.")) for one in LINK.findall(line)]
    return all(found and _label(found[1].rstrip(".")) == own for found in hosts)


def _label(domain: str) -> str:
    """Return what somebody has registered of a domain: "shop" of www.shop.co.uk."""
    labels = domain.lower().split(".")
    if len(labels) > 2 and labels[-2] in _SECOND:
        return labels[-3]
    return labels[-2] if len(labels) > 1 else ""
