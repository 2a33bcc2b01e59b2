"""Lists that are our own mailbox: many teams are reached at a group (Google Groups, Mailman). Pure.

What strangers write to such a list is theirs. A list of ours at which people talk to each other, such as users@,
stays a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import headers, shapes
from supportbot_email.addresses import is_same_owner
from supportbot_email.mail import is_one_of

if TYPE_CHECKING:
    from supportbot_email.mail import Address, Settings
    from supportbot_email.mime import Entity

_MOST = 500
"""Characters of a field that are read."""

_ROLE = re.compile(
    r"(?:help|helpdesk|help-desk|servicedesk|service-desk|support|supportteam|service|services|customerservice|customer-service"
    r"|customercare|customer-care|care|info|information|infos|contact|contactus|contact-us|hello|hallo|hi|team|office|sales|orders?|shop|store"
    r"|billing|invoices|accounts|reservations?|bookings?|enquir(?:y|ies)|inquir(?:y|ies)|questions|feedback|returns|warranty"
    r"|kontakt|kundenservice|kundendienst|kundenbetreuung|anfragen?|bestellungen|buchung(?:en)?|reservierung(?:en)?|hilfe|verkauf|vertrieb|buero|empfang|rezeption|buchhaltung|rechnung(?:en)?"
    r"|aide|assistance|serviceclient|service-client|commandes?|ventes?|accueil|bonjour|sav"
    r"|soporte|ayuda|atencion|atencionalcliente|contacto|pedidos|ventas|reservas|hola"
    r"|suporte|ajuda|atendimento|contato|contacto|vendas|ola|sac"
    r"|assistenza|aiuto|supporto|contatti|ordini|vendite|prenotazioni|ciao"
    r"|klantenservice|klantcontact|bestellingen|verkoop|pomoc|wsparcie|biuro|obsluga|bok|sklep|zamowienia|sprzedaz"
    r"|kundtjanst|kundservice|kundeservice|asiakaspalvelu|podpora|destek|iletisim)"
)
"""What the addresses are called to which customers write."""
_ALONE = re.compile(
    r"hi|hello|hallo|hola|ola|ciao|bonjour|info\w*|team|office|shop|store|sales|orders?|accounts|questions|feedback|buero|empfang|care|bok|sac|sav|sklep|biuro"
)
"""Those of them that make nothing a role which has further words."""
_COMMUNITY = re.compile(
    r"users?|customers|members?|clients|all|staff|internal|intern|dev(?:el|s)?|developers?|discuss(?:ion)?|talk|chat|forum|community|list|liste?|announce(?:ments?)?|news|newsletter|alumni|commits?|bugs?|reports?|logs?|alerts?"
)
"""Words of lists at which people, or programs, tell each other something."""
_LISTS = frozenset({"list", "lists", "group", "groups", "mailman"})
"""Below which a domain has its lists, as a rule of Mailman's."""


def is_ours(entity: Entity, settings: Settings) -> bool:
    """Whether a mail came through a list that is our mailbox."""
    return bool(address_of(entity, settings))


def address_of(entity: Entity, settings: Settings) -> str:
    """Return the address of the list that is our mailbox and that a mail came through; empty for none.

    It is one of our addresses, or one of our domain that is called as what customers write to. Through the
    latter a stranger has to have written: what colleagues tell each other there is no customer's.
    """
    named = shapes.LIST_NAME.findall(entity.get("list-id")[:_MOST].lower())
    for ours in map(str.lower, settings.own_addresses):
        if ours.replace("@", ".", 1) in named:
            return ours
    for address in (found for one in named if (found := _of_our_domains(one, settings))):
        if _is_role(address.partition("@")[0]):
            return address if _is_by_stranger(entity, address, settings) else ""
    return ""


def member_behind(entity: Entity, sender: Address, settings: Settings) -> Address | None:
    """Return who wrote through a list of ours that put itself into From (for DMARC); None where it did not, or
    where nobody can say who it was.

    The list names them in X-Original-From or in Reply-To, beside itself, or in Cc.
    """
    listed = address_of(entity, settings)
    return _behind(entity, sender, listed, settings) if listed else None


def _behind(entity: Entity, sender: Address, listed: str, settings: Settings) -> Address | None:
    ours = (listed, *map(str.lower, settings.own_addresses))
    if not is_one_of(sender.address, ours):
        return None
    if original := entity.get("x-original-from")[:_MOST]:
        return _alone(headers.addresses(original), ours)
    answered = headers.addresses(entity.get("reply-to")[:_MOST])
    if any(one.address and not is_one_of(one.address, ours) for one in answered):
        return _alone(answered, ours)
    copied = headers.addresses(entity.get("cc")[:_MOST])
    called = tuple(one for one in copied if one.name and one.name.lower() in sender.name.lower())
    if called or not any(is_one_of(one.address, ours[1:]) for one in copied):
        return _alone(called or copied, ours)
    return None  # one of us may have written, to a customer in Cc


def _alone(named: tuple[Address, ...], ours: tuple[str, ...]) -> Address | None:
    """Return the only one of these who is none of us."""
    others = {one.address: one for one in named if one.address and not is_one_of(one.address, ours)}
    return next(iter(others.values())) if len(others) == 1 else None


def _is_by_stranger(entity: Entity, listed: str, settings: Settings) -> bool:
    senders = headers.addresses(entity.get("from")[:_MOST])
    if len(senders) != 1:
        return False
    writer = _behind(entity, senders[0], listed, settings) or senders[0]
    domain = writer.address.rpartition("@")[2]
    return bool(domain) and not any(is_same_owner(domain, one) for one in _domains(settings))


def _of_our_domains(name: str, settings: Settings) -> str:
    """Return the address of a list of our domain, or of one that our domain has for lists; empty for others."""
    for domain in _domains(settings):
        local = name.removesuffix(f".{domain}")
        if local != name:
            role, _, below = local.rpartition(".")
            return f"{role}@{below}.{domain}" if role and below in _LISTS else f"{local}@{domain}"
    return ""


def _is_role(local: str) -> bool:
    """Whether customers write to what is called so: a role, or one with further words, such as it-support@."""
    parts = re.split(r"[._-]", local)
    if _ROLE.fullmatch(local):
        return True
    return any(_ROLE.fullmatch(one) and not _ALONE.fullmatch(one) for one in parts) and not any(
        map(_COMMUNITY.fullmatch, parts)
    )


def _domains(settings: Settings) -> set[str]:
    own = {one.lower().rpartition("@")[2] for one in settings.own_addresses}
    return {one for one in (*own, settings.own_domain.lower()) if one}
