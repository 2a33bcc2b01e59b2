"""Who asks for something is a person; programs are polite as well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbot_email.asking import asks, sentences, without_log_in

ASKING = [
    "Where is it?",
    "Please deliver on Friday.",
    "Bitte liefern Sie erst am Freitag.",
    "Merci de livrer vendredi.",
    "Por favor, dejen el paquete en la portería.",
    "Gostaria de trocar a lâmpada.",
    "Vorrei cambiare la lampada.",
    "Kunt u de lamp ruilen.",
    "Proszę o wymianę lampy.",
    "Пожалуйста, замените лампу.",
    "请换一个。",
    "交換をお願いします。",
    "¿Cuándo llega.",
    "I am away. Please\nsend it on Friday",
    "Dear team, send us two samples.",
    "Cancel my order 4411.",
    "Schicken Sie uns die zweite Lampe.",
    "Serwer nie odpowiada od 5:40. Proszę o restart.",
]
NOT_ASKING = [
    "I am away.",
    "Please contact Bob in urgent cases.",
    "Please do not reply to this mail.",
    "For help please write to bob@far.example.",
    "In dringenden Fällen wenden Sie sich bitte an Frau Kern.",
    "Bitte beachten Sie, dass niemand im Haus ist.",
    "Merci de ne pas répondre à ce message.",
    "Merci de votre confiance.",
    "Sie möchten keine Angebote mehr erhalten?",
    "En caso de urgencia, por favor contacte con recepción.",
    "W pilnych sprawach proszę o kontakt z Janem.",
    "По срочным вопросам обращайтесь, пожалуйста, к Ирине.",
    "如有急事请联系李娜。",
    "お急ぎの場合は鈴木までご連絡ください。",
    "See https://far.example/?a=b",
    "",
]


@pytest.mark.parametrize("text", ASKING)
def test_asks(text: str) -> None:
    """A question or a request, in the languages of mail, also where a line breaks it."""
    assert asks(text)


@pytest.mark.parametrize("text", NOT_ASKING)
def test_does_not_ask(text: str) -> None:
    """Nothing is asked, or what programs ask: to write to somebody else, not to answer, to look somewhere."""
    assert not asks(text)


@given(st.text(alphabet="ab. ?!。\n", max_size=60))
def test_sentences_hold_every_word(text: str) -> None:
    """No word falls out between two sentences."""
    assert "".join(text.split()) == "".join("".join(sentences(text)).split())


@pytest.mark.parametrize(
    "text",
    [
        "Please log in to your account to read it.",
        "Bitte melden Sie sich in Ihrem Postfach an.",
        "Veuillez vous connecter à votre espace client.",
        "Inicie sesión en su cuenta.",
        "Faça login na sua conta.",
        "Effettua l'accesso alla tua area clienti.",
        "Meld u aan bij uw account.",
        "Zaloguj się do bankowości.",
        "请登录您的账户。",
    ],
)
def test_what_a_bank_asks(text: str) -> None:
    """It wants its reader to log in to what is theirs."""
    assert "" == without_log_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please sign in to my account and read the order.",
        "Bitte loggen Sie sich in unser Konto ein.",
        "Accesso negato, potete aiutarmi?",
        "Connecter la lampe ne marche pas.",
        "Connectez-vous à mon compte.",
        "Logging in fails.",
        "Log in to the account, where is that?",
        "Zalogowanie nie działa.",
        "Aan of in, dat is de vraag.",
    ],
)
def test_what_customers_ask_of_a_log_in(text: str) -> None:
    """They want somebody to look at what is theirs, or they cannot log in."""
    assert text == without_log_in(text)
