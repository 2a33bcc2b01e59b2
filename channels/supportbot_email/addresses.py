"""Addresses beyond ASCII, and whose their domains are.

A domain has a form in ASCII, which all servers take; what precedes @ has none.
"""

from __future__ import annotations

_SHARED = frozenset(
    {"ac", "co", "com", "edu", "gob", "gov", "gv", "go", "mil", "ne", "net", "nom", "or", "org", "plc"}
)
"""What stands below a country's domain and is nobody's."""


class NotInAscii(ValueError):
    """What of an address has no form in ASCII; the message says it."""


def in_ascii(address: str) -> str:
    """Return an address with its domain in ASCII (RFC 5891; capitals and full stops as UTS 46 maps them).

    Not Python's own codec ``idna``: that is the form of 2003, in which straße.example is strasse.example, and
    so another domain than the one that was meant.

    Raises:
        NotInAscii: there is no such form.
    """
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise NotInAscii("what stands before the @ is not ASCII")
    return f"{local}@{'.'.join(map(_label, domain.split('.')))}"


def canonical(address: str) -> str:
    """Return what all forms of an address have in common: its domain in ASCII, where that is possible."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{in_ascii(f'@{domain}')}" if at else address
    except NotInAscii:
        return f"{local}{at}{domain.lower()}"


def is_same_owner(domain: str, other: str) -> bool:
    """Whether two domains are of one owner: their last two labels are the same, or three below ``co.uk``."""
    return _registered(domain) == _registered(other)


def _registered(domain: str) -> list[str]:
    labels = domain.lower().rstrip(".").split(".")
    shared = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SHARED
    return labels[-3:] if shared else labels[-2:]


def _label(label: str) -> str:
    if label.isascii():
        return label.lower()
    import idna  # its tables take a while to load, and hardly any mail needs them

    try:
        return idna.encode(label, uts46=True).decode()
    except idna.IDNAError:
        raise NotInAscii("its domain has no form in ASCII (IDNA)") from None
