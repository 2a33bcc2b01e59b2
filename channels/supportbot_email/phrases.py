"""The words with which mail programs begin a quote or end a mail, in the languages they speak."""

from __future__ import annotations

import re

_ROLES = {
    "from": "from|von|de|da|van|od|от|від|fra|från|lähettäjä|feladó|gönderen|kimden|expeditor|από|מאת|من|发件人|寄件者|差出人|送信者|보낸 사람|보낸사람|từ|dari|odesílatel|发自|de la|odosielateľ|pošiljatelj|šalje|saatja|nuo|no|dari|จาก|발신|प्रेषक|изпраща",
    "sent": "sent|date|gesendet|datum|envoyé|envoyée|enviado|enviado el|enviada|enviada em|fecha|data|inviato|verzonden|wysłano|wysłane|отправлено|дата|надіслано|дата і час|sendt|dato|skickat|lähetetty|päivämäärä|odesláno|elküldve|dátum|tarih|gönderildi|trimis|发送时间|发送日期|日期|时间|傳送日期|寄件日期|送信日時|日付|日時|보낸 날짜|날짜|đã gửi|ngày|tanggal|odoslané|poslano|poslato|saadetud|kuupäev|išsiųsta|nosūtīts|message du|verschickt|envoyé le|enviat|terkirim|ส่ง|วันที่|στάλθηκε|ημερομηνία|נשלח|تم الإرسال|التاريخ|изпратено",
    "to": "to|an|à|a|para|aan|do|кому|til|till|vastaanottaja|címzett|alıcı|kime|către|προς|אל|收件人|宛先|받는 사람|받는사람|đến|kepada|komu|pour|per|prima|za|adressaat|kam|per a|ถึง|до|إلى",
    "cc": "cc|kopie|copie|copia|kopia|копия|kopi|抄送|副本|참조|dw|bcc",
    "subject": "subject|betreff|objet|asunto|assunto|oggetto|onderwerp|temat|тема|emne|ämne|aihe|předmět|tárgy|konu|subiect|θέμα|נושא|الموضوع|主题|主旨|主題|件名|제목|chủ đề|subjek|sujet|betr|ref|predmet|zadeva|naslov|teema|temats|tēma|assumpte|perihal|เรื่อง|относно|thema",
    "reply_to": "reply-to|antwort an|répondre à|responder a|responder para",
}
ROLES = {word: role for role, words in _ROLES.items() for word in words.split("|")}
"""What the first word of a quoted header's line says, by that word in small letters."""

WROTE = re.compile(
    r"\b(?:wrote|writes|said|says|schrieb|schrieben|geschrieben|a écrit|écrit|escribió|escribio|escribi=F3|va escriure|escreveu|ha scritto|scrive|schreef|geschreven|napisał(?:\(a\)|a)?|pisze|skrev|kirjoitti|napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?|írta|yazdı|a scris|napisao|je napisao|napisala|menulis|viết|пишет|написал(?:\(а\)|а)?|писал(?:\(а\)|а|и)?|пише|написав|έγραψε|a scris)(?!\w)"
    r"|写道|寫道|写了|のメール|書きました|님이 작성|작성|写信|כתב|كتب|ने लिखा|เขียน",
    re.IGNORECASE,
)
STARTS = re.compile(
    r"[\s*_-]{0,10}(?:On|Am|Le|El|Em|Il|Op|W dniu|Dnia|Dne|Den|På|Vào|Pada|În|Pe|Στις|Ke|Tarihinde|Ha|At|Date:|Quoting|В|在|于|於|,|Do|Mo|Di|Mi|Fr|Sa|So)[\s,.\d]",
)
RULE = re.compile(r"\s*[-_=—–*⸻─━~]{3,}\s*")
DATE = re.compile(r"\d{1,4}[./年月-]\s?\d{1,2}|\d{1,2}[:.h]\d{2}|\b(?:19|20)\d\d\b|\d{1,2}\.? [^\W\d_]{3,12}")
TIME = re.compile(r"\d{1,2}[:.h]\s?\d{2}")
MAILBOX = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")
_ORIGINAL = r"original(?: e-?mail)? message|original e-?mail|original appointment|original message \w+|reply message|ursprüngliche (?:nachricht|mitteilung|e-?mail)|originalnachricht|original-nachricht|antwort nachricht|(?:message|e-?mail) d['’]origine|(?:message|mail|e-?mail|courriel|correo|mensaje) original|message initial|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|origineel bericht|oryginalna wiadomość|wiadomość oryginalna|wiadomość(?: |-)oryginalna|oryginalna wiadomosc|исходное сообщение|пересылаемое сообщение от|оригинальное сообщение|原始邮件|原始郵件|原邮件|原始信件|元のメッセージ|original-meddelande|ursprungligt meddelande|ursprungsmeddelande|oprindelig meddelelse|opprinnelig melding|alkuperäinen viesti|původní (?:zpráva|e-?mail)|eredeti üzenet|özgün ileti|ori[jg]inal (?:mesaj|ileti)|mesaj(?:ul)? original|원본 (?:메시지|메일|이메일)|邮件原件|izvorna poruka|originalna poruka|izvirno sporočilo|pôvodná správa|αρχικό μήνυμα|оригінальне повідомлення|оригинално съобщение|algne teade|originale nachricht|oprindelig besked|pesan asli|thư gốc|הודעה מקורית|الرسالة الأصلية|originalus laiškas|sākotnējais ziņojums|missatge original"
SEPARATED = re.compile(
    rf"[\s*>]{{0,4}}[-_=—–‐]{{2,}}\s{{0,4}}\*?(?:{_ORIGINAL})\*?\s{{0,4}}[-_=—–‐]{{2,}}\s*"
    r"|-{6,}\s{0,4}original\s{0,4}-{6,}\s*",
    re.IGNORECASE,
)
GLUED_ORIGINAL = re.compile(
    rf"(?<!-)-{{8}}(?!-)\s?(?:{_ORIGINAL})\s?-{{8}}(?=(?P<word>[^\W\d_][^:：\n]{{0,20}})[:：][^\n]{{0,200}}@)",
    re.IGNORECASE,
)
"""How Samsung's plain text begins a quote: the header, and often all of it, stands in the same line."""
GLUED_DEVICE = re.compile(r"(?<=[\w.!?…)。！？])(?=[^\W\d_][^\n]{4,60}$)", re.MULTILINE)
"""Where Samsung's plain text may set its line behind the last word of the letter."""
FORWARDED = re.compile(
    r"[\s*]{0,4}(?:[-_=—–‐]{2,}\s{0,4})?(?:(?:begin )?forwarded (?:message|mail|e-?mail)|(?:anfang der )?weitergeleitete[n]? (?:nachricht|mail|e-?mail)|début du message (?:transféré|réexpédié)|message transféré|mensaje reenviado|mensagem (?:encaminhada|reencaminhada)|inizio messaggio inoltrato|messaggio inoltrato|begin doorgestuurd bericht|doorgestuurd bericht|wiadomość przekazana dalej|przekazana wiadomość|пересылаемое сообщение|перенаправленное сообщение|转发(?:的)?(?:邮件|信息)|轉寄的郵件|転送(?:された)?メッセージ|転送メール|vidarebefordrat meddelande|videresendt (?:meddelelse|melding))\s{0,4}(?::|[-_=—–‐]{2,})[\s*]{0,4}",
    re.IGNORECASE,
)
DEVICE = re.compile(
    r"[\s*_]{0,4}(?:"
    r"sent (?:from|via|with|by|using) (?:my |an? |the )?(?:\S+[ \t]{1,2}){0,7}\S+|(?:(?:get|obtenir|télécharger|obtener|descargar|obter|baixar|ottieni|scarica|download|hent|hämta|pobierz|загрузить|скачать|获取|下载|取得|入手)\b.{0,30})?\boutlook\b.{0,20}\b(?:ios|android)\b.{0,20}(?: ?<\S+>)(?: [^\W\d_]{3,16})?|get \w{3,16} for (?:android|ios|iphone|windows|mac)|sent via (?:my )?blackberry\b.{0,70}|(?:get|obtenir|obtener|obter|ottieni|scarica|download|hent|hämta|pobierz|загрузить|скачать|获取|下载)\b.{0,30}\boutlook\b.{0,20}\b(?:ios|android)\b|outlook\b.{0,12}\b(?:ios|android)\b.{0,4}(?:beziehen|downloaden|入手|取得|を入手)|(?:sent from )?(?:yahoo mail|aol mail) (?:for|on|para|pour|für|voor|auf|sur|en|su|op|dla|для) \S+(?: \S+)?|yahoo mail: search, organize, conquer|"
    r"von mein\S{1,20} .{2,40} gesendet|gesendet (?:von|mit|aus|über) .{2,60}|diese nachricht wurde von meinem .{2,60} gesendet\.?|"
    r"envoyé (?:de |depuis |à partir d(?:e |['’])|avec |via ).{2,60}|enviado (?:desde|do|a partir do|de|con|pelo|via|através) .{2,60}|enviada do meu .{2,40}|inviato d(?:a|al|all)[ '’].{2,50}|"
    r"verstuurd (?:vanaf|via|met|van) .{2,50}|verzonden (?:vanaf|via|met|van|met) .{2,50}|wysłan[eo] (?:z|za pomocą) .{2,50}|отправлено (?:с|из) .{2,50}|"
    r"sent from .{3,50}[.,] (?:please )?(?:excuse|pardon|forgive) .{3,50}|sent (?:with|from|by) (?:airmail|sparrow|mailbird|spark|spike|newton|mailspring|superhuman)\b.{0,60}|(?:télécharger|obtenir) outlook pour .{3,12}|yahoo mail ?: ?\w{3,14}, \w{3,14}, \w{3,14}|"
    r"odoslan[éá] z .{2,30}|trimis de (?:pe|la) .{2,40}|iphone.?umdan gönderildi|.{2,24}(?:dan|den) gönderildi|נשלח מ.{2,40}|(?:أرسلت|أُرسلت|مرسل|تم الإرسال) من .{2,40}|elküldve a.{2,40}|στάλθηκε από .{2,40}|poslano (?:z|s|iz|sa) .{2,40}|надіслано з .{2,40}|(?:được )?gửi từ .{2,40}|dikirim dari .{2,40}|ส่งจาก .{2,40}|saadetud minu .{2,30}|išsiųsta iš .{2,30}|"
    r"skickat från .{2,40}|sendt fra .{2,40}|lähetetty .{2,40}|发自我的.{1,20}|從我的.{1,20}傳送|从我的.{1,20}发(?:送|出)|.{1,30}から送信|나의 .{1,20}에서 보냄|odesláno z .{2,30}|iphone'?umdan gönderildi"
    r")[\s*_.]{0,4}",
    re.IGNORECASE,
)
_SECURE = r"(?:,? ?(?:l['’]e-?mail sicura|la messagerie sécurisée(?: de)?|(?:el|un) correo (?:electrónico )?seguro(?: de)?|(?:o|um) e-?mail seguro(?: d[ao])?|(?:der )?sicheren? e-?mail(?:-\w{3,12})?(?: von)?|beveiligde e-?mail(?: van)?|bezpieczn\w{2,4} (?:poczty|e-?maila?)(?: e-?mail)?|защищ[её]нн\w{2,3} (?:электронн\w{2,3} )?почт\w{1,2}|захищен\w{1,2} (?:електронн\w{1,2} )?пошт\w{1,2}|säker e-?post|sikker e-?(?:mail|post)|secure e-?mail|安全(?:电子|電子)?(?:邮件|郵件)|güvenli e-?posta|セキュアメール|보안 이메일))?"
_PROTON = r"\[?proton ?mail\b\]?(?:\(https?://\S{3,80}\)|<https?://\S{3,80}>)?"
PROTON = re.compile(
    rf"[\s*_]{{0,4}}(?:(?:sent (?:from|with|via)|gesendet (?:mit|von)|envoyé (?:avec|depuis)|enviad[oa] (?:con|com|desde|do)|inviat[oa] (?:con|da)|verzonden (?:met|via)|wysłan[eoa] (?:z|za pomocą|przez)|отправлено (?:с(?: помощью)?|из|через)|надіслано (?:з|за допомогою|через)|skickat (?:med|från)|sendt (?:med|fra)|lähetetty|odesláno (?:z|pomocí)|odoslané (?:z|pomocou)|trimis (?:cu|de pe|prin)|στάλθηκε (?:από|με|μέσω)) ?{_SECURE} ?{_PROTON}{_SECURE}|(?:使用|由|通过|透過) ?{_PROTON}{_SECURE} ?(?:发送|傳送|发出)|{_PROTON}{_SECURE}(?: ile)? ?(?:gönderildi|で?送信(?:されました)?|发送|傳送|(?:로 )?보냄))"
    r"(?: mobile)?(?: (?:for|para|pour|für|per|voor|dla|для|på) (?:ios|android|iphone|ipad|mac|windows))?(?: ?[(<\[]https?://\S{3,80}[)>\]])?[\s*_.。]{0,4}",
    re.IGNORECASE,
)
"""The line of Proton Mail, which is told from a word on it by having nothing else."""
DEVICE_WORD = re.compile(
    r"\b(?:iphone|ipad|ipod|ios|android|galaxy|blackberry|outlook|mail|gmail|yahoo|aol|proton|phone|tablet|huawei|xiaomi|samsung|sony|windows|nokia|pixel|oneplus|apps?|smartphone|handy|mobile|mobil\w*|téléphone|teléfono|móvil|celular|telefon\w*|cellulare|device|gerät|superhuman|spark|zoho|mac|airmail|sparrow|mailbird|spike|newton|mailspring|canary|edison|k-9|thunderbird|verizon|t-mobile|at&t|xfinity|htc|motorola|iphon\w*)|手机|手機|スマ|から送信",
    re.IGNORECASE,
)
"""What a mail is written with; a line without it may be a sentence's end."""
FIRST_PERSON = re.compile(r"\s*(?:I|we|ich|wir|je|nous|yo|eu|io|ik|ja|я|我|私)\b", re.IGNORECASE)
ABOVE = re.compile(
    r"[\s*#>|_–—=-]{0,14}(?:"
    r"(?:please )?(?:(?:type|write|enter|add|put|make|insert|keep) )?(?:your |a )?(?:reply|replies|response|respond|answer|comment|message)?(?: to this (?:e-?mail|message))? ?above this line(?: .{0,60})?|"
    r"(?:bitte )?(?:antworten sie|schreiben sie|ihre antwort|antwort|antworten)(?: bitte)?(?: ihre antwort)? (?:oberhalb|über) dieser (?:linie|zeile)(?: .{0,40})?|"
    r"(?:veuillez )?(?:répondez|répondre|écrivez|écrire|saisissez)(?: votre réponse)? au-dessus de cette ligne(?: .{0,40})?|"
    r"(?:por favor,? )?(?:escriba|responda|introduzca)(?: su respuesta)? (?:por encima|arriba) de esta línea(?: .{0,40})?|"
    r"(?:por favor,? )?(?:escreva|responda|digite)(?: (?:a )?sua resposta)? acima desta linha(?: .{0,40})?|"
    r"(?:scrivi|rispondi|digita|inserisci)(?: la tua risposta)? (?:sopra|al di sopra di) (?:a )?questa (?:riga|linea)(?: .{0,40})?|"
    r"(?:gelieve )?(?:typ|schrijf|plaats)(?: uw| je)? (?:antwoord|reactie) boven deze (?:regel|lijn)(?: .{0,40})?|"
    r"(?:prosimy )?(?:wpisz|odpowiedz|napisz)(?: swoją odpowiedź)? (?:powyżej|nad) tej linii(?: .{0,40})?"
    r")[\s*#<|_–—=-]{0,14}",
    re.IGNORECASE,
)
"""The line that help desks put above what they quote."""
BELOW = re.compile(
    r"\b(?:see|answer(?:s|ed)?|comment(?:s|ed)?|repl(?:y|ies|ied)|respon(?:se|ses|ded)|notes?|mine|please find)\b.{0,40}\b(?:below|beneath|underneath|at the (?:bottom|end|foot)|further down|in[ -]?line|in (?:red|blue|green|bold|caps|capitals|brackets))\b"
    r"|^\W*in[ -]?line\b|\bsiehe (?:(?:weiter|ganz) )?unten\b|\b(?:antwort(?:en)?|kommentare?|anmerkung(?:en)?|notiz(?:en)?)\b.{0,40}\b(?:unten|am ende|im text|in rot|direkt)\b"
    r"|\bci-dessous\b|\b(?:réponses?|commentaires?|notes?)\b.{0,40}\b(?:dans le (?:texte|message)|en bas|plus bas|à la fin)\b|\bm[aá]s abajo\b|\b(?:respuestas?|comentarios?|notas?)\b.{0,40}\b(?:abajo|al (?:final|pie))\b"
    r"|\b(?:respostas?|comentários?|notas?|veja|segue[m]?)\b.{0,40}\b(?:abaixo|no (?:fim|final))\b|\b(?:risposte|risposta|commenti|nota|vedi)\b.{0,40}\b(?:sotto|in fondo|in calce)\b|\bhieronder\b|\bzie (?:onder|onderaan)\b|\bonderaan\b|\bponiżej\b|\b(?:odpowiedź|odpowiedzi|uwag[ai])\b.{0,40}\bna (?:dole|końcu)\b"
    r"|(?:ответ|отвечаю|см\.).{0,40}(?:ниже|внизу|в конце)|[见見][下以]|下記|以下に",
    re.IGNORECASE,
)
"""A customer's word that the answers stand in the quote."""
OTHERS = re.compile(
    r"\b(?:you|your|yours|we|us|our|my|he|she|they|his|her|their|it|who|somebody|someone|nobody|sie|ihr|ihre|er|wir|vous|votre|il|elle|usted|su|lei|voi|você|u|uw|вы|ваш|он|она)\b",
    re.IGNORECASE,
)
"""Words of somebody who tells what was written; a mail program says names."""
PHONE = re.compile(
    r"(?:^|[\s|,;·•(\[/])(?:t[eé]l(?:[eé]?(?:fon|phone|fono|foon|éfono))?|phone|ph|mob(?:ile|il|iel)?|cell|m[oó]vil|handy|fax|direct|office|gsm|telf|tlm|tlf|puh|port(?:able)?|fon|funk|t|m|f|p|d|тел(?:ефон)?|моб|факс|kom|电话|電話|手机|传真|携帯|直通)[\s.:：)\]]{0,5}\+?[\d(][\d ()./·-]{5,24}\d"
    r"|\+\d{1,3}[\d ()./-]{6,20}\d",
    re.IGNORECASE,
)
POSTSCRIPT = re.compile(
    r"[\s*]{0,4}(?:n\.?\s?b|p\.?\s?p?\.?\s?s|追伸|另|又及|附)\b[\s.:)-]|.{0,4}(?:追伸|又及)", re.IGNORECASE
)
PRINTING = re.compile(
    r"\W{0,4}(?:(?:please )?(?:consider|think (?:of|about)) the environment before (?:you )?print|(?:bitte )?(?:denken sie|prüfen sie|überlegen sie)\b.{0,40}\b(?:umwelt|ausdruck)|(?:bitte )?(?:prüfen|überlegen) sie,? ob (?:sie )?(?:diese|die) (?:e-?mail|mail|nachricht)\b.{0,60}druck|(?:merci de )?pense[zr] à l['’]environnement avant d['’]imprim|(?:antes de imprimir,? )?(?:por favor,? )?piens[ae] en el medio ?ambiente|(?:antes de imprimir,? )?pense no (?:meio )?ambiente|(?:per favore,? )?(?:pensa|pensi|rispetta) (?:all['’]|l['’])ambiente\b.{0,40}\bstamp|denk aan het milieu\b.{0,40}\bprint|pomyśl o środowisku\b.{0,40}\bdruk)",
    re.IGNORECASE,
)
"""What firms say of paper below their address."""
FIRM_S_FOOT = re.compile(
    r"\W{0,4}(?:diese e-?mail wurde von \S{3,40} auf viren geprüft|(?:this (?:e-?mail|message) (?:has been|was) (?:checked|scanned) (?:for viruses )?by|virus-?free\b)|(?:www\.)?avast\.com"
    r"|we process (?:your )?personal data\b.{0,80}\bprivacy|hinweise zum datenschutz\b|(?:unsere )?datenschutz(?:hinweise|erklärung)\b.{0,20}(?:https?|www)|en cumplimiento del (?:rgpd|reglamento|la lopd)\b|conforme(?:mente)? (?:al|au) (?:rgpd|gdpr|règlement)\b|ai sensi del (?:gdpr|regolamento)\b"
    r"|this (?:e-?mail|message) is (?:only )?for the (?:named|intended|sole)\b.{0,40}\buse only\b|aan dit bericht kunnen geen rechten\b|this (?:e-?mail|message) is a service from\b|delivered by zendesk\b)",
    re.IGNORECASE,
)
"""What firms, and the programs of firms, set below everything, in a line of its own."""
ABOUT_MAIL = re.compile(
    r"\b(?:e-?mails?|e-posta|message|mail|attachments?|communication|transmission|nachricht|courriel|pièces? jointes?|mensaje|correo|mensagem|messaggio|comunicazione|bericht|wiadomo\w+)\b|письм|сообщ|邮件|郵件|メール",
    re.IGNORECASE,
)
DISCLAIMERS = re.compile(
    r"\b(?:confidential|privileged)\b.{0,400}\b(?:intended|recipient|addressee|in error)\b|\bconfidential to the (?:\w+ )?(?:user|addressee|person)\b|\b(?:views|opinions)\b[\w ]{0,20}\bexpressed\b.{0,80}\bof the (?:individual |author|sender)|\bintended (?:solely|only|recipient)\b.{0,300}\b(?:confidential|privileged|in error|prohibited)\b"
    r"|\bvertrauliche?n?\b.{0,400}(?:empfänger|adressat|irrtümlich|absender)|(?:nicht der (?:richtige|beabsichtigte)).{0,300}\b(?:vernichten|löschen|informieren)"
    r"|\bconfidentiel.{0,400}(?:destinataire|erreur)|\bconfidencial.{0,400}(?:destinat[aá]ri|error|erro\b|engano)|\b(?:confidenzial|riservat).{0,400}(?:destinatari|errore)"
    r"|\b(?:indien|als|mocht) u niet de (?:geadresseerde|bedoelde ontvanger|beoogde ontvanger)\b|\b(?:dirigid[oa]s?|destinad[oa]s?) (?:exclusiva|única)mente a(?: su|l) destinatario|\bvertrouwelijk.{0,400}(?:geadresseerde|bestemd|abusievelijk|onterecht)|\b(?:bericht|e-?mail|informatie)\b.{0,60}\buitsluitend bestemd voor de (?:geadresseerde|ontvanger)\b|\buitsluitend bestemd voor\b.{0,200}(?:abuis|vernietigen|abusievelijk)|gizli bilgi.{0,300}(?:yanlışlıkla|gönderen)|\bsadece gönderildiği kişi|\bpoufn.{0,400}(?:adresat|odbiorc|omyłk|pomyłk)|конфиденциальн.{0,400}(?:получател|адресат|ошибк)"
    r"|(?:保密|机密|機密|秘密).{0,200}(?:收件人|误|誤|宛先|受信)|\bkonfidentiel.{0,300}mottagare|\bfortrolig.{0,300}modtager"
    r"|\b(?:ausschlie(?:ß|ss)lich|nur) für den (?:adressaten|empfänger)\b.{0,60}\bbestimmt|\bai sensi del (?:regolamento|reg|d\. ?lgs)\b.{0,200}\briservat",
    re.IGNORECASE,
)
"""Two things at once that only the paragraph of a firm's lawyer says."""
