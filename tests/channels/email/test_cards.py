"""Which card below a letter is its program's, and that what a customer typed below their name stays."""

from __future__ import annotations

import pytest

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

KEPT = {
    "where they live": ("en", "Kind regards,\nBob\n\nBob Smith\n12 New Road\nLeeds LS1 4AB"),
    "where they live, named once": ("en", "Kind regards,\n\nBob Smith\n12 New Road\nLeeds"),
    "where they live, without a number": ("en", "Kind regards,\n\nBob Smith\nLeeds"),
    "an order": ("en", "Thanks\nBob\n\nBob Smith\nOrder 4711"),
    "an order below a firm": ("en", "Thanks\nBob\n\nSmith Ltd\nOrder 4711"),
    "what an order is called": ("en", "Thanks\nBob\n\nSmith Ltd\nPO 4711-B"),
    "where to call": ("de", "Viele Grüße\nBob Berg\n\nRufen Sie mich an: 0170 5550118"),
    "where to call, below a firm": ("de", "Viele Grüße\nBob Berg\n\nBerg GmbH\nbitte nur mobil: 0170 5550118"),
    "a number alone": ("de", "Viele Grüße\nBob\n\nBob Berg\n0170 5550118"),
    "a postscript": ("en", "Kind regards,\nBob\n\nBob Smith\nDirector\nSmith Ltd\n\nP.S. in white"),
    "a postscript in German": ("de", "Viele Grüße\nBob\n\nBob Berg\nBerg GmbH\nPS: in Weiß"),
    "a parcel's number": ("en", "Kind regards,\nBob\n\nBob Smith\nSmith Ltd\nQB118822019BR"),
    "a parcel's number alone": ("pt", "Obrigado\nRui\n\nQB118822019BR"),
    "a bank account": ("de", "Mit freundlichen Grüßen\nBob Berg\n\nBerg GmbH\nIBAN DE02 1203 0000 0000 2020 51"),
    "when": ("de", "Viele Grüße\nBob\n\nBob Berg\nBerg GmbH\nRückgabe am 4.5."),
    "at what time": ("nl", "Met vriendelijke groet,\nJan\n\nJan Bos\nBos B.V.\nLevering na 14:30"),
    "how many": ("fr", "Cordialement,\nLuc\n\nLuc Petit\nUsine SA\n40 kg"),
    "how much": ("es", "Saludos\nMarta\n\nObra S.L.\nPrecio 40 €"),
    "a question": ("it", "Cordiali saluti\nLia\n\nLia Conti\nConti S.r.l.\nAnche in bianco?"),
    "a wish": ("pl", "Pozdrawiam\nEwa\n\nEwa Lis\nHuta Sp. z o.o.\nProszę o białą"),
    "a wish in small letters": ("sv", "Mvh\nSven\n\nSven Berg\nBerg AB\ngärna en vit"),
    "a sentence": ("en", "Kind regards,\nBob\n\nBob Smith\nDirector, Smith Ltd\nThe white one would be fine too."),
    "what is missing": ("en", "Thanks\nBob\n\nSales price missing"),
    "a list": ("en", "Thanks\nBob\n\nOne white lamp\nOne black lamp"),
    "a list of names": ("en", "Please engrave these:\n\nThanks\nBob\n\nBob Smith\nMary Smith"),
    "a serial number": ("de", "Gruß\nBob\n\nBob Berg\nBerg GmbH\nSN 88-1102-KX"),
    "another person": ("de", "Viele Grüße\nBob Berg\n\nAnsprechpartner ist ab heute Jo Lund"),
    "in Japanese": ("ja", "よろしくお願いいたします。\n田所\n\n田所製作所\n注文番号 4711"),
    "a rule, then more": ("en", "----\nWhite\n12 New Road\nLeeds"),
    "no closing": ("en", "Bob Smith\nDirector, Smith Ltd"),
    "who comes": ("en", "Kind regards,\nBob\n\nBob Smith and Mary Jones\nArriving Friday"),
    "another person's card": ("en", "Kind regards,\nBob\n\nMary Jones\nHead of Purchasing\nSmith Ltd"),
    "a line below the card": ("en", "Kind regards,\nBob\n\nBob Smith\nDirector\nSmith Ltd\n\nWhite lamp"),
    "a line below the card, in Dutch": ("nl", "Groeten\nJan\n\nJan Bos\nBos B.V.\n\nDonkerblauw"),
    "a size": ("de", "Viele Grüße\nBob\n\nBob Berg\nBerg GmbH\nGröße 42"),
    "a room": ("it", "Grazie\nLia\n\nLia Conti\nStudio Smith S.r.l.\nCamera 214"),
    "a number below a firm": ("en", "Thanks\nBob\n\nSmith Ltd\n4711"),
    "letters and a number": ("en", "Thanks\nBob\n\nBob Smith\nSmith Ltd\nQ-7741"),
    "a file's number": ("de", "Mit freundlichen Grüßen\nBob Berg\n\nKanzlei Smith\nAz. 4 C 118/24"),
    "a file's number, in words": ("de", "Mit freundlichen Grüßen\nBob Berg\n\nKanzlei Smith\nUnser Zeichen: 118/24"),
    "what was filled in": ("en", "Thanks\nBob\n\nCompany: Smith Ltd\nColour: White\nName: Bob Smith"),
    "an order in Polish": ("pl", "Pozdrawiam\nEwa\n\nEwa Lis\nHuta Sp. z o.o.\nZamówienie 4711"),
    "an order in Spanish": ("es", "Gracias\nMarta\n\nMarta Gil\nObra S.L.\nPedido 4711"),
    "an order in Ukrainian": ("uk", "З повагою\nОксана\n\nОксана Гриценко\nЗамовлення 4711"),
    "an addition": ("en", "Cheers\nBob\n\nEdit: the black one has come, only the white one is open"),
    "a colleague": ("fr", "Cordialement\nLuc\n\nCopie à Jo Lund, comptable"),
    "who shall answer": ("sv", "Mvh\nSven\n\nSvara till Jo Lund, ekonomichef"),
    "one who shares an office": ("de", "Viele Grüße\nBob\n\nBob Berg\nc/o Lund GmbH\nAm Markt 5\n10115 Berlin\n\nHinterhaus, bei Lund klingeln"),
    "two of them": ("en", "Best,\nBob\n\nBob Smith, Smith Travel\nTwo singles, one double"),
    "for whom": ("en", "Best,\nBob\n\nTwo for Smith Ltd\nThree for Berg Ltd"),
    "who gets it": ("en", "Regards\nBob\n\nCc Smith Ltd"),
    "what is bought": ("en", "Thanks\nBob\n\nSchool Book Classic\nOffice Chair Director"),
    "a page": ("en", "Cheers\nBob\n\nBob Smith\nDirector\nwww.example.com/page-that-fails"),
    "a picture": ("en", "Cheers\nBob\n\nScreenshot: https://img.example/abc.png"),
    "a picture of their own": ("en", "Cheers\nBob\n\nBob Smith\nSmith Ltd\nhttps://smith.example/lamp-4711.jpg"),
    "a number beside the name": ("en", "Cheers\nBob\n\nBob Smith 4711\nSmith Ltd"),
    "another address": ("en", "Cheers\nBob\n\nBob Smith\nSmith Ltd\nbob.private@mail.example"),
    "a number, named again": ("en", "Cheers\nBob\n\nBob Smith\n+47 555 01 882"),
    "where it goes": ("sv", "Mvh\nBob\n\nLevereras till Smith AB, Storgatan 18"),
    "a customer's number": ("de", "Gruß\nBob Smith\n\nSmith GmbH\nKd.-Nr. 4711"),
    "a cost centre": ("de", "Gruß\nBob Smith\n\nSmith GmbH\nKST 4711"),
    "which gate": ("de", "Gruß\nBob Smith\n\nSmith GmbH\nHalle 3, Tor 4"),
    "a file": ("es", "Gracias\nBob\n\nSmith S.L.\nExpediente 118/24"),
    "until when": ("en", "Regards\nBob\n\nBob Smith\nSmith Ltd\nCancel by Monday"),
    "since when": ("de", "Gruß\nBob Smith\n\nSmith GmbH\nKundin seit 2011"),
    "a contract": ("uk", "З повагою\nБоб\n\nТОВ «ДніпроТех»\nДоговір 4711"),
    "under a rule, that asks": ("en", "----\nSmith Ltd\nBob Smith\nIn white?"),
}  # fmt: skip
"""What stands below the name and is meant for the reader, by what it is."""

SPOKEN_OF = {
    "an address": "Please send the new lamp to my address, and take the old one with you.",
    "below": "Please change the account to the details below, from now on and for all of us.",
    "a signature": "Our firm's new name is in the signature, please correct all of the invoices.",
    "in German": "Bitte ändern Sie die Rechnung so, wie die Firma untenstehend heißt, vielen Dank dafür.",
    "in French": "Merci de refaire la facture au nom qui figure ci-dessous, pour nous tous.",
    "here": "Sure, here you go!",
    "few words": "Of course.",
    "a firm's new name": "We are called otherwise since May, so please change our company name everywhere.",
    "a bill": "Bitte die Rechnung auf die neue Gesellschaft ausstellen und noch einmal senden.",
    "a bill in Italian": "La fattura va intestata alla nostra ditta e non a me come persona privata.",
    "a bill in Polish": "Proszę o fakturę na firmę, a nie na mnie, i o jej ponowne przesłanie.",
    "at work": "The grey one then, and let it go to my work as nobody is at home by day.",
    "at work, in French": "Plutôt la grise, et livrez-la à mon bureau car je ne suis jamais chez moi.",
    "at work, in Spanish": "Mejor la gris, y que llegue a mi oficina porque en casa no hay nadie.",
    "a call in Swedish": "Den grå blinkar också, ring gärna så att vi kan prata om det i morgon.",
    "a call in Finnish": "Harmaa lamppu vilkkuu myös, soittakaa huomenna niin katsotaan asiaa yhdessä.",
    "in few words of German": "Natürlich, sehr gern!",
    "an invoice": "Wir brauchen noch die Rechnung für die graue Lampe, mit der Nummer des Amtes.",
    "where they are now": "We have moved since we wrote last, so please change what you have of us.",
    "where they are now, in German": "Wir sind umgezogen, bitte ändern Sie das bei Ihnen für alle von uns.",
    "who comes": "Please send the engineer on Monday, it is urgent for the whole team.",
    "who comes, in Spanish": "Manden por favor el técnico el lunes, corre prisa para todo el equipo.",
    "a conversation": "I would like to speak to somebody about this on Tuesday or Wednesday.",
    "a card": "Our new business cards shall be like that, in blue and with a white rim.",
    "a job": "I have a new job, so close the old account and open one for me there.",
    "a colon": "Please make the invoice out to this firm from now on, which is new:",
}
CARD = "Kind regards,\nBob\n\nBob Smith\nDirector\nSmith Ltd\nVAT 118 2770\n12 New Road, Leeds"

CUT = {
    "a name again": ("en", "Kind regards,\nBob\n", "\nBob Smith\nDirector\nSmith Ltd"),
    "a name again, of who answers nothing": ("en", "Kind regards,\nBob\n", "\nBob Smith (he/him)\nPeople & Culture\nSmith Distillery"),
    "a number": ("en", "Kind regards,\nBob\n", "\nBob Smith\nHead of Purchasing\nSmith Ltd | Unit 9, New Park, Leeds\nT: +44 1632 960 114"),
    "a lawyer": ("en", "Kind regards,\nBob\n", "\nBob Smith\nPartner\nSmith Legal\n\nThis e-mail is confidential and only for the intended recipient. If it came to you in error, delete it."),
    "a lawyer without a blank line": ("es", "Gracias,\nBob\n", "\nBob Smith\nAdministración\nAceites Smith, S.L.\nAVISO LEGAL: Este mensaje es confidencial y va dirigido exclusivamente a su destinatario."),
    "a lawyer of Italy": ("it", "Cordiali saluti\n", "\nBob Smith\nUfficio Acquisti\nGruppo Smith S.p.A.\n\nLe informazioni contenute nella presente comunicazione sono riservate al solo destinatario."),
    "a lawyer of the Netherlands": ("nl", "Met vriendelijke groet,\n", "\nBob Smith\nInkoop | Gemeente Smith\n\nDISCLAIMER: Dit bericht is voor Smith. Indien u niet de geadresseerde bent, meldt u dit dan."),
    "a lawyer between stars": ("en", "Regards\nBob Smith\n", "\nSmith Insurance plc - Human Resources\n\n" + "*" * 60 + "\nThis e-mail is confidential to the user of the address it was addressed to.\n" + "*" * 60),
    "only the name of From": ("pt", "Atenciosamente,\n", "\nBob Smith\nCoordenação Pedagógica\nColégio Aurora"),
    "with a blank line after each": ("pt", "Atenciosamente,\n", "\nBob Smith\n\nFacilities\n\nFerrovia Log\n\n(51) 5550-0118"),
    "a firm": ("de", "Freundliche Grüße\nBob Smith\n", "\nSmith Hausverwaltung GmbH | Geschäftsführer: B. Smith | HRB 11827"),
    "a firm and a court": ("de", "MfG\nB. Smith\n", "\nSmith Chemie AG · IT-Betrieb\nVorstand: Dr. M. Muster · Aufsichtsrat: P. Muster\nAmtsgericht Ludwigshafen HRB 00000"),
    "an office": ("de", "Mit freundlichen Grüßen\nIm Auftrag\n", "\nBob Smith\nKreisverwaltung Uhlen\nPersonal, Zi. 2.14\nTel. 05821 555-214\n\nBitte prüfen Sie, ob diese Mail ausgedruckt werden muss."),
    "on the closing's line": ("sv", "Mvh Bob\n", "\nBob Smith, daglig leder\nFjordbygg AS"),
    "what it is called": ("en", "All the best\nBob Smith\n", '\nSmith Catering\n"Food made with love"'),
    "warm wishes": ("en", "Warm wishes\nBob\n", "\nBob Smith\nSmith Knits, Green Street, Dingle"),
    "a reply awaited": ("pt", "Aguardo retorno,\n", "\nBob Smith\nDepto. Financeiro - Construsul Engenharia"),
    "in Ukrainian": ("uk", "З повагою,\nОксана Гриценко\n", "\nТОВ «ДніпроТех»"),
    "no closing": ("en", "Bob\n", "\nBob Smith\nHead Gardener, Smith Estate"),
    "between rules": ("ja", "", "──────────────\n株式会社スミス 営業部\n田所 誠\nTEL 03-5550-0118\n──────────────"),
    "an address that a letter does not speak of": ("de", "Gruß\nBob Smith\n", "\nElektro Smith GmbH\nInh. B. Smith\n07318 Saalfeld"),
}  # fmt: skip
"""The letter's language, how it ends, and the card below it."""


BOB = Address(name="Bob Smith", address="bob@smith.example")
WRITERS = {"ja": Address(name="田所 誠", address="tadokoro@far.example")}


def reply(text: str, language: str = "en") -> str:
    spans = split(text, writer=WRITERS.get(language, BOB))
    return Mail(message_id="<x>", content_key="", text=text, spans=spans).reply


@pytest.mark.parametrize("name", KEPT)
def test_kept(name: str) -> None:
    """What somebody typed below their name is the reader's."""
    language, below = KEPT[name]
    text = f"{LETTERS[language]}\n\n{below}"
    assert text.split() == reply(text, language).split()


def test_not_spoken_of() -> None:
    """The card of the tests below is cut where nothing speaks of it."""
    text = f"{LETTERS['en']}\n\nKind regards,\nBob"
    assert text.split() == reply(f"{LETTERS['en']}\n\n{CARD}").split()


@pytest.mark.parametrize("name", SPOKEN_OF)
def test_spoken_of(name: str) -> None:
    """A card that the letter speaks of, or that may be all of the answer, is part of it."""
    text = f"Hello,\n\n{SPOKEN_OF[name]}\n\n{CARD}"
    assert text.split() == reply(text).split()


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
def test_asked_for(question: str) -> None:
    """A card in answer to whoever asks for what it has may be the answer."""
    text = f"{LETTERS['en']}\n\n{CARD}"
    quote = f"On 3 May 2026 at 9:00, Help <help@shop.example> wrote:\n> Hello,\n> {question}\n> Help"
    assert text.split() == reply(f"{text}\n\n{quote}").split()


@pytest.mark.parametrize("name", CUT)
def test_cut(name: str) -> None:
    """A program's card is none of the letter; the name that stands directly below its closing is."""
    language, closing, card = CUT[name]
    assert (
        f"{LETTERS[language]}\n\n{closing}".split()
        == reply(f"{LETTERS[language]}\n\n{closing}{card}\n", language).split()
    )


@pytest.mark.parametrize("closing", ["Hartelijke groet,", "Terveisin", "Med venlig hilsen", "S úctou", "Tisztelettel", "Iyi çalışmalar", "Με εκτίμηση", "Cu respect", "감사합니다", "Bien à vous", "З повагою"])  # fmt: skip
def test_closings(closing: str) -> None:
    """In the languages of mail."""
    start = f"{LETTERS['en']}\n\n{closing}\n"
    assert start.split() == reply(f"{start}\nBob Smith\nDirector\nSmith Ltd").split()
