"""What the customer wrote, without what they quote: and never without a word of theirs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbot_email.mail import Mail
from supportbot_email.quotes import split

CASES = {
    "slashes": ("Test reply\n\nOn 04/19/2011 07:10 AM, Roman Tkachenko wrote:\n\n>\n> Test", "Test reply"),
    "on date": ("Test reply\n\nOn 11-Apr-2011, at 6:54 PM, Bob <bob@example.com> wrote:\n\n>\n> Test\n>\n> Roman", "Test reply"),
    "no space": ("Test reply\n\nOn 11-Apr-2011, at 6:54 PM, Bob <bob@example.com>wrote:\n> Test", "Test reply"),
    "wrote below": ("Test reply\n\n2011/11/7 Nathan <support@example.com>\n\n>  Cristi, hi\n> x", None),
    "wraps a quote": ("Test reply\n\nOn 04/19/2011 07:10 AM, Roman Tkachenko wrote:\n\n>\n> Test\n\nRegards, Roman", "Test reply\n\nRegards, Roman"),
    "wraps nested quotes": ("Test reply\nOn 04/19/2011 07:10 AM, Roman Tkachenko wrote:\n\n>Test test\n>On 04/19/2011 07:10 AM, Roman wrote:\n>\n>>\n>> Test.\n>>\n>> Roman\n\nRegards, Roman", "Test reply\nRegards, Roman"),
    "after quotes": ("On 04/19/2011 07:10 AM, Roman Tkachenko wrote:\n\n>\n> Test\nTest reply", "Test reply"),
    "two lines": ("Test reply\n\nOn Fri, May 6, 2011 at 6:03 PM, Roman Tkachenko from Hacker News\n<roman@definebox.example> wrote:\n\n> Test.\n>\n> Roman", "Test reply"),
    "three lines": ("Test reply\n\nOn Nov 30, 2011, at 12:47 PM, Somebody <\n416ffd3258d4d2fa4c85cfa4c44e1721d66e3e8f4@example.com\n> wrote:\n\n> Test", "Test reply"),
    "six lines": ("I get proper rendering as well.\n\nSent from a magnificent torch of pixels\n\nOn Dec 16, 2011, at 12:47 PM, Corey\n<\nreply@reply.github.example\n>\nwrote:\n\n> Was this caching?", "I get proper rendering as well."),
    "short quotation": ("Hi\n\nOn 04/19/2011 07:10 AM, Roman wrote:\n\n> Hello", "Hi"),
    "marker false positive": ("Visit us now for assistance...\n>>> >>>  http://www.domain.example <<<\nVisit our site by clicking the link above", "Visit us now for assistance...\n>>> >>>  http://www.domain.example <<<\nVisit our site by clicking the link above"),
    "link closed below": ("8.45am-1pm\n\nFrom: somebody@example.com\nDate: Wed, 16 May 2012 00:15:02 -0600\n\n<http://email.example.com/c/x\n>  <bob@example.com>\n\nRequester:", "8.45am-1pm"),
    "link in the quote": ("Blah\n\nOn Thursday, October 25, 2012 at 3:03 PM, life is short. on Bob wrote:\n\n>\n> Post a response by replying to this email\n>\n(http://example.com/c/YzOTYzMmE) >\n> life is short. (http://example.com/c/YzMmE)\n>\n", "Blah"),
    "original": ("Test reply\n\n-----Original Message-----\n\nTest", "Test reply"),
    "original equals": ("Test reply\n\n=====Original Message=====\nFrom: x\n\nTest", "Test reply"),
    "german original": ("Allo! Follow up MIME!\n\n-----Ursprüngliche Nachricht-----\nVon: nicholas@example.com\nGesendet: Dienstag, 7. Mai 2013\n\nx", "Allo! Follow up MIME!"),
    "dashes and wrote": ("Test reply\n\n---- John Smith wrote ----\n\n> quoted\n> text\n", "Test reply"),
    "appointment": ("Invitation for an interview:\n\nDate: Wednesday 3, October 2011\nTime: 7 : 00am\nAddress: 130 Fox St\n\nPlease bring in your ID.", "Invitation for an interview:\n\nDate: Wednesday 3, October 2011\nTime: 7 : 00am\nAddress: 130 Fox St\n\nPlease bring in your ID."),
    "forwarded": ("FYI\n\n---------- Forwarded message ----------\nFrom: bob@example.com\nDate: Tue, Sep 4, 2012 at 1:35 PM\nSubject: Two\nTo: rob@example.com\n\nText", "FYI\n\n---------- Forwarded message ----------\nFrom: bob@example.com\nDate: Tue, Sep 4, 2012 at 1:35 PM\nSubject: Two\nTo: rob@example.com\n\nText"),
    "begin forwarded": ("FYI\n\nBegin forwarded message:\n\n> From: bob@example.com\n> Subject: Two\n>\n> Text", "FYI\n\nBegin forwarded message:\n\n> From: bob@example.com\n> Subject: Two\n>\n> Text"),
    "bold block": ("Allo!\n\n*From:* Bob [mailto:bob@xxx.example]\n*Sent:* Wednesday, January 15, 2014 6:30 PM\n*To:* Ann\n*Subject:* Hi\n\nOld", "Allo!"),
    "underscores": ("Outlook with a reply\n\n\n ________________________________\nFrom: CRM Comments [mailto:crm@example.com]\nSent: Friday, 23 March 2012 5:08 p.m.\nTo: John\nSubject: Hi\n\nOld", "Outlook with a reply"),
    "no delimiter": ("And another reply!\n\nFrom: Dan Watson [mailto:dan@example.com]\nSent: Monday, November 26, 2012 10:48 AM\nTo: Watson, Dan\nSubject: Re: New Issue\n\nA reply\n\n--\nSent from my iPhone", "And another reply!"),
    "not on": ("Thank, this is really helpful.\n\nOne outstanding question I had:\n\nLocally (on development), when I run...\n\nOn Oct 1, 2012, at 11:55 PM, Dave Tapley wrote:\n\n> The good news is that\n> x", "Thank, this is really helpful.\n\nOne outstanding question I had:\n\nLocally (on development), when I run..."),
    "greedy on": ("On your remote host you can run:\n\n     telnet 127.0.0.1 52698\n\nThis should connect to TextMate.\n\nOn 9 Jan 2014, at 2:47, George Plymale wrote:\n\n> I am having an odd issue\n>", "On your remote host you can run:\n\n     telnet 127.0.0.1 52698\n\nThis should connect to TextMate."),
    "list footer": ("Hi folks\n\nWhat is the best way?\n\n-Abhishek Kona\n\n\n_______________________________________________\nriak-users mailing list\nriak-users@lists.example\nhttp://lists.example/riak", "Hi folks\n\nWhat is the best way?"),
    "footer below the quote": ("Hi,\nYou can list the keys.\n\nOn Tue, 2011-03-01 at 18:02 +0530, Abhishek Kona wrote:\n> Hi folks\n>\n> -Abhishek Kona\n>\n> _______________________________________________\n> riak-users mailing list\n\n\n_______________________________________________\nriak-users mailing list\nriak-users@lists.example", "Hi,\nYou can list the keys."),
    "dashes in a sentence": ("this is an email with a correct -- signature.\n\n-- \nrick\n", "this is an email with a correct -- signature."),
    "blackberry": ("Here is another email\n\nSent from my BlackBerry", "Here is another email"),
    "verizon": ("Here is another email\n\nSent from my Verizon Wireless BlackBerry", "Here is another email"),
    "windows mail": ("Here\n\nSent from Mail for Windows 10\n\nFrom: Bob <bob@x.example>\nSent: Monday\nSubject: x\n\nOld", "Here"),
    "iphone above the quote": ("hello\n\nSent from my iPhone\n\nOn Apr 3, 2012, at 4:19 PM, bob <bob@example.com> wrote:\n\n> Hi", "hello"),
    "a list": ("One: Here's what I've got.\n\n- This would be the first bullet point that wraps\nto the second line\n- This is the second bullet point\n\nThis is fine.", "One: Here's what I've got.\n\n- This would be the first bullet point that wraps\nto the second line\n- This is the second bullet point\n\nThis is fine."),
    "a last bullet": ("Two things:\n\n- Apples\n\n- Pears", "Two things:\n\n- Apples\n\n- Pears"),
    "inline": ("> Hello\n\nreply one\n\n> second\n\nreply two\n\nOn 04/19/2011 07:10 AM, Roman wrote:\n> old", None),
    "no quote": ("Just a line", "Just a line"),
    "all is quoted": ("> only\n> this", "> only\n> this"),
    "attribution and own copy": ("Your colleague said:\n\nOn 5 May the clerk wrote:\n\nyou get it back.\n\nIs it so?", "Your colleague said:\n\nOn 5 May the clerk wrote:\n\nyou get it back.\n\nIs it so?"),
    "dutch apple": ("Hi\n\nOp 17-feb.-2015, om 13:18 heeft Julius Caesar <pantheon@rome.example> het volgende geschreven:\n\nOld", "Hi"),
    "polish gmail": ("Blah\n\nW dniu 28 stycznia 2015 01:53 użytkownik Zoe <zoe@example.com>\nnapisał:\n\n> Blah!", "Blah"),
    "quoting at the end": ("I agree.\n\n> Shall we?", "I agree."),
    "a line before on": ("See you.\nOn Monday I am away.\nOn 12 May 2026 at 10:00, Bob <b@x.example> wrote:\n> old\n> x", "See you.\nOn Monday I am away."),
    "swedish block": ("Hej\n\nFrån: Anno <a@x.example>\nSkickat: den 26 maj 2015 14:45\nTill: Isacson\nÄmne: RE: Week\n\nOld", "Hej"),
    "norwegian block": ("Hei\n\nFra: Anno [mailto:a@x.example]\nSendt: 26. mai 2015 14:45\nTil: Isac\nEmne: RE\n\nOld", "Hei"),
    "czech web mail": ("Ano.\n\n---------- Původní e-mail ----------\nOd: Servis <s@kola.example>\nKomu: jan@mail.example\nDatum: 3. 3. 2026 10:11:20\nPředmět: Termín\n\"\nOld\n\"\n", "Ano."),
    "a dash between halves": ("Is there anything earlier\n--\nor can we collect it ourselves?", "Is there anything earlier\n--\nor can we collect it ourselves?"),
    "a dash between matters": ("First: the app crashes.\n\n--\n\n" + "Second: the sound is gone after a call, " * 4 + "on two phones.", "First: the app crashes.\n\n--\n\n" + "Second: the sound is gone after a call, " * 4 + "on two phones."),
    "a stripped delimiter": ("It is broken.\n\n--\nAnn Reed\nReed & Sons", "It is broken."),
    "headers that are shown": ("Here they are:\n\nReturn-Path: <b@spam.example>\nReceived: from mx3.spam.example (198.51.100.7)\nFrom: Prize Team <win@spam.example>\nTo: joan@mail.example\nDate: Tue, 3 Mar 2026 10:11:00 +0000\nSubject: You have won\n\nCan you block this sender?", "Here they are:\n\nReturn-Path: <b@spam.example>\nReceived: from mx3.spam.example (198.51.100.7)\nFrom: Prize Team <win@spam.example>\nTo: joan@mail.example\nDate: Tue, 3 Mar 2026 10:11:00 +0000\nSubject: You have won\n\nCan you block this sender?"),
    "qq mail": ("要黑色的。\n\n------------------&nbsp;原始邮件&nbsp;------------------\n发件人: \"Help\" <help@shop.example>\n主题:&nbsp;Re: 订单\n\n旧", "要黑色的。"),
    "qq mail in english": ("Black.\n\n\n------------------&nbsp;Original&nbsp;------------------\nFrom: \"Help\" <help@shop.example>\n\nOld", "Black."),
    "galaxy in turkish": ("Kapıda olacağım.\n\nGalaxy'mden gönderildi\n\n-------- Orijinal mesaj --------\nKimden: Destek <d@shop.example>\nTarih: 3.03.2026 10:11\n\nEski", "Kapıda olacağım."),
    "the bat to you": ("Вы писали 3.03.2026, 10:11:20:\n\n> Добрый день!\n\nОплатили вчера.", "Оплатили вчера."),
    "outlook of a german": ("Morgen um acht.\n\nOutlook für iOS<https://aka.ms/o0ukef> beziehen", "Morgen um acht."),
    "a note at the bottom": ("See my note at the bottom.\n\n________________________________\nFrom: Help <help@shop.example>\nSent: Tuesday, March 3, 2026 10:11 AM\nTo: ann@customer.example\nSubject: Bill\n\nPlease check line 3.\n\nAnn: line 3 is not ours.", "See my note at the bottom.\n\n________________________________\nFrom: Help <help@shop.example>\nSent: Tuesday, March 3, 2026 10:11 AM\nTo: ann@customer.example\nSubject: Bill\n\nPlease check line 3.\n\nAnn: line 3 is not ours."),
    "the bat with initials": ("Здравствуйте.\n\nВы писали 3 марта 2026 г., 10:11:20:\n\nП> Пришлите номер.\nП> Спасибо.\n\n4711", "Здравствуйте.\n\n4711"),
    "supercite": (">>>>> \"H\" == Help <help@shop.example> writes:\n\n    H> is it set to 4?\n\nIt was 6.", "It was 6."),
    "a prompt that is shown": ("It says:\n\nPS> Get-Item lamp\nnot found\n\nWhat now?", "It says:\n\nPS> Get-Item lamp\nnot found\n\nWhat now?"),
    "an ad below a quote": ("I send it by post.\n\nann\n\n>From: \"Help\" <help@shop.example>\n>To: <ann@hotmail.test>\n>Subject: discount\n>Date: Mon, 13 Sep 2004 16:20:01 +0200\n>\n>Send your card.\n\n" + "_" * 65 + "\nExpress yourself with MSN Messenger! http://messenger.test/", "I send it by post.\n\nann"),
    "notes in danish": ("It was the list.\n\n\"Help\" <help@shop.example> \n09-03-2026 08:30\n\nTo\n\"Ann\" <ann@customer.example>\ncc\n\nSubject\nReplication\n\nLook at the list.", "It was the list."),
    "notes in german": ("Nun geht es.\n\nHelp <help@shop.example> \n24.05.2026 15:55\n\nAn\nAnn Lee/CUSTOMER@CUSTOMER\nKopie\n\nThema\nSchnittstelle\n\nBitte testen.", "Nun geht es."),
    "headers that were asked for": ("Here they are:\n\nFrom: shop@spam.example\nTo: ann@customer.example\nX-Spam-Score: 7.1\n\nand no body.\n\nOn Tue, Mar 3, 2026 at 10:11 AM, Help <help@shop.example> wrote:\n\n> Send them.", "Here they are:\n\nFrom: shop@spam.example\nTo: ann@customer.example\nX-Spam-Score: 7.1\n\nand no body."),
    "a postscript below the name": ("To the office.\n\n-- \nAnn Lee\n\nP.S. it closes at two\n\nOn Tue, Mar 3, 2026 at 10:11 AM, Help <help@shop.example> wrote:\n\n> Where to?", "To the office.\n\n-- \nAnn Lee\n\nP.S. it closes at two"),
    "dashes of a poem": ("It should read\n\nGreen the hedge\n--\ngrey the rain\n\nwith the two dashes on a line of their own.", "It should read\n\nGreen the hedge\n--\ngrey the rain\n\nwith the two dashes on a line of their own."),
    "a lawyer in portuguese": ("Confirmamos.\n\nAVISO: Esta mensagem pode conter informação confidencial destinada ao destinatário. Se a recebeu por engano, elimine-a.", "Confirmamos."),
    "a lawyer in dutch": ("De standen kloppen.\n\nDit bericht is uitsluitend bestemd voor de geadresseerde. Hebt u het per abuis ontvangen, dan moet u het vernietigen.", "De standen kloppen."),
    "a lawyer in turkish": ("Onaylıyoruz.\n\nBu e-posta sadece gönderildiği kişiye özeldir ve gizli bilgi içerebilir. Yanlışlıkla aldıysanız siliniz.", "Onaylıyoruz."),
    "a scanner for viruses": ("Bitte um Rückruf!\n\nDiese E-Mail wurde von Avast-Antivirussoftware auf Viren geprüft.\nwww.avast.com", "Bitte um Rückruf!"),
    "what an agent's desk adds": ("It goes out tonight.\n\nBest,\nTyler\n\nThis email is a service from Parcelwise Support. Delivered by Zendesk", "It goes out tonight.\n\nBest,\nTyler"),
    "bluemail": ("Može.\n\nGet BlueMail for Android", "Može."),
    "galaxy in one line": ("Can I come at 11?Sent from my Galaxy\n-------- Original message --------From: Help <help@shop.example> Date: 25/11/2026  18:00  (GMT+00:00) To: ann@customer.example Subject: Visit Hello Ann, when?", "Can I come at 11?"),
    "galaxy in one line for all": ("Can I come at 11?Sent from my Galaxy-------- Original message --------From: Help <help@shop.example> Date: 25/11/2026  18:00  (GMT+00:00) To: ann@customer.example Subject: Visit Hello Ann, when?", "Can I come at 11?"),
    "galaxy in one line in German": ("Ja um elf\nVon meinem Galaxy gesendet\n\n-------- Ursprüngliche Nachricht --------Von: Help <help@shop.example> Datum: 25.11.26  18:00  (GMT+01:00) An: ann@customer.example Betreff: Termin Wann?", "Ja um elf"),
    "galaxy in one line in French": ("Oui, à 11h.Envoyé depuis mon appareil Galaxy\n-------- Message d'origine --------De : Help <help@shop.example> Date : 25/11/2026  18:00  (GMT+01:00) À : ann@customer.example Objet : Visite Quand ?", "Oui, à 11h."),
    "galaxy in one line in Spanish": ("Sí, a las 11Enviado desde mi Galaxy\n-------- Mensaje original --------De: Help <help@shop.example> Fecha: 25/11/26  18:00  (GMT+01:00) Para: ann@customer.example Asunto: Visita ¿Cuándo?", "Sí, a las 11"),
    "galaxy in one line in Italian": ("Sì, alle 11.Inviato dal mio Galaxy\n-------- Messaggio originale --------Da: Help <help@shop.example> Data: 25/11/26  18:00  (GMT+01:00) A: ann@customer.example Oggetto: Visita Quando?", "Sì, alle 11."),
    "galaxy in one line in Polish": ("Tak, o 11.Wysłano z urządzenia Galaxy\n-------- Oryginalna wiadomość --------Od: Help <help@shop.example> Data: 25.11.2026  18:00  (GMT+01:00) Do: ann@customer.example Temat: Wizyta Kiedy?", "Tak, o 11."),
    "galaxy in one line in Russian": ("Да, в 11.Отправлено с моего устройства Galaxy\n-------- Исходное сообщение --------От: Help <help@shop.example> Дата: 25.11.2026  18:00  (GMT+03:00) Кому: ann@customer.example Тема: Визит Когда?", "Да, в 11."),
    "galaxy that is spoken of": ("It says -------- Original message -------- on my screen.\n\nWhat I typed was sent from my Galaxy", "It says -------- Original message -------- on my screen.\n\nWhat I typed was sent from my Galaxy"),
    "dashes that are shown": ("The label has --------From: Leeds on it.", "The label has --------From: Leeds on it."),
    "the bat in German": ("Hallo Help,\n\nam Montag, 10. November 2026 um 14:02 schrieben Sie:\n\nH> Guten Tag,\nH> bitte senden Sie das Gerät ein.\n\nwas kostet das?", "Hallo Help,\n\nwas kostet das?"),
    "what they wrote one day": ("Wie Sie am 3.5. schrieben:\n> Der Austausch ist kostenlos\n\nIst das so?", "Wie Sie am 3.5. schrieben:\n> Der Austausch ist kostenlos\n\nIst das so?"),
    "what they once wrote": ("Am 10. November 2026 um 14:02 schrieben Sie:\n\nDer Austausch ist kostenlos.\n\nDas stimmt nicht.", "Am 10. November 2026 um 14:02 schrieben Sie:\n\nDer Austausch ist kostenlos.\n\nDas stimmt nicht."),
    "proton in Italian": ("Anche in noce?\n\nElio\n\nInviato con l'email sicura Proton Mail.", "Anche in noce?\n\nElio"),
    "proton in French": ("Aussi en noyer ?\n\nEnvoyé avec la messagerie sécurisée Proton Mail.", "Aussi en noyer ?"),
    "proton in Portuguese": ("Também em nogueira?\n\nEnviado com o e-mail seguro Proton Mail.", "Também em nogueira?"),
    "proton in Turkish": ("Ceviz de var mı?\n\nProton Mail güvenli e-posta ile gönderildi.", "Ceviz de var mı?"),
    "proton in Chinese": ("还有胡桃木的吗？\n\n使用 Proton Mail 安全电子邮件发送。", "还有胡桃木的吗？"),
    "proton in Russian": ("Есть ли в орехе?\n\nОтправлено из Proton Mail для Android", "Есть ли в орехе?"),
    "proton as a link": ("In walnut, too?\n\nSent with [Proton Mail](https://proton.example/mail) secure email.", "In walnut, too?"),
    "proton that fails": ("您好，我收不到确认邮件。\n\n使用 Proton Mail 登录失败", "您好，我收不到确认邮件。\n\n使用 Proton Mail 登录失败"),
    "proton that never sends": ("您好，\n\nProton Mail 发送失败", "您好，\n\nProton Mail 发送失败"),
    "proton without an answer": ("Witam\n\nWysłane z Proton Mail i nadal bez odpowiedzi", "Witam\n\nWysłane z Proton Mail i nadal bez odpowiedzi"),
    "proton that never came": ("Bonjour\n\nEnvoyé avec Proton Mail et rien reçu", "Bonjour\n\nEnvoyé avec Proton Mail et rien reçu"),
    "proton in Italian that waits": ("Salve\n\nInviato con Proton Mail mai ricevuto risposta", "Salve\n\nInviato con Proton Mail mai ricevuto risposta"),
    "proton in German that failed": ("Hallo\n\nGesendet mit Proton Mail ging es schief", "Hallo\n\nGesendet mit Proton Mail ging es schief"),
    "a telephone without an answer": ("Witam\n\nWysłane z telefonu i nadal bez odpowiedzi", "Witam\n\nWysłane z telefonu i nadal bez odpowiedzi"),
    "sent by a courier": ("Il pacco è partito.\n\nInviato con corriere espresso.", "Il pacco è partito.\n\nInviato con corriere espresso."),
    "a lawyer between stars": ("We accept.\n\n" + "*" * 60 + "\nThis e-mail is confidential to the user of the address it was addressed to.\n" + "*" * 60, "We accept."),
    "an opinion of the sender": ("Stop it.\n\nIn my opinion the mail address of the sender is wrong, and your newsletter has to stop at once.", "Stop it.\n\nIn my opinion the mail address of the sender is wrong, and your newsletter has to stop at once."),
    "not for you": ("Excuus.\n\nMijn vorige bericht was niet voor u bestemd, u kunt het verwijderen of terugsturen aan de afzender.", "Excuus.\n\nMijn vorige bericht was niet voor u bestemd, u kunt het verwijderen of terugsturen aan de afzender."),
    "for the addressee": ("Klacht.\n\nHet pakje was uitsluitend bestemd voor de ontvanger en de buren kregen het, zie mijn bericht van gisteren.", "Klacht.\n\nHet pakje was uitsluitend bestemd voor de ontvanger en de buren kregen het, zie mijn bericht van gisteren."),
    "what is not printed": ("Hallo.\n\nBitte prüfen Sie, warum das Etikett nicht ausgedruckt wird.", "Hallo.\n\nBitte prüfen Sie, warum das Etikett nicht ausgedruckt wird."),
    "an invoice that was sent": ("Hello.\n\nSent the invoice to your Proton Mail on Monday", "Hello.\n\nSent the invoice to your Proton Mail on Monday"),
    "what a desk quotes": ("Yes please.\n\n##- Please type your reply above this line -##\n\nHelp: shall we send it?", "Yes please."),
    "hash": ("Hi\n\nOn Wed, Sep 25, 2013 at 8:57 AM, richard_mcc wrote:\n\n> old\n>\n\nThanks\n-- \nRich\n", "Hi\nThanks"),
}  # fmt: skip


def reply(text: str) -> str:
    return Mail(message_id="<x>", content_key="", text=text, spans=split(text)).reply


@pytest.mark.parametrize("name", CASES)
def test_reply(name: str) -> None:
    """Each shape of a quote, and each thing that only looks like one."""
    text, expected = CASES[name]
    if expected is not None:
        assert expected.split() == reply(text).split()


@pytest.mark.parametrize(
    "text",
    [
        "New message from a guest\n\n##- Please type your reply above this line -##\n\nJo said:\n\nWe come at four.",
        "##- Bitte antworten Sie oberhalb dieser Zeile -##\n\nDie Lampe ist da, sie flackert.",
        "Our desk\nCase 4711\n\n-- reply above this line --\n\nThe delegation is done. Could you confirm?",
    ],
)
def test_a_desk_that_writes_first(text: str) -> None:
    """Another firm's desk, or one that passes on a guest's words, has its marker above them."""
    spans = split(text, answers=False)
    assert {"reply"} == {span.kind for span in spans}


WORDS = st.sampled_from(
    [
        "> a",
        ">",
        "",
        "On 3 May 2026 at 9:00, Bob <b@x.example> wrote:",
        "-- ",
        "--",
        "From: a <a@b.example>",
        "Sent: 1 May 2026 9:00",
        "Subject: x",
        "____",
        "Hello",
        "Sent from my iPhone",
        "-Bob",
        "-----Original Message-----",
        "wrote:",
        "Best regards,",
        "Bob Berg",
        "Tel. +49 30 1234567",
        "This mail is confidential and only for the intended recipient, who may read it in full.",
        "<",
        "\r",
        "\x0c",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=25).map("\n".join) | st.text(max_size=300))
def test_spans_are_the_text(text: str) -> None:
    """Together the spans are the text, whatever it is; what has words has a reply or a signature."""
    spans = split(text)
    assert text == "".join(span.text for span in spans)
    assert not text.strip() or {span.kind for span in spans if span.text.strip()} & {"reply", "signature"}
