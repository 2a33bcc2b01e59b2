"""How machines write: the subjects, senders and sentences of mail servers, vacation programs and complaint desks.

Patterns are matched on capped text and have no nested repetition, so each takes linear time.
"""

from __future__ import annotations

import re


def _any(*patterns: str, start: str = "") -> re.Pattern[str]:
    return re.compile(f"{start}(?:{'|'.join(patterns)})", re.IGNORECASE)


ARCHIVES = frozenset(
    {
        "application/zip",
        "application/gzip",
        "application/x-gzip",
        "application/x-zip-compressed",
        "application/x-zip",
        "text/xml",
        "application/xml",
        "application/octet-stream",
    }
)
ANSWERED_SUBJECT = _any(r"\s*(?:re|aw|wg|sv|fw|fwd|tr|rv|res|enc|odp|antw|回复|答复|转发)\s*[:：]")

MACHINE_ADDRESS = _any(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|mail[-_.]?deamon|mailer[-_.]?deamon|postmaster|microsoftexchange[0-9a-f]+"
    r"|mmdf|double-?bounce|mail-?delivery(?:-?sub)?-?system|mailerdaemon|bounce-?daemon)(?:\+[^@]*|-[^@]*)?(?:@|>|\s|$)"
)
BOUNCE_ADDRESS = _any(
    r"(?:bounces?|mailadmin|mail-?administrator|system-?administrator|mailsystem|mail-?system|smtp|mta"
    r"|listserv|majordomo|administrator|amavis|mailgateway|postoffice|mailmaster)[^@]{0,40}@"
)
MACHINE_NAME = _any(
    r"mail delivery",
    r"mailer[- ]?daemon",
    r"mail system",
    r"mail administrator",
    r"postmaster",
    r"system administrator",
    r"delivery (?:sub)?system",
    r"microsoft (?:exchange|outlook)$",
    r"mail daemon",
    r"bounce",
    r"mail server",
    r"systemadministrator",
    r"mail router",
)

SURE_BOUNCE_SUBJECT = _any(
    r"delivery status notification ?\((?:failure|delay|mail delivery failed)\)",
    r"undelivered mail returned to sender",
    r"mail delivery failed: returning message to sender",
    r"mail system error - returned mail",
    r"returned mail: (?:see transcript|user unknown|host unknown|unable to|delivery|cannot|service|data format|quota)",
    r"warning: could not send message for past",
    r"delivery (?:notification|report)(?: \((?:failure|delay)\)|: delivery has failed)",
    r"(?:failure notice|mail failure\.?)\s*$",
    start=r"\s*",
)
"""Nobody but a mail server begins a subject so."""

BOUNCE_SUBJECT = _any(
    r"undeliver(?:able|ed)\b",
    r"undeliverable:",
    r"mail delivery (?:failed|failure|system|subsystem|status|error|problem|was delayed|delayed|report)",
    r"delivery status notification",
    r"delivery (?:notification|report)\b",
    r"delivery (?:failure|failed|error|has failed|unsuccessful|delayed)",
    r"returned (?:e-?)?mail\b",
    r"returned to sender",
    r"failure notice",
    r"failure delivery",
    r"non[- ]?deliver",
    r"nondeliver",
    r"mail (?:could not|not) (?:be )?deliver",
    r"message (?:delivery (?:failure|failed|has failed|delayed)|undeliverable|not delivered|could not be delivered|status)",
    r"warning: (?:could not send|message \S+ delayed|e-?mail still not)",
    r"mail failure",
    r"failed mail",
    r"failed to deliver",
    r"e?-?mail (?:delivery|status) (?:failure|report|failed|error|notification)",
    r"permanent delivery failure",
    r"unable to deliver",
    r"could not (?:deliver|send) ",
    r"mail system error",
    r"message de non-?remise",
    r"address not found",
    r"rejected mail",
    r"(?:e-?mail|message) (?:was |has been )?(?:rejected|refused|blocked|bounced)\b",
    r"(?:a )?message you sent (?:was |has been )?(?:blocked|rejected|not delivered)",
    r"unzustellbar",
    r"nicht zustellbar",
    r"zustellung .{0,40}(?:fehlgeschlagen|nicht)",
    r"unzustellbare",
    r"mail konnte nicht",
    r"non remis",
    r"[eé]chec de (?:la )?(?:remise|distribution|livraison)",
    r"non[- ]distribu",
    r"retour de courrier",
    r"no se puede entregar",
    r"no entregado",
    r"mensaje no entregado",
    r"correo devuelto",
    r"error de entrega",
    r"notificaci[oó]n de estado de entrega",
    r"n[aã]o entregue",
    r"n[aã]o foi poss[ií]vel entregar",
    r"falha na entrega",
    r"mensagem n[aã]o",
    r"non recapitabile",
    r"mancata consegna",
    r"avviso di mancata",
    r"onbestelbaar",
    r"niet bezorgd",
    r"nie dostarczono",
    r"niedostarczon",
    r"nie można dostarczyć",
    r"не доставлено",
    r"недоставлен",
    r"ошибка доставки",
    r"уведомление о (?:состоянии )?доставк",
    r"系统退信",
    r"退信",
    r"无法(?:送达|投递)",
    r"未(?:送达|能送达)",
    r"未传递",
    r"配信不能",
    r"配信エラー",
    r"配達不能",
    r"配信できません",
    r"エラーメール",
    r"メール配信",
    r"olevererbart",
    r"kunde inte levereras",
    r"ikke leveret",
    r"teslim edilemedi",
    r"***undeliverable".replace("*", r"\*"),
    start=r"\s*(?:\[[^\]]{0,40}\]\s*)?(?:\*{2,5}\s*)?(?:notice|warning|automatic|attention|nicht zugestellt)?[:.!]?\s*",
)
WEAK_BOUNCE_SUBJECT = _any(
    r".{0,60}\b(?:undeliver|deliver|delivery|returned|bounce|rejected|quota|failure|failed|not found|unknown|nicht|error|mailbox full)"
)
BOUNCE_OPENING = _any(
    r"this is the (?:qmail|postfix|mail|mailer|courier|smtp|exim|sendmail|kerio|rejection)[\w-]* ?(?:send|program|system|server|delivery)",
    r"this is the mail (?:system|delivery)",
    r"mail delivery (?:agent|system|software|subsystem)",
    r"created automatically by (?:the )?mail",
    r"the original message was received at",
    r"your (?:e-?)?(?:mail|message)s? .{0,200}(?:could not be|wasn.t|was not|cannot be|has not been|were not|not be|couldn.t be|can.t be) (?:delivered|sent)",
    r"a message (?:that )?(?:you|was) sent .{0,80}could not",
    r"delivery to the following recipients? ",
    r"did not reach the following recipient",
    r"delivery has failed to",
    r"automatically generated (?:delivery|message from|email from the)",
    r"hi!? ?\.? ?(?:this|i) .{0,20}mailer-daemon",
    r"i(?:.m| am) (?:sorry|afraid) .{0,60}(?:deliver|inform you)",
    r"sorry,? (?:we|i) (?:were|was|could|couldn).{0,20}(?:unable|not|t) .{0,10}(?:to )?deliver",
    r"following (?:address(?:es)?|recipients?|destination|users?) .{0,60}(?:fail|error|not|problem|reject|undeliver|unknown)",
    r"unable to deliver (?:your|the|this|mail|message)",
    r"an error occurred while trying to deliver",
    r"could not be delivered to",
    r"was not delivered to",
    r"failed to deliver (?:your|to|the|message)",
    r"undeliverable (?:mail|message|address|to)",
    r"returned (?:to sender|because|mail)",
    r"permanent(?:ly)? (?:fatal )?(?:error|failure|fail)",
    r"(?:nachricht|mail)\b.{0,120}nicht zugestellt werden",
    r"(?:nachricht|mail) konnte nicht (?:zugestellt|ausgeliefert|übermittelt)",
    r"n.a pas pu [eê]tre (?:remis|d[ée]livr|distribu|livr)",
    r"no (?:se )?(?:ha )?(?:podido|pudo) (?:ser )?entrega",
    r"n[aã]o (?:p[oô]de|foi) (?:ser )?entreg",
    r"n[aã]o (?:foi poss[ií]vel|conseguimos) (?:entregar|enviar)",
    r"no (?:fue|ha sido|es) posible entregar",
    r"impossibile (?:consegnare|recapitare|inviare)",
    r"impossible de (?:remettre|distribuer|d[ée]livrer)",
    r"nie (?:można|mogła|udało się) (?:było |zostać )?dostarcz",
    r"kunne ikke leveres|kunde inte levereras|ei voitu toimittaa|nelze doručit|nem (?:sikerült )?kézbesít|teslim edilemedi",
    r"(?:has|have) not been delivered",
    r"(?:the|a|your) (?:e-?mail|message)(?: (?:that )?you sent)? .{0,80}(?:was|has been) (?:rejected|refused|blocked|returned)",
    r"blocked by (?:our|the) .{0,40}(?:filter|firewall|gateway)",
    r"non [eè] stat[oa] (?:possibile )?(?:consegnat|recapit|recapit)",
    r"(?:kan|kon|kunnen) niet .{0,40}(?:bezorgd|afgeleverd)",
    r"не (?:было|может быть|удалось) .{0,20}достав",
    r"无法(?:送达|投递|发送)",
    r"退回",
    r"お届けできません",
    r"配信(?:でき|されません)",
    r"not listed in .{0,40}(?:directory|address book)",
    r"each of the following recipients was rejected",
    r"failed recipient",
    r"mailbox (?:is )?(?:full|unavailable|not found|does ?n.t exist)",
    r"over quota",
    r"requested action not taken",
    r"no such user",
    r"user unknown",
    r"unrouteable address",
    r"host .{0,80} said:",
)
BOUNCE_TEXT = _any(
    r"user unknown",
    r"no such (?:user|mailbox|recipient|address)",
    r"unknown (?:user|recipient|address)",
    r"mailbox (?:full|unavailable|is full|not found)",
    r"over (?:its )?quota",
    r"quota exceeded",
    r"unrouteable",
    r"recipient (?:address )?rejected",
    r"permanent(?:ly)? (?:error|fail|fatal)",
    r"remote host said",
    r"giving up on",
    r"transcript of session follows",
    r"below this line is a copy of the message",
    r"copy of (?:the|your) (?:original )?message",
    r"original message (?:headers|follows|attached|header)",
    r"diagnostic[- ]code",
    r"final-recipient",
    r"reporting-mta",
    r"does ?n.t (?:exist|have a)",
    r"account (?:has been )?(?:disabled|inactive|closed)",
    r"relay(?:ing)? (?:access )?denied",
    r"message headers? follow",
    r"undelivered message",
)
PERSONAL = _any(
    r"\b(?:i (?:get|got|receive|received|have|tried|try|sent|cannot|can.t|need|want|keep|am getting|wrote|write)|please (?:help|advise)|what (?:now|should|can) |can you|could you|dear (?:team|support|sir)|thank you|thanks|ich (?:habe|bekomme)|j.ai|bitte helfen)\b"
)
ASKING = _any(
    r"[?？]",
    r"\bplease (?:send|deliver|help|advise|tell|check|cancel|change|pay)",
    r"\b(?:can|could) you\b",
    r"\bi would like\b",
    r"\bhow (?:do|can) i\b",
    r"\b(?:können|könnten|würden) sie\b",
    r"\b(?:pouvez|pourriez|auriez)-vous\b",
    r"¿",
    r"\bkunt u\b|\bkun je\b",
    r"\b(?:подскажите|помогите)\b",
    r"請問|请问|请帮|ですか|でしょうか|お願いします|ください|届きません|届いていません",
)
INTERROGATIVE = re.compile(r"\w[\"')]?[?？](?:\s|$)|？|¿")
"""A question, and not the query of a link."""
RECEIPT_SUBJECT = _any(
    r"(?:(?:not |non |no |n[aã]o |niet |nie |не )?(?:read|gelesen|ungelesen|lu|le[ií]do|lida|letto|gelezen|przeczytano|прочитано)|[已未][读讀]|開封済み)\s?[:：]",
    start=r"\s*",
)
RECEIPT_TEXT = _any(
    r"your message\s.{0,600}(?:was|has been) (?:read|displayed|deleted without being read|opened)",
    r"ihre nachricht\s.{0,600}wurde .{0,80}(?:gelesen|gelöscht|angezeigt)",
    r"votre message\s.{0,600}(?:a été (?:lu|affiché|supprimé))",
    r"(?:su|el) mensaje\s.{0,600}(?:se ley[oó]|fue le[ií]do|ha sido le[ií]do)",
    r"(?:a sua|sua) mensagem\s.{0,600}foi lida",
    r"il (?:suo |tuo )?messaggio\s.{0,600}(?:è stato letto|è stata letta)",
    r"uw bericht\s.{0,600}is .{0,60}gelezen",
    r"(?:twoja|ta) wiadomość\s.{0,600}została .{0,60}(?:przeczytana|wyświetlona)",
    r"this is a (?:return |read )?receipt for the (?:mail|e-?mail|message)",
    start=r"\s*",
)
SMTP_CODE = re.compile(
    r"(?:^|[\s<(#:\[])[45]\.\d{1,2}\.\d{1,3}\b|(?:^\s{0,8}|[:(<#] {0,2}|smtp |said )(?:4[25]|5[0-7])\d[ -](?=[A-Za-z<#\"'])",
    re.MULTILINE | re.IGNORECASE,
)
AUTO_ADDRESS = _any(r"(?:auto-?_?(?:reply|replies|responder|response|answer)|vacation)[^@\s]{0,40}@")
RETURNED_HEADER = re.compile(
    r"^(?:> ?|\s{0,8})(?:Return-Path: ?<|Received: (?:from|by|\()|Message-I[dD]: ?<)", re.MULTILINE
)

AUTO_PROGRAM = _any(r"\bvacation\b", r"auto-?respon", r"auto-?reply", r"out ?of ?office")
AUTO_SUBJECT = _any(
    r"auto(?:matic|matische|mated)?[- ]?(?:re(?:ply|sponse|sponder)|answer|reponse|antwort(?:en)?)\b",
    r"\[?(?:auto-?reply|auto-?response|autoresponder|autoantwort|automatisch antwoord|automatische beantwortung)\b",
    r"out[- ]of[- ](?:the )?office(?:\s*(?:auto|reply|message|notification|response|notice|:|-|\(|!|$|re:))",
    r"ooo\s*(?::|$)",
    r"(?:i am|i.m|i will be) (?:currently )?(?:out of|away|on (?:vacation|leave|holiday))",
    r"away from (?:my|the) (?:office|mail|desk|e-?mail)",
    r"(?:on )?(?:vacation|holiday)\s*(?:reply|message|notice|response|auto)",
    r"on (?:annual leave|vacation|holiday|maternity leave)\b",
    r"abwesen(?:d|heit)",
    r"abwesenheits",
    r"automatische(?: |-)(?:antwort|r[eé]ponse|nachricht|beantw)",
    r"ich bin (?:nicht im|im urlaub|abwesend)",
    r"nicht im (?:b[uü]ro|haus)",
    r"urlaubs?(?:vertretung|meldung|nachricht|benachrichtigung)",
    r"au(?:ß|ss)er haus",
    r"r[eé]ponse automatique",
    r"message automatique",
    r"absen(?:ce|t)\s*(?:du bureau|:|$)",
    r"absence (?:du|de|jusqu)",
    r"notification d.absence",
    r"je suis (?:absent|en (?:cong|vacances))",
    r"respuesta autom[aá]tica",
    r"fuera de (?:la )?oficina",
    r"ausen(?:te|cia)\b",
    r"resposta autom[aá]tica",
    r"fora do escrit[oó]rio",
    r"aus[eê]ncia",
    r"risposta automatica",
    r"fuori (?:sede|ufficio)",
    r"assente\b|assenza\b",
    r"automatisch (?:antwoord|bericht)",
    r"afwezig",
    r"niet op kantoor",
    r"automatyczna odpowied[zź]",
    r"odpowied[zź] automatyczna",
    r"autoodpowied",
    r"nieobecno[sś][cć]",
    r"poza biurem",
    r"автоматический ответ",
    r"автоответ",
    r"автоответчик",
    r"вне офиса",
    r"нет на (?:месте|работе)",
    r"自动(?:回复|答复|回覆)",
    r"自動(?:回覆|答覆|返信|応答|回复)",
    r"不在(?:通知|連絡|のお知らせ|返信|です)?\s*(?:[:：]|$)",
    r"自动应答",
    r"자동 ?(?:회신|응답)",
    r"부재",
    r"autosvar",
    r"fr[aå]nvarande",
    r"frånvaro",
    r"fravær",
    r"automatisk (?:svar|respons|besked|meddelande)",
    r"automaattinen (?:vastaus|poissaolo)",
    r"poissa(?:olo)?\b",
    r"otomatik (?:yan[ıi]t|cevap)",
    r"automatick[aá] odpov[eě][dď]",
    r"automaatvastus|automaatne vastus|automātiskā atbilde|automātiska atbilde|automatinis atsakymas",
    r"samodejn[ai] odgovor|automatski odgovor|аутоматски одговор|автоматичен отговор|автоматична відповідь",
    r"resposta automàtica|balasan otomatis|jawaban otomatis|balas(?:an)? automatik|trả lời tự động|ตอบกลับอัตโนมัติ|स्वचालित उत्तर",
    r"mimo kancel",
    r"automatikus v[aá]lasz",
    r"r[aă]spuns automat",
    r"αυτόματη απάντηση",
    r"תשובה אוטומטית",
    r"رد تلقائي",
    r"your (?:e-?mail|message|request|enquiry|inquiry|ticket) (?:has been|was) received",
    r"we(?:.ve| have) received your (?:e-?mail|message|request|enquiry|inquiry|ticket)",
    r"(?:request|ticket|case|message|enquiry) (?:has been )?(?:received|created|opened)\b",
    r"(?:ticket|case|request|anfrage|vorgang) ?[#:№]? ?\w{0,4}-?\d{2,12} (?:has been |wurde )?(?:received|created|opened|eröffnet|angelegt)",
    start=r"\s*(?:(?:re|aw|sv|antw|odp|res|回复|答复)\s*[:：]\s*)?[\[(*]{0,3}\s*",
)
WEAK_AUTO_SUBJECT = _any(
    r"\s*(?:re|aw|sv|antw|odp|res)\s*:",
    r".{0,80}\b(?:vacation|holiday|out of|away|absen|urlaub|ooo|leave|auto)",
    r"\s*$",
)
AUTO_TEXT = _any(
    r"\bi(?: am|.m| will be| shall be) (?:currently |presently |now )?(?:out of (?:the |my )?(?:office|town|country)|on (?:annual |maternity |sick |parental )?(?:leave|vacation|holiday)|away (?:from|until|on))",
    r"(?:limited|no|intermittent|sporadic) (?:or no )?access to (?:my )?e-?mail",
    r"your (?:request|ticket|case|message|e-?mail|enquiry|inquiry)\s{0,2}(?:[\[(]?#?[\w-]{1,20}[\])]? )?(?:has been|was) (?:received|created|opened|logged|registered|assigned)",
    r"(?:a|your) (?:support )?(?:ticket|case|request) (?:has been|was) (?:opened|created|logged)",
    r"(?:please )?do not (?:reply|respond) to this (?:e-?mail|message|mail)",
    r"this (?:mailbox|e-?mail address|inbox) is not monitored",
    r"will (?:respond|reply|answer|get back to you|read your) .{0,60}(?:when i return|upon my return|on my return|as soon as (?:i|possible)|when i get back)",
    r"this is an auto(?:mated|matic|matically)",
    r"do not reply to this (?:automat|message|e-?mail)",
    r"automatic(?:ally generated)? (?:reply|response|e-?mail|message)",
    r"auto-?(?:reply|response|responder)\b",
    r"bin (?:ich )?(?:derzeit |momentan |zur ?zeit |aktuell )?(?:bis|vom|ab|nicht (?:im|am)|im urlaub|abwesend|außer haus)",
    r"ihre (?:e-?mail|nachricht) wird nicht weitergeleitet",
    r"(?:suis|serai) (?:actuellement )?(?:absente?|en (?:cong|vacances|d[eé]placement))",
    r"estar[eé] (?:fuera|ausente)",
    r"(?:me encuentro|estoy) (?:fuera|ausente|de vacaciones)",
    r"estou (?:ausente|de f[eé]rias|fora)",
    r"(?:sono|sar[oò]) (?:assente|in ferie|fuori)",
    r"ben (?:ik )?(?:momenteel )?(?:afwezig|niet aanwezig|op vakantie)",
    r"jestem (?:na urlopie|poza|nieobecn)",
    r"(?:нахожусь|буду) (?:в отпуске|в командировке|отсутств)",
    r"不在(?:办公室|公司)",
    r"休假",
    r"(?:^|[\[【（(])\s?自动回复|这是(?:一封)?自动|此邮件为自动|系统自动回复",
    r"不在にし",
    r"休暇(?:中|を)",
    r"自動返信(?:です|しております|しています|でお送り|にてお送り)|自動(?:的に)?送信(?:され|して)",
)
ACKNOWLEDGED = _any(
    r"(?:thank you|thanks) for (?:your (?:e-?mail|message|enquiry|inquiry|request)|contacting|writing)",
    r"(?:vielen dank|danke) für ihre (?:e-?mail|nachricht|anfrage)",
    r"merci (?:pour|de) (?:votre message|nous avoir contact)",
    r"gracias por (?:su|tu) (?:mensaje|correo|consulta)|gracias por contactar",
    r"obrigad[oa] (?:pela sua mensagem|pelo seu (?:contato|contacto|e-?mail))",
    r"grazie per (?:averci contattato|il (?:suo|tuo) messaggio)",
    r"bedankt voor uw (?:bericht|e-?mail|aanvraag)",
    r"(?:we|our team|someone|a member of (?:our|the) team) will (?:get back|respond|reply|be in touch|contact you)",
)
"""What programs say under a subject that announces them."""
MAIL_WORDS = _any(
    r"@|\b(?:e-?mails?|messages?|recipients?|mailbox|postmaster|smtp|nachricht|empfänger|destinat[aá]ri[oa]s?|mensaje|mensagem|correo|messaggio|bericht|wiadomo)",
    r"сообщени|письм|邮件|郵件|メール|收件人|宛先",
)
"""A bounce is about mail; errors and failures there are everywhere."""
AUTO_OPENING = _any(
    r"this is an? (?:auto(?:mated|matic|matically generated|-?reply|-?response|generated)|vacation)[\w -]{0,40}(?:reply|response|message|e-?mail|notification|acknowledg)",
    r"\[?(?:automatic|auto)[- ]?(?:reply|response)\]?\s*[:\n.]",
    r"dies ist eine automatisch",
    r"ceci est (?:un|une) (?:message|r[eé]ponse) automatique",
    r"esta es una respuesta autom",
    r"[eé]ste? es un (?:mensaje|correo) autom",
    r"esta [eé] uma (?:resposta|mensagem) autom",
    r"questa [eè] una risposta automatica",
    r"questo [eè] un messaggio automatico",
    r"dit is een automatisch",
    r"to jest automatyczn",
    r"это автоматическ",
    r"这是一封自动",
    r"このメールは自動",
)

DMARC_SUBJECT = _any(
    r"\breport[- ]domain:",
    r"\bdmarc (?:aggregate )?report",
    r"\bdmarc-?report",
    r"^\s*report domain",
    r"\bsubmitter:",
)
FEEDBACK_TEXT = re.compile(
    r"^(?:Feedback-Type: ?(?:abuse|fraud|virus|other|opt-out|not-spam|dmarc|auth-failure|complaint)|This is an? (?:e-?mail )?(?:abuse|spam|feedback|complaint)[\w /-]{0,40}(?:report|notification) (?:for|about|from|received)|This is a(?:n)? .{0,60}(?:Abuse Report|Feedback Loop))",
    re.MULTILINE | re.IGNORECASE,
)
FEEDBACK_SENDER = _any(
    r"(?:staff@hotmail\.com|[^@]*(?:feedback|fbl|complaint|abuse|scomp|arf|jmrp|spam|junk|report)[^@]*@.*|[^@]+@(?:[^@]*\.)?(?:feedback|fbl|abuse|arf)[^@]*)"
)
FEEDBACK_SUBJECT = _any(
    r"complaint about message from",
    r"(?:abuse|spam|feedback|complaint|junk)[\w /-]{0,30}(?:report|notification|complaint|loop)",
    r"client tos notification",
    r"\bfeedback report\b",
    r"\bFBL\b",
    r"spam(?:cop)?[ :]",
    r"\[spamcop",
)
