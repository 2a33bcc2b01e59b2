"""Whether a program handed a mail over, by where bounces come back to and by how it numbers what it sends.

Services hand over people's mail, too, so that this counts only beside a text in which nobody is to be heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supportbot_email import bills, events, notices, shapes, subjects
from supportbot_email.addresses import is_same_owner
from supportbot_email.asking import OF_OURS, without_links
from supportbot_email.patterns import any_of

if TYPE_CHECKING:
    from supportbot_email.mail import Address
    from supportbot_email.mime import Entity

_MOST = 3_000
"""Characters at the beginning that are looked at."""

_BOUNCES = any_of(r"(?:^|[._+@-])(?:bounces?|bnc|return|rebound)(?:[._+=@-]|\d)")
"""How addresses are called that take what cannot be delivered."""
_OF_PROGRAM = any_of(r"\s*<?(?:bounces?(?:[+-][^@\s]{0,200})?@|[^@\s]{1,250}@bounces?\.)")
"""Where a program has come back what cannot be delivered; people's providers use the sender's address."""
_NUMBERED = any_of(r"\.javamail\.", r"@swift\.generated>", r"-openerp-[^@\s]{1,100}@")
"""How programs number mail: Java's, PHP's, Odoo's."""
_ON_HOST = any_of(r"@[\w-]{1,63}>\s*$")
"""How hosts do that have no domain; people's and SendGrid's among them."""
_WANTED = any_of(
    r"\b(?:purchase order|request for (?:a )?(?:quot(?:e|ation)|proposal)|rfq|bestellung|preisanfrage)\b",
    r"\b(?:angebotsanfrage|bon de commande|demande de (?:prix|devis)|orden de compra|pedido de compra)\b",
    r"\b(?:solicitud de (?:cotización|presupuesto)|solicitação de cotação|ordine d['’]acquisto)\b",
    r"\b(?:richiesta di (?:offerta|preventivo)|inkooporder|offerteaanvraag|zamówieni[ea])\b",
    r"\bzapytanie ofertowe\b|заказ поставщику|запрос цены|采购订单|询价|発注書|見積依頼",
)
"""What firms' programs ask of their suppliers: of us, and somebody waits."""


def tells(entity: Entity, subject: str, written: str, *, known: bool) -> bool:
    """Whether a program handed a mail over, and nobody says "I", asks, complains, orders or typed anything.

    Args:
        entity: the mail.
        subject: its subject, decoded.
        written: what was written now.
        known: its sender's address is one that programs like.
    """
    number = entity.get("message-id")
    numbered = _NUMBERED.search(number) or (known and _ON_HOST.search(number))
    if not (numbered or _OF_PROGRAM.match(entity.get("return-path"))):
        return False
    said = written[:_MOST]
    if not (known or events.looks_like_program(said) or subjects.NOTICE.match(subject)):
        return False  # a letter, maybe, in a language in which nobody here hears "I"
    if not said.strip() or _WANTED.search(f"{subject} \n {said}"):
        return False
    return not _is_somebody_there(subject, said)


def has_bounce_address(entity: Entity, sender: Address) -> bool:
    """Whether a program of the sender's own domain takes what cannot be delivered."""
    address = entity.get("return-path").strip(" <>").lower()
    return bool(_BOUNCES.search(address)) and is_same_owner(address.rpartition("@")[2], sender.domain)


def _is_somebody_there(subject: str, text: str) -> bool:
    bare = without_links(text)
    asked = shapes.INTERROGATIVE.search(f"{subject} \n {bare}") or bills.speaks(f"{subject}.\n\n{text}")
    return bool(asked or shapes.has_fields(text) or OF_OURS.search(bare) or notices.ENCLOSES.search(bare))
