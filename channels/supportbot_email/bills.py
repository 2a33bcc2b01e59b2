"""Whether a firm's program sends a bill, says that one is there, or reminds of one. Nobody waits for an answer.

Accounts people write about bills in the same words, and want something, or say more than a bill has to say.
So there has to be a sign of a program beside the words, and nothing that is not about the bill.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import events, notices, shapes, wording
from supportbot_email.asking import sentences
from supportbot_email.card_words import CLOSING
from supportbot_email.patterns import any_of

if TYPE_CHECKING:
    from supportbot_email.mail import Address

_MOST = 3_000
"""Characters at the beginning that are looked at."""
_GREETING = 5
"""Words; a sentence that is no longer is a greeting, a name, a closing."""
_LONG = 40
"""Characters, for languages that set no spaces, or long words."""

_BILL = any_of(
    r"\b(?:attached|enclosed|here['’]s|here is|find|view|download)\b.{0,60}\b(?:invoice|bill|statement|receipt)\b|\b(?:invoice|bill|statement)\b.{0,80}\b(?:is (?:attached|enclosed|available|ready|due|overdue)|for (?:[$€£]|[A-Z]{3} ?\d)|due (?:on|by)|has been issued)\b",
    r"\b(?:anbei|im anhang|beigefügt|anlage|erhalten sie|finden sie|übersenden wir|senden wir)\b.{0,80}\b\w*(?:rechnung|gutschrift)\b|\b\w*rechnung\b.{0,100}\b(?:zahlbar|fällig|bereit|abgebucht|eingezogen|verfügbar|download)\b",
    r"\b(?:ci-joint\w*|pièce jointe|veuillez trouver|vous trouverez|voici)\b.{0,80}\bfacture\b|\bfacture\b.{0,100}\b(?:disponible|échéance|à régler|prélevée?|ci-jointe?)\b",
    r"\b(?:adjunt\w+|anex\w+|enviamos|encontrará|puedes? (?:consultar|ver|descargar))\b.{0,80}\bfactura\b|\bfactura\b.{0,100}\b(?:disponible|adjunta|vencimiento|vence)\b",
    r"\b(?:em anexo|anex\w+|segue|enviamos|lembramos)\b.{0,80}\b(?:fatura|cobrança|boleto|nota fiscal)\b|\b(?:fatura|cobrança|boleto|nota fiscal)\b.{0,120}\b(?:disponível|vence|vencimento|emitid[ao])\b",
    r"\b(?:in allegato|alleghiamo|trova|inviamo)\b.{0,80}\b(?:fattura|bolletta)\b|\b(?:fattura|bolletta)\b.{0,100}\b(?:disponibile|scadenza|allegata|scade)\b",
    r"\b(?:bijgaand|bijgevoegd|in de bijlage|hierbij|ontvangt u|vindt u)\b.{0,80}\bfactuur\b|\bfactuur\b.{0,100}\b(?:beschikbaar|klaar|vervalt|afgeschreven|vervaldatum)\b",
    r"\b(?:w załącz\w+|przesyłamy|załączamy|wystawiliśmy)\b.{0,80}\bfaktur\w+|\bfaktur\w+\b.{0,100}\b(?:termin|dostępna|wystawiona)\b",
    r"\b(?:во вложении|направляем|прилагаем|выставлен\w?)\b.{0,80}\bсч[её]т\w{0,2}\b|\bсч[её]т\b.{0,80}(?:к оплате|выставлен|доступен)",
    r"账单.{0,30}(?:已出|已生成|应付)|发票.{0,20}(?:已开具|见附件)|請求書.{0,30}(?:発行|添付|お送り)|ご請求.{0,30}(?:確定|金額)",
)
"""A bill is here, or there, or due; what people write of one that they got is said otherwise."""
_MONEY = any_of(
    r"\d[\d.,' ]*\s?(?:[€$£¥]|eur|usd|gbp|chf|pln|zł|brl|kr)|[€$£¥]\s?\d|r\$|\b(?:amount|total|balance|due|payments?|betrag|gesamt|fällig|zahlbar|zahlung\w*|konto|iban|lastschrift|kreditkarte|montant|échéance|virement|règlement|importe|vencimiento|transferencia|valor|vencimento|pagamento|importo|scadenza|bonifico|bedrag|betaling|vervaldatum|kwota|termin|płatnoś\w+|сумма|оплат\w+)\b|金额|付款|金額|振込"
)
"""What stands beside a bill."""
_PAY = any_of(
    r"\bplease (?:pay|transfer|remit|settle|find)\b|\bbitte (?:überweisen|begleichen|zahlen|geben sie bei)\b|\b(?:merci de|veuillez) (?:bien vouloir )?(?:nous )?(?:régler|payer|virer|effectuer|trouver)\b|\b(?:le )?rogamos\b.{0,20}\b(?:abon|realic|pag)|\bpor favor,? (?:efetue|realize|pague)\b|\b(?:si prega di|la preghiamo di) (?:pagare|saldare|effettuare)\b|\bgelieve\b.{0,60}\bbetalen\b|\bverzoeken (?:u|je)\b.{0,60}\b(?:betalen|voldoen)\b|\bprosimy o (?:wpłat|płatno|uregul|terminow|opłac)|\bпросим оплатить\b|请.{0,12}付款|お(?:支払い?|振り?込み?)(?:ください|をお願い)"
)
"""What every bill asks for."""
_BACK = any_of(
    r"\b(?:back|refund\w*|zurück|erstatt\w*|rembours\w*|reembols\w*|devol\w*|rimbors\w*|terug\w*|zwro\w*|zwrac\w*)\b|возв|退"
)
"""What customers want of their money."""
_PORTAL = any_of(
    r"\b(?:kundencenter|kundenkonto|kundenportal|kundenbereich|espace client|área (?:de )?clientes?|area clienti|klantomgeving|panel\w* klienta|personal account|customer (?:area|portal))\b|личн\w+ кабинет|\b(?:gracias por confiar|merci de votre confiance)\b"
)
"""Where a program says that a bill can be seen."""
_DESK = any_of(
    r"(?:.*[._+-])?(?:rechnung(?:en)?|invoic(?:es?|ing)|bills?|billing|factur(?:as?|e|es|en|acion|ation)|faturas?|fatturazione|fattur[ae]|faktur[ay]|faktury|cobrancas?|nf-?e|boletos?|payments?|einvoice|e-?rechnung|e-?faktura|bollett[ae]|receipts?|statements?)(?:-?online|[._+-][^@]*)?@"
)
"""What addresses are called that send bills, an accountant's among them."""
_IN_NAME_OF = any_of(
    r".{2,60}\b(?:via|über|par le biais de|através d[eo]|tramite|przez|through|powered by)\s+\w"
)
"""A service's sender, named after the firm that it writes for."""


def tells(
    subject: str, text: str, sender: Address, *, program: bool, service: bool, passed_on: bool, personal: bool
) -> bool:
    """Whether a mail is a bill's, and a program's.

    Args:
        subject: the mail's.
        text: what was written.
        sender: who From says wrote it.
        program: its sender's address is one that programs like.
        service: a service sent it that sends for many.
        passed_on: somebody of another domain gets the answer.
        personal: the address is called as its owner.
    """
    said = text[:_MOST]
    in_name_of = bool(passed_on and (_IN_NAME_OF.match(sender.name) or _DESK.match(sender.address)))
    of_desk = _DESK.match(sender.address)
    if (personal and not (in_name_of or of_desk)) or shapes.has_fields(said):
        return False
    if not _is_of_bill(subject, said) or speaks(said):
        return False
    sure = in_name_of or (service and not passed_on) or (program and not passed_on)
    declared = wording.is_automatic(said)
    if sure or declared:
        return _beside(said) <= 1
    impersonal = of_desk and not passed_on and (events.looks_like_program(said) or _PORTAL.search(said))
    return bool(impersonal) and not _beside(said)


def _is_of_bill(subject: str, text: str) -> bool:
    """Whether one of its sentences hands a bill over, and it has a number."""
    told = any(map(_BILL.search, sentences(text)))
    return told and bool(re.search(r"\d", f"{subject} {text}"))


def speaks(text: str) -> bool:
    """Whether somebody says more than a bill does; programs ask to be paid."""
    return events.speaks("\n\n".join(one for one in sentences(text) if not _is_request_to_pay(one)))


def _is_request_to_pay(sentence: str) -> bool:
    asked = notices.FIRST_PERSON.search(sentence) or _BACK.search(sentence)
    return bool(_PAY.search(sentence)) and not asked


def _beside(text: str) -> int:
    """Return how many sentences speak of anything else, the closing apart."""
    paragraphs = [one for one in re.split(r"\n[ \t]*\n", text) if not CLOSING.match(one.partition("\n")[0])]
    return sum(_is_letter(one) for one in sentences("\n\n".join(paragraphs)))


def _is_letter(sentence: str) -> bool:
    if len(sentence.split()) <= _GREETING and len(sentence) <= _LONG:
        return False
    known = (_BILL, _MONEY, _PAY, notices.AUTOMATIC, notices.DO_NOT_ANSWER, notices.THANKED, notices.WAY_OUT)
    return not (any(one.search(sentence) for one in known) or events.looks_like_program(sentence))
