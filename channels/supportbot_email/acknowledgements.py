"""Whether a website's program answers whoever filled in its form, and repeats to them what they typed.

What was typed has the fields of a form, as a mail has that hands on a customer's words to us; the program's own
words tell the two apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email import notices, shapes, wording
from supportbot_email.addresses import is_same_owner
from supportbot_email.mail import is_one_of
from supportbot_email.patterns import any_of

if TYPE_CHECKING:
    from supportbot_email.mail import Address, Settings

_MOST = 3_000
"""Characters at the beginning that are looked at."""

_HEADED = any_of(
    r"auto(?:matic|mated|matisch|matische)?[- ]?(?:reply|response|answer|confirmation|acknowledge?ment|antwort|antwoord|eingangsbestätigung|empfangsbestätigung|bestätigung|bevestiging)|autoantwort|réponse automatique|accusé de réception automatique|respuesta automática|acuse de recibo automático|resposta automática|risposta automatica|conferma automatica|odpowied[zź] automatyczna|automatyczne potwierdzenie|автоматический ответ|автоответ|自動(?:返信|応答)(?:メール)?|自动(?:回复|答复)|自動(?:回覆|回復)|자동 ?(?:회신|응답|답장)",
    start=r"[(（\[【［]\s?(?=.{1,40}[)）\]】］])",
)
"""A subject says in brackets that a program answers."""
_COPY = any_of(
    r"(?:(?:(?:a )?copy of )?(?:your|the) (?:original )?(?:message|enquiry|inquiry|request|submission|details|entries|data)|(?:ihre|deine) (?:nachricht|anfrage|mitteilung|angaben|daten|eingaben)|(?:votre|ton) (?:message|demande)|(?:su|tu) (?:mensaje|consulta|solicitud)|(?:(?:a )?sua|tua) (?:mensagem|solicitação)|(?:il )?(?:suo|tuo|vostro) messaggio|(?:la )?(?:sua|tua|vostra) richiesta|(?:uw|je) (?:bericht|vraag|aanvraag|gegevens)|(?:twoja|państwa) wiadomość|ваше (?:сообщение|обращение)|(?:お問い?合わせ|ご送信|ご入力)内容|您的(?:留言|咨询|信息)|here['’]s what (?:was|we) received|(?:folgende|diese) (?:angaben|daten|antworten) haben wir erhalten|voici ce que nous avons reçu|esto es lo que hemos recibido|(?:ecco|questo è) (?:cosa|quello che) abbiamo ricevuto|(?:isto é|veja) o que (?:foi )?recebe\w+|dit (?:hebben we|is) ontvangen|oto (?:przesłane|otrzymane) (?:dane|odpowiedzi)|вот что (?:было получено|мы получили))(?=[^\w\n]{0,6}$)",
    start=r"(?m)^[^\w\n]{0,6}",
)
"""What stands above what a form repeats to whoever filled it in."""


FIELD_WITH_ADDRESS = re.compile(r"^[^\n@]{2,40}(?:[:：|\t]|\s[–—-])[^\n@]{0,60}@[^\n]{0,200}", re.MULTILINE)
"""A line of a form in which somebody's address stands."""


def acknowledges(subject: str, text: str, sender: Address, settings: Settings, *, silent: bool) -> bool:
    """Whether a website's program thanks whoever filled in its form, and repeats to them what they typed.

    What was typed is theirs; above it the program speaks, and it says that it is one: in brackets in the subject,
    or in a sentence. A form that hands on what a customer wrote says so as well, but thanks nobody. Our own
    website's thanks are for its customer, and we get a copy: it hands on as well.

    Args:
        subject: the mail's.
        text: what was written.
        sender: who From says wrote it.
        settings: whose mailbox it is.
        silent: nobody reads answers at its sender's address: then a copy below thanks says enough.
    """
    if _is_our_firms(sender, settings) or _names_customer(text, sender, settings):
        return False
    headed, said = bool(_HEADED.search(subject)), text[:_MOST]
    head = _above_copy(said)
    joined = " ".join(f"{subject} \n {head}".split())
    if wording.speaks(head):
        return False
    if silent and head != said and notices.THANKED.search(joined):
        return True
    if not (headed or wording.is_automatic(text)):
        return False
    thanks, received = notices.THANKED.search(joined), notices.RECEIVED.search(joined)
    answers = notices.WILL_ANSWER.search(joined) or notices.WITHIN.search(joined)
    enough = received or (thanks and (headed or answers)) or (headed and head == said)
    return bool(enough)


def names_another(text: str, sender: Address, settings: Settings) -> bool:
    """Whether a text has the address of somebody who is neither the sender's firm nor ours."""
    ours = {settings.own_domain.lower(), sender.domain}
    found = {one.lower() for one in shapes.ADDRESS.findall(text[:20_000])}
    return any(
        one.rpartition("@")[2] not in ours and not is_one_of(one, settings.own_addresses) for one in found
    )


def _is_our_firms(sender: Address, settings: Settings) -> bool:
    return bool(settings.own_domain) and is_same_owner(sender.domain, settings.own_domain)


def _names_customer(text: str, sender: Address, settings: Settings) -> bool:
    return names_another("\n".join(FIELD_WITH_ADDRESS.findall(text[:_MOST])), sender, settings)


def _above_copy(text: str) -> str:
    """Return what of a text stands above what it repeats of a form."""
    found = [one.start() for one in (_COPY.search(text), shapes.FORM_FIELD.search(text)) if one]
    return text[: min(found)] if found else text
