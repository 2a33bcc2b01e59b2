"""Which card below a letter is its program's, and that what a customer typed below their name stays."""

from __future__ import annotations

import re
import time

import pytest

from supportbot_email import card_words, cards
from supportbot_email.mail import Address, Mail
from supportbot_email.quotes import split

LETTERS = {
    "en": "Hello,\n\nthe grey lamp flickers since it came and I want another one. Could you help?",
    "de": "Guten Tag,\n\ndie graue Lampe flackert seit gestern und ich hätte gern eine andere. Geht das?",
    "fr": "Bonjour,\n\nla lampe grise clignote depuis hier et nous en voudrions une autre. Est-ce possible ?",
    "es": "Hola,\n\nla lámpara gris parpadea desde ayer y queremos otra. ¿Es posible?",
    "pt": "Olá,\n\no candeeiro cinzento pisca desde ontem e queremos outro. É possível?",
    "it": "Buongiorno,\n\nla lampada grigia lampeggia da ieri e ne vorremmo un'altra. Si può?",
    "nl": "Goedemorgen,\n\nde grijze lamp knippert sinds gisteren en wij willen een andere. Kan dat?",
    "pl": "Dzień dobry,\n\nszara lampa miga od wczoraj i chcielibyśmy inną. Czy to możliwe?",
    "sv": "Hej,\n\nden grå lampan blinkar sedan igår och vi vill ha en annan. Går det?",
    "ja": "お世話になっております。\n\n昨日から灰色のランプが点滅しています。交換できますか。",
    "uk": "Доброго дня!\n\nСіра лампа блимає з учора, ми хотіли б іншу. Чи можливо це?",
}

TITLED = "Bob Smith\nDirector\nSmith Ltd"
NUMBERED = f"{TITLED}\nT: +44 1632 960 114"
"""A card by what it says again, and one by its number."""
ENDS = {
    "en": "Kind regards,\nBob", "de": "Viele Grüße\nBob", "fr": "Cordialement,\nBob", "es": "Saludos\nBob",
    "pt": "Obrigado\nBob", "it": "Cordiali saluti\nBob", "nl": "Met vriendelijke groet,\nBob",
    "pl": "Pozdrawiam\nBob", "sv": "Mvh\nBob", "ja": "よろしくお願いいたします。\nBob", "uk": "З повагою\nBob",
}  # fmt: skip

MEANT = {
    "an order": ("en", "Order 4711"),
    "what an order is called": ("en", "PO 4711-B"),
    "where to call only": ("de", "bitte nur mobil"),
    "a postscript": ("en", "P.S. in white"),
    "a postscript in German": ("de", "PS: in Weiß"),
    "a parcel's number": ("pt", "QB118822019BR"),
    "a bank account": ("de", "IBAN DE02 1203 0000 0000 2020 51"),
    "when": ("de", "Rückgabe am 4.5."),
    "at what time": ("nl", "Levering na 14:30"),
    "how many": ("fr", "40 kg"),
    "how much": ("es", "Precio 40 €"),
    "a question": ("it", "Anche in bianco?"),
    "a wish": ("pl", "Proszę o białą"),
    "a wish in small letters": ("sv", "gärna en vit"),
    "a sentence": ("en", "The white one would be fine too."),
    "what is missing": ("en", "Sales price missing"),
    "a serial number": ("de", "SN 88-1102-KX"),
    "another person": ("de", "Ansprechpartner ist ab heute Jo Lund"),
    "in Japanese": ("ja", "注文番号 4711"),
    "a size": ("de", "Größe 42"),
    "a room": ("it", "Camera 214"),
    "a number": ("en", "4711"),
    "letters and a number": ("en", "Q-7741"),
    "a file's number": ("de", "Unser Zeichen: 118/24"),
    "a file": ("es", "Expediente 118/24"),
    "an order in Polish": ("pl", "Zamówienie 4711"),
    "an order in Ukrainian": ("uk", "Замовлення 4711"),
    "a contract": ("uk", "Договір 4711"),
    "an addition": ("en", "Edit: only the white one is open"),
    "a colleague": ("fr", "Copie à Jo Lund, comptable"),
    "who shall answer": ("sv", "Svara till Jo Lund, ekonomichef"),
    "for whom": ("en", "Two for Jones Ltd"),
    "who gets it": ("en", "Cc Jones Ltd"),
    "a kind of lamp": ("en", "White lamp"),
    "beds": ("en", "Two singles, one double"),
    "a colour in Dutch": ("nl", "Donkerblauw"),
    "what they eat": ("en", "Mary Jones, Vegan"),
    "another guest": ("en", "Mary Jones"),
    "one of the family": ("en", "Mary Smith"),
    "two more of the family": ("en", "Mary Smith\nTom Smith"),
    "a cost centre": ("de", "KST 4711"),
    "until when": ("en", "Cancel by Monday"),
    "since when": ("de", "Kundin seit 2011"),
    "who comes": ("en", "Arriving Friday"),
    "a desk of wood": ("en", "School Desk Oak"),
    "a lamp called after them": ("en", "Smith lamp in white"),
}
"""A line that somebody typed below their card, by what it is."""

CLEAR = {
    "where they live": ("en", "12 New Road\nLeeds LS1 4AB"),
    "the town": ("en", "Leeds"),
    "a number to call that has no word": ("en", "0170 5550118"),
    "a gate": ("de", "Halle 3, Tor 4"),
    "under what number the firm is known": ("en", "VAT GB118277000"),
    "a page": ("en", "www.example.com/page-that-fails"),
    "a page of their own": ("en", "https://smith.example/lamp"),
    "a picture": ("en", "https://img.example/abc.png"),
    "another address": ("en", "bob.private@mail.example"),
    "what is bought": ("en", "Office Chair Director"),
    "a trade": ("en", "Travel Lamp Solutions"),
    "foods": ("en", "Foods"),
    "an edition": ("en", "Black, Partner Edition"),
    "a word of the domain": ("en", "Smith Black"),
    "a rank that may be a room": ("en", "Executive"),
    "a ladder": ("de", "Leiter"),
    "who gets it, a firm": ("en", "Invoice Jones Ltd"),
    "where it goes, a firm": ("de", "Bei Lund GmbH"),
    "what they were called": ("en", "Formerly Jones Ltd"),
}
"""Likewise below a card that has no number, where nothing is left that is unsure."""

SHAPES = {
    "a name alone": (f"Kind regards,\nBob\n\n{TITLED}", "Kind regards,\nBob\n\nBob Smith"),
    "two guests": (f"Kind regards,\nBob\n\n{TITLED}", "Kind regards,\nBob\n\nBob Smith\nMary Smith"),
    "a family": (f"Kind regards,\nBob\n\n{TITLED}", "Kind regards,\nBob\n\nBob Smith\nMary Smith\nTom Smith"),
    "a list": (f"Thanks\nBob\n\n{TITLED}", "Thanks\nBob\n\nOne white lamp\nOne black lamp\nSmith Ltd"),
    "what they sell": (f"Thanks\nBob\n\n{TITLED}", "Thanks\nBob\n\nBlack Lamps\nSmith Ltd"),
    "what they sell, below the name": (f"Thanks\nBob\n\n{TITLED}", "Thanks\nBob\n\nBob Smith\nBlack Lamps\nSmith Ltd"),
    "what each eats": (f"Best\nBob\n\n{TITLED}", "Best\nBob\n\nBob Smith, Vegetarian\nMary Smith, Vegan\nSmith Ltd"),
    "a name and a thing": (f"Best\nBob\n\n{TITLED}", "Best\nBob\n\nBob Smith White\nDirector\nSmith Ltd"),
    "another person's card": (f"Best\nBob\n\n{TITLED}", "Best\nBob\n\nMary Jones\nDirector\nSmith Ltd"),
    "no closing": (f"Best\nBob\n\n{TITLED}", f"Bob\n\n{TITLED}"),
    "no empty line": (f"Best\nBob\n\n{TITLED}", f"Best\n{TITLED}"),
    "a name that was typed": (f"Best\n\n{TITLED}", "Best\n\nBob Smith\n\nDirector\nSmith Ltd"),
    "a wish for a closing": (f"Take care, Bob\n\n{TITLED}", f"Take care of it please\n\n{TITLED}"),
    "a price for a closing": (f"All the best, Bob\n\n{TITLED}", f"All the best price\n\n{TITLED}"),
    "two letters": (f"Best\nBob\n\n{TITLED}", "Best\nBob\n\nBob Smith\nType AB"),
    "a half frame": (f"────\n{NUMBERED}\n────", f"────\n{NUMBERED}"),
    "a frame without a number or a firm": (f"────\n{NUMBERED}\n────", "────\nWhite lamp\nBob Smith\n────"),
    "a frame that asks": (f"────\n{NUMBERED}\n────", f"────\n{NUMBERED}\nIn white?\n────"),
    "a frame around another's firm": (f"────\n{TITLED}\n────", "────\nMary Jones\nDirector\nJones Ltd\n────"),
    "a frame without an empty line": (f"────\n{NUMBERED}\n────", f"This is it.\n────\n{NUMBERED}\n────"),
}  # fmt: skip
"""What is cut, and what resembles it and is kept."""

SPOKEN_OF = {
    "an address": "Please send the new lamp to my address, and take the old one with you.",
    "below": "Please change the account to the details below, from now on and for all of us.",
    "a signature": "Our firm's new name is in the signature, please correct all of the invoices.",
    "in German": "Bitte ändern Sie die Rechnung so, wie die Firma untenstehend heißt, vielen Dank dafür.",
    "in French": "Merci de refaire la facture au nom qui figure ci-dessous, pour nous tous.",
    "here": "Sure, here you go!",
    "a firm's new name": "We are called otherwise since May, so please change our company name everywhere.",
    "a bill": "Bitte die Rechnung auf die neue Gesellschaft ausstellen und noch einmal senden.",
    "a bill in Italian": "La fattura va intestata alla nostra ditta e non a me come persona privata.",
    "a bill in Polish": "Proszę o fakturę na firmę, a nie na mnie, i o jej ponowne przesłanie.",
    "at work": "The grey one then, and let it go to my work as nobody is at home by day.",
    "at work, in French": "Plutôt la grise, et livrez-la à mon bureau car je ne suis jamais chez moi.",
    "at work, in Spanish": "Mejor la gris, y que llegue a mi oficina porque en casa no hay nadie.",
    "a call in Swedish": "Den grå blinkar också, ring gärna så att vi kan prata om det i morgon.",
    "a call in Finnish": "Harmaa lamppu vilkkuu myös, soittakaa huomenna niin katsotaan asiaa yhdessä.",
    "an invoice": "Wir brauchen noch die Rechnung für die graue Lampe, mit der Nummer des Amtes.",
    "where they are now": "We have moved since we wrote last, so please change what you have of us.",
    "where they are now, in German": "Wir sind umgezogen, bitte ändern Sie das bei Ihnen für alle von uns.",
    "who comes": "Please send the engineer on Monday, it is urgent for the whole team.",
    "who comes, in Spanish": "Manden por favor el técnico el lunes, corre prisa para todo el equipo.",
    "a conversation": "I would like to speak to somebody about this on Tuesday or Wednesday.",
    "a card": "Our new business cards shall be like that, in blue and with a white rim.",
    "a job": "I have a new job, so close the old account and open one for me there.",
    "a colon": "Please make the invoice out to this firm from now on, which is new:",
    "a door plate": "Please make the door plate like that, in white letters on a blue ground.",
    "a sign": "This comes on the sign at our gate, in white letters on blue metal.",
    "a stamp": "We want a rubber one like that, a stamp in blue, as soon as you can make it.",
    "a label": "The label on the parcel has to have this, otherwise customs returns it again.",
    "a gift": "The gift note has to be there as well, signed by all of us in this manner.",
    "a plate in German": "Machen Sie uns bitte ein neues Türschild damit, in Weiß auf Blau, bis Mai.",
    "a stamp in German": "Wir brauchen einen neuen Stempel damit, in Blau, so bald wie möglich.",
    "a label in German": "Auf dem Etikett des Pakets muss das stehen, sonst kommt es zurück zu uns.",
    "a plaque in French": "Il nous faut une plaque ainsi faite, en lettres blanches sur fond bleu.",
    "a plate in Russian": "Сделайте нам, пожалуйста, табличку на дверь, белым по синему, до мая.",
    "a bell": "Give me a bell tomorrow and we will sort it out, the whole lot of lamps.",
    "a call in German": "Am besten melden Sie sich bei mir, dann klären wir das für alle Lampen.",
    "a catalogue": "We want a catalogue and the price list on paper, ours is from 2019.",
    "a catalogue in German": "Wir hätten gern einen Katalog auf Papier, unserer ist von 2019.",
    "samples": "We would like two samples of the oak and one of the walnut for clients.",
    "samples in German": "Wir hätten gern zwei Muster in Eiche und eines in Nussbaum für Kunden.",
    "another one": "The lamp came broken. Please send a new one by tomorrow, guests arrive then.",
    "a number of an order": "The order number that you gave us is wrong, this is who we really are.",
    "a role": "Please give me the role in the account that I had before the summer.",
}
"""How a letter speaks of what stands below it."""
PLAIN = "We are asking ourselves whether the grey one could be exchanged for a white one."

CUT = {
    "a name again": ("en", "Kind regards,\nBob\n", f"\n{TITLED}"),
    "the name of From": ("en", "Kind regards,\n", f"\n{TITLED}"),
    "a role alone": ("en", "Kind regards,\nBob\n", "\nBob Smith\nManaging Director"),
    "an office": ("en", "Kind regards,\nBob\n", "\nBob Smith | Head of Purchasing | Smith Ltd"),
    "a firm alone": ("de", "Viele Grüße\nBob\n", "\nBob Smith\nSmith & Söhne GmbH & Co. KG"),
    "a home page": ("de", "Viele Grüße\nBob\n", "\nBob Smith\nGeschäftsführer\nwww.smith.example"),
    "their address": ("fr", "Cordialement\nBob\n", "\nBob Smith\nDirecteur général\nMail: bob@smith.example"),
    "two letters beside a role": ("sv", "Mvh Bob\n", "\nBob Smith, daglig leder\nFjordbygg AS"),
    "in Polish": ("pl", "Pozdrawiam\nBob\n", "\nBob Smith\nKierownik zakupów\nHuta Sp. z o.o."),
    "in Japanese": ("ja", "よろしくお願いいたします。\n田所\n", "\n田所 誠\n株式会社スミス 営業部"),
    "in Ukrainian": ("uk", "З повагою,\nБоб\n", "\nБоб Сміт\nТОВ «ДніпроТех»"),
    "a number": ("en", "Kind regards,\nBob\n", f"\n{NUMBERED}"),
    "a number above": ("en", "Kind regards,\nBob\n", "\nBob Smith\nHead of Purchasing\nSmith Ltd | Unit 9, New Park, Leeds\nT: +44 1632 960 114"),
    "a number and an address": ("de", "MfG\n", "Bob Smith\nEinkauf\nSmith GmbH\nHauptstr. 5, 10115 Berlin\nTel. 030 5550118\nwww.smith.example"),
    "a lawyer": ("en", "Kind regards,\nBob\n", f"\n{TITLED}\n\nThis e-mail is confidential and only for the intended recipient. If it came to you in error, delete it."),
    "a lawyer without a blank line": ("es", "Gracias,\nBob\n", "\nBob Smith\nGerente\nAceites Smith, S.L.\nAVISO LEGAL: Este mensaje es confidencial y va dirigido exclusivamente a su destinatario."),
    "a firm that resembles a closing": ("en", "Kind regards,\nBob\n", "\nBob Smith\nDirector\nBest Lamps Ltd"),
    "between rules": ("ja", "", "──────────────\n株式会社スミス 営業部\n田所 誠\nTEL 03-5550-0118\n──────────────"),
    "between rules, without a number": ("ja", "", "──────────────\n株式会社スミス\n田所 誠\n──────────────"),
}  # fmt: skip
"""The letter's language, how it ends, and the card below it."""


BOB = Address(name="Bob Smith", address="bob@smith.example")
WRITERS = {
    "ja": Address(name="田所 誠", address="tadokoro@far.example"),
    "uk": Address(name="Боб Сміт", address="bob@far.example"),
}


def reply(text: str, writer: Address = BOB) -> str:
    spans = split(text, writer=writer)
    return Mail(message_id="<x>", content_key="", text=text, spans=spans).reply


def is_kept(text: str, writer: Address = BOB) -> bool:
    return text.split() == reply(text, writer).split()


@pytest.mark.parametrize("card", [TITLED, NUMBERED])
@pytest.mark.parametrize("name", MEANT)
def test_meant(name: str, card: str) -> None:
    """A card is cut, and stays with a line below it that is meant for the reader, with or without a space."""
    language, line = MEANT[name]
    text = f"{LETTERS[language]}\n\n{ENDS[language]}"
    assert text.split() == reply(f"{text}\n\n{card}").split()
    assert is_kept(f"{text}\n\n{card}\n{line}")
    assert is_kept(f"{text}\n\n{card}\n\n{line}")


@pytest.mark.parametrize("name", CLEAR)
def test_clear(name: str) -> None:
    """A card without a number is cut, and stays with any line that is not clearly one of it."""
    language, line = CLEAR[name]
    text = f"{LETTERS[language]}\n\n{ENDS[language]}"
    assert text.split() == reply(f"{text}\n\n{TITLED}").split()
    assert is_kept(f"{text}\n\n{TITLED}\n{line}")
    assert is_kept(f"{text}\n\nBob Smith\n{line}\nSmith Ltd")


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    """What only resembles a card is kept."""
    cut, kept = SHAPES[name]
    assert not is_kept(f"{LETTERS['en']}\n\n{cut}")
    assert is_kept(f"{LETTERS['en']}\n\n{kept}")


@pytest.mark.parametrize("line", ["White lamp", "Two singles, one double", "2 white lamps", "no nuts"])
def test_a_thing_above_a_number(line: str) -> None:
    """What has small letters and is no role, between the lines of a card or a frame with a number."""
    for above, below in ((f"{ENDS['en']}\n\n", ""), ("────\n", "\n────")):
        card = f"{LETTERS['en']}\n\n{above}Bob Smith\n{{}}Smith Ltd\nT: +44 1632 960 114{below}"
        assert not is_kept(card.format(""))
        assert is_kept(card.format(f"{line}\n"))


def test_another_person() -> None:
    """The number of somebody else is what the customer wants to say."""
    for above in (f"{ENDS['en']}\n\n", "Kind regards,\n"):
        card = f"{LETTERS['en']}\n\n{above}{{}}\nDirector\nSmith Ltd\nT: +44 1632 960 114"
        assert not is_kept(card.format("Bob Smith"))
        assert is_kept(card.format("Mary Jones"))


@pytest.mark.parametrize(
    "card", [f"{ENDS['en']}\n\n{TITLED}", f"{ENDS['en']}\n\n{NUMBERED}", f"────\n{NUMBERED}\n────"]
)
@pytest.mark.parametrize("name", SPOKEN_OF)
def test_spoken_of(name: str, card: str) -> None:
    """A card that the letter speaks of is part of it, with and without a number and in a frame."""
    assert not is_kept(f"Hello,\n\n{PLAIN}\n\n{card}")
    assert is_kept(f"Hello,\n\n{SPOKEN_OF[name]}\n\n{card}")


@pytest.mark.parametrize("letter", ["Sure!", "Of course.", "Natürlich, sehr gern!"])
def test_few_words(letter: str) -> None:
    """A card without a number below few words may be all of the answer."""
    assert not is_kept(f"Hello,\n\n{PLAIN}\n\n{ENDS['en']}\n\n{TITLED}")
    assert is_kept(f"Hello,\n\n{letter}\n\n{ENDS['en']}\n\n{TITLED}")


def test_a_bill() -> None:
    """Who speaks of a bill may mean the number under which their firm is known."""
    card = f"{ENDS['en']}\n\n{TITLED}\nVAT 118 2770\nT: +44 1632 960 114"
    assert not is_kept(f"Hello,\n\n{PLAIN}\n\n{card}")
    assert is_kept(f"Hello,\n\nWe still wait for the invoice of the grey lamp that came in May.\n\n{card}")


@pytest.mark.parametrize(
    "writer",
    [
        Address(name="Bob Smith", address=f"bob@{one}")
        for one in ("virginmedia.com", "fastmail.com", "lamps.example")
    ],
)
def test_domain(writer: Address) -> None:
    """That a line has a word of the domain says nothing of it."""
    text = f"{LETTERS['en']}\n\nThanks\nBob"
    assert not is_kept(f"{text}\n\n{TITLED}", writer)
    for line in ("Media Wall Black", "Fast Mail Lamp", "Black Lamps", "Lamps in white"):
        assert is_kept(f"{text}\n\nBob Smith\n{line}", writer)
        assert is_kept(f"{text}\n\n{line}", writer)


@pytest.mark.parametrize(
    "question",
    [
        "To which address shall we send it?",
        "Bitte nennen Sie uns noch die Anschrift.",
        "Quelle est la raison sociale de votre société ?",
        "¿En qué teléfono le podemos llamar?",
        "ご住所を教えてください。",
    ],
)
@pytest.mark.parametrize("card", [TITLED, NUMBERED])
def test_asked_for(question: str, card: str) -> None:
    """A card in answer to whoever asks for what it has may be the answer."""
    text = f"{LETTERS['en']}\n\n{ENDS['en']}\n\n{card}"
    quote = "On 3 May 2026 at 9:00, Help <help@shop.example> wrote:\n> Hello,\n> {}\n> Help"
    assert text.split() != reply(f"{text}\n\n{quote.format('Thank you.')}").split()
    assert text.split() == reply(f"{text}\n\n{quote.format(question)}").split()


@pytest.mark.parametrize("name", CUT)
def test_cut(name: str) -> None:
    """A program's card is none of the letter; the name that stands directly below its closing is."""
    language, closing, card = CUT[name]
    text = f"{LETTERS[language]}\n\n{closing}"
    assert text.split() == reply(f"{text}{card}\n", WRITERS.get(language, BOB)).split()


def test_a_line_above_a_lawyer() -> None:
    """What stands directly above a lawyer's paragraph is not the lawyer's."""
    text = f"{LETTERS['en']}\n\n{ENDS['en']}"
    foot = "This e-mail is confidential and only for the intended recipient, nobody else."
    assert text.split() == reply(f"{text}\n\n{TITLED}\n{foot}").split()
    for line in ("White lamp", "WHITE LAMP", "and the white one, please", "Bob"):
        kept = f"{text}\n\n{line}" if line == "Bob" else f"{text}\n\n{TITLED}\n{line}"
        assert kept.split() == reply(f"{kept}\n{foot}").split()


@pytest.mark.parametrize("closing", ["Hartelijke groet,", "Terveisin", "Med venlig hilsen", "S úctou", "Tisztelettel", "Iyi çalışmalar", "Με εκτίμηση", "Cu respect", "감사합니다", "Bien à vous", "З повагою"])  # fmt: skip
def test_closings(closing: str) -> None:
    """In the languages of mail."""
    start = f"{LETTERS['en']}\n\n{closing}\n"
    assert start.split() == reply(f"{start}\n{TITLED}").split()


SEARCHED = [
    card_words.ASKED_FOR, card_words.BUSINESS, card_words.FIRM, card_words.INVOICES, card_words.OF_ANOTHER,
    card_words.OF_THE_MATTER, card_words.POINTS, card_words.REFERS, card_words.TO_THE_READER, card_words.VAT,
]  # fmt: skip
HOSTILE = [
    "a",
    "a ",
    "A B ",
    "a'",
    "1 New ",
    "[a",
    "1-",
    "a.",
    "Best wishes ",
    "schick ",
    "s. ",
    "会社",
    "　",
    "w-w.",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_words_are_linear(unit: str) -> None:
    """What is searched in a letter, and what a line has to match, takes linear time: 2 s are many times that."""
    text = (unit * 10_000)[:10_000] + "!"
    before = time.process_time()
    for pattern in (one for page in (cards, card_words) for one in vars(page).values()):
        if isinstance(pattern, re.Pattern):
            pattern.fullmatch(text)
            pattern.search(text[:200])
    for searched in SEARCHED:
        searched.search(text)
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    "run",
    [
        f"{LETTERS['en']}\n\nKind regards\n{'a' * 150}!\n\nx y\n\n",
        f"{LETTERS['en']}\n\nKind regards\n\n" + f"Mail {'confidential ' * 14}\n" * 56,
        f"{LETTERS['en']}\n\n{ENDS['en']}\n\n{NUMBERED}\n\n",
        f"{LETTERS['en']}\n\n{ENDS['en']}\n\n{TITLED}\n\n",
        f"{LETTERS['en']}\n\n────\n{NUMBERED}\n────\n",
    ],
)
def test_many(run: str) -> None:
    """300 KB of cards take no longer than other mails."""
    part = f"{run}> q\n\n"
    before = time.process_time()
    split(part * (300_000 // len(part)), writer=BOB)
    assert time.process_time() - before < 2
