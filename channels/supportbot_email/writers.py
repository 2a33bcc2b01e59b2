"""Whether a line has the name of whoever wrote the mail, or a link or an address of theirs."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supportbot_email.mail import Address

LINK = re.compile(r"\S{1,60}@\S{3,80}|\b(?:https?://|www\.)\S{3,100}", re.IGNORECASE)
_HOME = re.compile(r"(?:https?://)?(?:www\.)?([\w.-]{3,100}?)/?", re.IGNORECASE)


def names(text: str) -> set[str]:
    """Return a text's words, without accents and in small letters; initials with a dot are none."""
    bare = unicodedata.normalize("NFKD", text.partition("@")[0].casefold())
    plain = "".join(char for char in bare if not unicodedata.combining(char))
    found = re.findall(r"[^\W\d_]+\.?", plain)
    return {one.rstrip(".") for one in found if len(one) != 2 or not one.endswith(".")}


def name_of(writer: Address) -> str:
    """Return the name that From has, or what stands before the @."""
    return writer.name or writer.address.partition("@")[0]


def is_again(line: str, typed: str, writer: Address) -> bool:
    """Whether a line says more of the name that was typed, or all of the one that From has, and nothing else.

    A first name in From does not say how the rest is called, so what was typed has to be said again.
    """
    said, first, full = names(line), names(typed), names(name_of(writer))
    more = bool(first) and first < said
    if len(full) < 2 and not any(not one.isascii() for one in full):
        return more
    return said == full or (more and said <= full)


def is_another(line: str, typed: str, writer: Address) -> bool:
    """Whether a name shares no word with the one that was typed nor the one in From, where one is known."""
    known = names(typed) | (names(name_of(writer)) if writer.name else set())
    return bool(known) and not known & names(line)


def is_named(text: str, writer: Address) -> bool:
    """Whether a text has all of the name that From has, and that is more than a first name."""
    full = names(name_of(writer))
    enough = len(full) > 1 or any(not one.isascii() for one in full)
    return enough and full <= names(text)


def is_own(link: str, writer: Address) -> bool:
    """Whether a link is the writer's address, or the home page at the domain that the mail comes from."""
    bare = link.strip("<>()[],;.").casefold()
    if "@" in bare:
        return bare.removeprefix("mailto:") == writer.address.casefold()
    found = _HOME.fullmatch(bare)
    return found is not None and found[1] == writer.domain.casefold() != ""
