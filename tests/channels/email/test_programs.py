"""Programs' notices, older lists and market places; and people who write what programs write."""

from __future__ import annotations

import pytest

from supportbot_email.mail import Settings
from supportbot_email.parse import parse

NOTICES = [
    "You've received a payment",
    "[Lamps] Order #1042 placed by Kim Doe",
    "Your order has been shipped",
    "New voicemail from 0170123 on extension 200",
    "[FIRING:1] Disk space",
    "Ungewöhnliche Anmeldeaktivität",
    "Actividad de inicio de sesión inusual",
    "Invoice INV-42 from Far Ltd",
    "shop.example expires in 3 days",
]
SURE = NOTICES[1], NOTICES[3], NOTICES[4]
ASKED = [
    *(one for one in NOTICES if one not in SURE),
    "Payment received",
    "Security alert",
    "Server is down",
    "New order (2 pcs)",
]


OURS = Settings(own_addresses=("help@shop.example",), own_domain="shop.example")


def rule(*fields: str, sender: str = "ann@customer.example", text: str = "See below.") -> tuple[str, str]:
    lines = (f"From: Ann <{sender}>", "To: help@shop.example", *fields, "", text)
    mail = parse("\r\n".join(lines).encode(), settings=OURS)
    return mail.kind, mail.rule


@pytest.mark.parametrize("subject", NOTICES)
@pytest.mark.parametrize(
    ("sender", "field"),
    [
        ("no-reply@far.example", "X-A: b"),
        ("a@far.example", "X-SG-EID: x"),
        ("a@far.example", "X-Mailer: WHMCS"),
    ],
)
def test_a_notice(subject: str, sender: str, field: str) -> None:
    """A notice's subject and a second sign of a program, whatever the notice asks."""
    found = rule(f"Subject: {subject}", field, sender=sender, text="Was that you?")
    assert ("auto_reply", "notice_subject") == found


@pytest.mark.parametrize("subject", SURE)
def test_a_sure_notice(subject: str) -> None:
    """Some subjects nobody types."""
    assert "notice_subject" == rule(f"Subject: {subject}")[1]


@pytest.mark.parametrize("subject", ASKED)
def test_a_question_about_one(subject: str) -> None:
    """Customers ask about a notice in its own words, and give its subject to a contact form."""
    asked = rule(f"Subject: {subject}", text="but I have no lamp. Where is it?")
    form = rule(
        f"Subject: {subject}",
        "Reply-To: kim@mail.example",
        sender="no-reply@forms.example",
        text="Name: Kim\r\nE-mail: kim@mail.example\r\nMessage: Nothing came.",
    )
    assert [("human", "none")] * 2 == [asked, form]


@pytest.mark.parametrize(
    ("field", "sender", "expected"),
    [
        ("webmail:qq.com:bgforeign:bgforeign1", "1234@qq.example", "human"),
        ("::1.eu-west-1.abc:AmazonSES", "kim@far.example", "human"),
        ("42:campaign:far", "news@far.example", "list_or_bulk"),
        ("42:campaign:far", "no-reply@far.example", "list_or_bulk"),
    ],
)
def test_feedback_id(field: str, sender: str, expected: str) -> None:
    """Those who send for many have one, and so have several programs of people: alone it proves nothing."""
    assert expected == rule("Subject: Lamp", f"Feedback-ID: {field}", sender=sender)[0]


@pytest.mark.parametrize(
    "field",
    [
        "Mailing-List: contact lamp-help@far.example; run by ezmlm",
        "Delivered-To: mailing list lamp@far.example",
        "Sender: owner-lamp@far.example",
        "Sender: lamp-admin@lists.far.example",
        "X-BeenThere: lamp@far.example",
        "X-ML-Name: lamp",
        "List-Help: <mailto:lamp-request@far.example>",
    ],
)
def test_an_older_list(field: str) -> None:
    """List managers had their own fields before RFC 2919, and many still write them."""
    assert "list_or_bulk" == rule("Subject: Lamp", field)[0]


@pytest.mark.parametrize(
    "sender", ["fox_1@members.ebay.example", "k7@marketplace.amazon.example", "a@reply.airbnb.example"]
)
def test_a_market_place(sender: str) -> None:
    """What a buyer wrote comes with a program's headers; what a buyer's own program wrote is no person's."""
    fields = ("Auto-Submitted: auto-generated", "Precedence: list", "Feedback-ID: a:b:c:d")
    asked = rule("Subject: A question", *fields, sender=sender, text="Do you ship to Norway?")
    away = rule("Subject: Automatic reply: Lamp", *fields, sender=sender, text="I am away.")
    assert ["human", "auto_reply"] == [asked[0], away[0]]


@pytest.mark.parametrize(
    ("field", "sender"),
    [
        ("Return-Path: <ann-l@customer.example>", "ann-l@customer.example"),
        ("Sender: office-admin@customer.example", "ann@customer.example"),
        ("Sender: owner@customer.example", "ann@customer.example"),
    ],
)
def test_no_list(field: str, sender: str) -> None:
    """People have such addresses, and secretaries send for others."""
    assert "human" == rule("Subject: Lamp", field, sender=sender)[0]


def test_a_challenge() -> None:
    """A gate that asks who wrote is no person's mail."""
    assert ("auto_reply", "held") == rule("Subject: Verify", "X-Boxtrapper: abc")


def test_to_several() -> None:
    """A program that answers for somebody answers one; whoever tells several is a person (RFC 3834)."""
    text = "I am out of the office until Monday. In urgent cases contact bob@far.example."
    one = rule("Subject: Out of the office", text=text)
    many = rule("Subject: Out of the office", "Cc: bob@far.example, eve@far.example", text=text)
    assert ["auto_reply", "human"] == [one[0], many[0]]


@pytest.mark.parametrize("text", ["Unsubscribe link returns 404.", "Unsubscribe here: https://x.example"])
def test_a_foot_without_a_newsletter(text: str) -> None:
    """Somebody writes about it, or passes it on; above it there is what a newsletter is for."""
    assert "human" == rule("Subject: Link", text=text)[0]
    assert ("list_or_bulk", "newsletter") == rule(
        "Subject: Lamps", text=f"New lamps from 9.99.\r\n\r\n{text}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Send 40.\r\n\r\nCONFIDENTIALITY NOTICE: This e-mail was generated automatically. Destroy it.",
        "Send 40.\r\n\r\nSent automatically on behalf of Ann by our document system.",
        "We accept.\r\n\r\nDiese E-Mail wurde automatisch auf Viren geprüft.",
        "The rule 'This is an automated message' hits your newsletter.",
    ],
)
def test_feet(text: str) -> None:
    """A firm's foot speaks of its machines; it makes nobody one."""
    assert ("human", "none") == rule("Subject: Lamp", text=text)


@pytest.mark.parametrize(
    "text",
    [
        "File Format: PDF\r\nResolution: 300dpi\r\n\r\nAttached file is scanned image.",
        "You have received a 2 page fax. Please open the attached PDF.",
        "A refund of 12.00 was issued to the buyer. No action is required from you.",
    ],
)
def test_what_machines_say(text: str) -> None:
    """Of what they send, and that nothing is to be done; whoever passes it on adds a word."""
    assert ("auto_reply", "notice") == rule("Subject: For you", text=text)
    assert "human" == rule("Subject: For you", text=f"{text}\r\n\r\nI got this today. Is it from you?")[0]


@pytest.mark.parametrize(
    ("fields", "sender", "text"),
    [
        (
            ("Subject: Nachricht von 0301234567", "X-Mailer: AVM FRITZ!Box Fon WLAN 7390"),
            "box@far.example",
            "0:21 Min.",
        ),
        (("Subject: Newsletter Oktober", "X-Mailer: PHP/4.3.10"), "newsletter@far.example", "Neue Titel."),
        (
            ("Subject: 【レシピ】春",),
            "mailmag@far.example",
            "春キャベツがおいしい季節になりました。今週のレシピ。\r\n\r\n解除はこちら → http://far.example/x",
        ),
        (
            ("Subject: Ihr Paket kommt heute zwischen 10 und 12",),
            "noreply@far.example",
            "Nicht da? Ablageort wählen.",
        ),
        (("Subject: Re: Your order",), "noreply@far.example", "You have reached an unattended mailbox."),
        (
            ("Subject: Moved", "Delivered-To: help@shop.example", "Delivered-To: Autoresponder"),
            "a@far.example",
            "New address.",
        ),
    ],
)
def test_machines(fields: tuple[str, ...], sender: str, text: str) -> None:
    """Each by a sign of its own."""
    assert rule(*fields, sender=sender, text=text)[0] in {"auto_reply", "list_or_bulk"}


@pytest.mark.parametrize(
    ("fields", "sender", "text"),
    [
        (("Feedback-ID: 1:user:proton", "X-Pm-Message-ID: 5"), "ann@customer.example", "Response 500."),
        (("Subject: Cron <root@a> mails", "User-Agent: Thunderbird"), "ann@far.example", "How do I stop it?"),
        (("Subject: Leser", "Thread-Index: nAAm"), "noreply@far.example", "Er blinkt. Rückruf unter 0361 1."),
        (("Subject: Urlaub: Vertretung",), "ann@customer.example",
         "Hallo zusammen, ich bin bis 15.7. im Urlaub. Ein Konto bitte für die Kollegin (x@far.example)."),
        (("Subject: [Contact] Broken", "Return-Path: <0102-bounce@far.example>", "Feedback-ID: 1.x:AmazonSES",
          "Reply-To: kim@customer.example"), "no-reply@shop.example", "Topic: Download\r\nText: It stops."),
    ],
)  # fmt: skip
def test_people(fields: tuple[str, ...], sender: str, text: str) -> None:
    """Who has such a sign and is one all the same."""
    assert "human" == rule(*fields, sender=sender, text=text)[0]


def test_a_request_that_programs_make() -> None:
    """To do something in an account is no question for the reader."""
    text = "Kündigen Sie bitte im Kundencenter.\r\n\r\nDiese E-Mail wurde automatisch erstellt."
    assert ("auto_reply", "notice") == rule("Subject: Domain", sender="domains@far.example", text=text)


ORDER = "The buyer has paid. Please dispatch it by Monday.\r\n\r\nNote from Kim: I love it, please no wrap."


@pytest.mark.parametrize(
    ("subject", "field"),
    [
        ("You made a sale on Etsy - [$62.00]", "X-Etsy-Email-Type: seller_order_confirmation"),
        ("Sie haben Ihren Artikel verkauft: Lampe", "X-eBay-MailTracker: 11021.470"),
        ("Sold, dispatch now: Lamp", "X-AMAZON-MAIL-RELAY-TYPE: notification"),
        ("Vendu, expédiez maintenant : Lampe", "X-AMAZON-MAIL-RELAY-TYPE: notification"),
    ],
)
def test_a_market_place_tells_its_seller(subject: str, field: str) -> None:
    """Of an order, with the buyer's note in it; what a buyer asks comes through a relay."""
    fields = (f"Subject: {subject}", field, "Reply-To: kim@mail.example")
    told = rule(*fields, sender="transaction@market.example", text=ORDER)
    asked = rule(*fields, sender="kim.7@members.ebay.example", text="Could you send it to Leeds?")
    assert [("auto_reply", "notice_subject"), ("human", "none")] == [told, asked]


@pytest.mark.parametrize(
    ("subject", "sender", "text"),
    [
        ("[Lamps]: Neue Bestellung #8841", "shop@lamps.example", "Lampe x 1\r\nGesamt 40,00"),
        ("[Lamps]: Nouvelle commande n°8841", "shop@lamps.example", "Lampe x 1"),
        (
            "Sprzedałeś przedmiot: Lampa",
            "powiadomienia@targ.example",
            "Kupujący zapłacił.\r\n\r\nZobacz więcej",
        ),
        (
            "注文が入りました",
            "order@ichiba.example",
            "※本メールは自動配信メールです。\r\n\r\n内容をご確認ください。",
        ),
        ("Invoice 0000319 from Copy is overdue", "mail@books.example", "View invoice"),
        (
            "Neue Bewerbung: Packer",
            "indeedapply@jobs.example",
            "Kim hat sich beworben.\r\n\r\nBewerbung ansehen",
        ),
        ("Sie haben Nachrichten in Quarantäne", "quarantine@far.example", "2 Nachrichten"),
        ("STÖRUNG Melder 12", "alarm@far.example", "Ereignis: Störung\r\nObjekt: Hotel\r\nZeit: 03:11"),
        (
            "Typeform: New response for Tarps",
            "notifications@forms.example",
            "Your name? Isak\r\nWhy us? The tarp",
        ),
    ],
)
def test_what_a_program_tells_a_team(subject: str, sender: str, text: str) -> None:
    """Orders, bills, applications, quarantines, alarms, answers in a form that name nobody."""
    service = () if sender.startswith(("order@", "alarm@")) else ("X-SG-EID: u001",)
    assert "human" != rule(f"Subject: {subject}", *service, sender=sender, text=text)[0]


@pytest.mark.parametrize(
    ("subject", "sender", "text"),
    [
        (
            "[Lamps]: Neue Bestellung #8841",
            "shop@lamps.example",
            "Anmerkung: Ich brauche sie morgen, geht das?",
        ),
        (
            "Typeform: New response for Help",
            "notifications@forms.example",
            "Mail? kim@mail.example\r\nWhat? No light",
        ),
        ("Typeform: New response for Help", "notifications@forms.example", "What? I wait since May"),
        ("New order PO-4711", "orders@retail.example", "Attached is PO-4711: 40 lamps for Leeds."),
        ("New order received damaged", "orders@retail.example", "Two boxes are crushed."),
        ("Mahnung zu Rechnung RE-2201", "ann@customer.example", "Die Rechnung wurde am 3.11. bezahlt."),
        ("Sie haben Nachrichten in Quarantäne", "ann@customer.example", "Seit Montag liegen dort alle."),
        ("Ersatzteil", "alarm@sicherheit.example", "Für die Zentrale fehlt das Netzteil."),
    ],
)
def test_what_a_customer_tells(subject: str, sender: str, text: str) -> None:
    """In the same words, or in a note or an answer that a program passes on: somebody waits."""
    form = ("Reply-To: kim@mail.example",) if sender.startswith("shop@") else ()
    assert ("human", "none") == rule(f"Subject: {subject}", *form, sender=sender, text=text)


def test_comments_on_a_site_of_ours() -> None:
    """WordPress wants a comment moderated, whatever stands in it; its contact form has no such links."""
    comment = "Comment:\r\nI like my lamp.\r\n\r\nTrash it: https://lamps.example/wp-admin/comment.php?c=9"
    fields = 'Subject: [Lamps] Please moderate: "Light"', "Reply-To: kim@mail.example"
    told = rule(*fields, sender="wordpress@lamps.example", text=comment)
    typed = 'Subject: [Lamps] "Please moderate your tone"', "Reply-To: kim@mail.example"
    asked = rule(*typed, sender="wordpress@lamps.example", text="Your agent was rude.")
    assert [("auto_reply", "notice_subject"), ("human", "none")] == [told, asked]


SERVICE = "X-SES-Configuration-Set: prod"


@pytest.mark.parametrize(
    ("subject", "field", "text"),
    [
        ("New application crashes", SERVICE, "I installed it and it crashes. Could you help?"),
        ("New application crashes", "X-SG-EID: x", "It crashes on start."),
        ("Reminder: invoice 4711", SERVICE, "I still wait for my invoice. Could you send it?"),
        ("2. Mahnung Rechnung 4711", "X-Mailgun-Variables: {}", "ich habe längst bezahlt. Was soll das?"),
        ("2. Mahnung Rechnung 4711", "X-Mailer: bexio", "Bitte überweisen Sie den Betrag zurück."),
        ("Invoice 44 from Far is overdue", "X-Mailer: QuickBooks", "I have paid you twice. Could you look?"),
        ("Invoice RE-4711 from Lamps Ltd", "X-Mailgun-Tag: x", "I need a corrected one."),
        ("Payment received", "Feedback-ID: 1.eu:x:AmazonSES", "The amount is wrong."),
        ("Sold, dispatch now: Lamp", "X-AMAZON-MAIL-RELAY-TYPE: notification", "I bought it, where is it?"),
        (
            "[Far Ltd]: New order 4711",
            "X-A: b",
            "I enclose our order of 40 lamps. Could you confirm the date?",
        ),
        ("[Far Ltd]: Neue Bestellung 4711", "X-A: b", "Anbei die Bestellung. Können Sie das bestätigen?"),
        ("[Blog] New comment spam", "X-A: b", "Your plugin stopped. When I open /wp-admin/ it is blank."),
        ("[Blog] Kommentar von Kim", "X-A: b", "Unter /wp-admin/comment.php fehlt das Plugin. Warum?"),
        ("[Blog] Kommentar von Kim", "X-A: b", "Unter https://x.example/wp-admin/ ist das Plugin nicht da."),
        ("Awaria", "X-A: b", "Serwer nie odpowiada od rana. Proszę o restart."),
    ],
)
def test_whoever_speaks_is_a_person(subject: str, field: str, text: str) -> None:
    """People's mail goes through services, and they write what programs write above theirs."""
    assert ("human", "none") == rule(f"Subject: {subject}", field, text=text)


@pytest.mark.parametrize(
    ("subject", "field", "text"),
    [
        ("New application for Cook", SERVICE, "Kim has applied."),
        ("New job application", SERVICE, "Kim has applied."),
        ("1. Mahnung zu Rechnung RE-4711", "X-Mailer: bexio", "Bitte überweisen Sie den Betrag in 10 Tagen."),
        (
            "Notification of payment received",
            "X-Email-Type-Id: PPX1",
            "Kim paid £3. Kim says: Please leave it at no. 9.\r\n\r\nPlease don't reply to this email.",
        ),
        (
            "[Blog] New comment",
            "X-A: b",
            "A new comment waits. Approve it: https://x.example/wp-admin/comment.php?action=approve&c=5",
        ),
        (
            "[Blog] New comment",
            "Return-Path: <wordpress@far.example>",
            "Comment: I like it. Could you do one in red?\r\n\r\nhttps://x.example/wp-admin/comment.php?c=5",
        ),
    ],
)
def test_what_a_program_repeats_is_not_said_to_its_reader(subject: str, field: str, text: str) -> None:
    """A notice stays one with a buyer's or a reader's words in it."""
    assert "notice_subject" == rule(f"Subject: {subject}", field, text=text)[1]


BOUNCES = "Return-Path: <bounce+17@mailer.example>"
NUMBERED = "Message-ID: <44363852.7795.JavaMail.wls@pac>"
EXPIRES = "copper.example will expire on 21 December. Renew it: https://names.example/renew"


@pytest.mark.parametrize(
    ("field", "sender", "text"),
    [
        (BOUNCES, "support@names.example", f"{EXPIRES}\r\n\r\nUnsubscribe"),
        (NUMBERED, "ne_pas_repondre@impots.example", "La déclaration de mai est enregistrée."),
        ("Message-ID: <8.71@app-4>", "noreply@market.example", "A claim is there for order 77120."),
        ("Message-ID: <a465e8@swift.generated>", "powiadomienia@box.example", "Zwrot leży w skrytce."),
    ],
)
def test_a_program_handed_it_over(field: str, sender: str, text: str) -> None:
    """Its bounces come back to a program, or its number is one's, and nobody is to be heard in it."""
    assert "auto_reply" == rule("Subject: Domain 4", field, sender=sender, text=text)[0]


@pytest.mark.parametrize("field", [BOUNCES, NUMBERED, "Message-ID: <8.71@laptop>"])
@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("info@far.example", "The lamp flickers since Monday."),
        ("info@far.example", "Purchase order P0012: 40 lamps.\r\n\r\nView order"),
        ("info@far.example", "Το λαμπάκι τρεμοπαίζει."),
        ("ann@far.example", EXPIRES),
        ("receipts@far.example", "E-mail: kim@mail.example\r\nMessage: Is it there"),
        ("receipts@far.example", "Our lamp is not there yet."),
        ("info@shop.example", "Newsletter for Kim.\r\n\r\nUnsubscribe"),
    ],
)
def test_people_whose_mail_a_program_hands_over(field: str, sender: str, text: str) -> None:
    """CRMs and firms' own programs send what people write, and what firms order."""
    assert ("human", "none") == rule("Subject: Domain 4", field, sender=sender, text=text)
