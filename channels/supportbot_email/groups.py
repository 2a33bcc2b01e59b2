"""Lists that are our own mailbox: many teams are reached at a group (Google Groups, Mailman). Pure.

What strangers write to such a list is theirs. A list of ours at which people talk to each other, such as users@,
stays a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import shapes

if TYPE_CHECKING:
    from supportbot_email.mail import Settings
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
_LISTS = re.compile(r"^(?:lists?|groups?|mailman)\.")
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
    for one in named:
        local, _, domain = one.partition(".")
        if _ROLE.fullmatch(local) and _LISTS.sub("", domain) in _domains(settings):
            address = f"{local}@{domain}"
            return address if _is_by_stranger(entity, address, settings) else ""
    return ""


def writers(entity: Entity, address: str) -> str:
    """Return the field that names who wrote through a list, which may have put itself into From (for DMARC)."""
    written = entity.get("from")[:_MOST]
    if address not in map(str.lower, shapes.ADDRESS.findall(written)):
        return written
    return entity.get("x-original-from")[:_MOST] or entity.get("reply-to")[:_MOST]


def _is_by_stranger(entity: Entity, address: str, settings: Settings) -> bool:
    found = [one.lower().rpartition("@")[2] for one in shapes.ADDRESS.findall(writers(entity, address))]
    return bool(found) and not set(found) & _domains(settings)


def _domains(settings: Settings) -> set[str]:
    own = {one.lower().rpartition("@")[2] for one in settings.own_addresses}
    return {one for one in (*own, settings.own_domain.lower()) if one}
