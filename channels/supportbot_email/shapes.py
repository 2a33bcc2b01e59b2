"""How mail servers and complaint desks write: their subjects, senders and sentences.

Patterns are matched on capped text and have no nested repetition, so each takes linear time.
"""

from __future__ import annotations

import re

from supportbot_email.patterns import any_of as _any

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
ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]]{1,64}@[\w.-]{1,200}\w")
LISTED_ADDRESS = re.compile(
    r"^[ \t>*-]{0,8}(?:[^\n@:：]{0,30}[:：][ \t]{0,4})?[<(]?([^\s<>@,;:\"()\[\]]{1,64}@[\w.-]{1,200}\w)[>)]?[ \t]{0,4}(?:[:：,(].{0,200}|\r?)$",
    re.MULTILINE,
)
"""An address on a line of its own, or as the head of one."""
LIST_NAME = re.compile(r"<([^<>\s]{1,200})>")
CALENDAR_METHOD = re.compile(r"^METHOD:[ \t]{0,4}([A-Za-z]{1,20})", re.MULTILINE | re.IGNORECASE)
LIST_MANAGER = _any(
    r"(?:[^@]*-(?:request|bounces|confirm|owner|admin)|mailman|majordomo|listserv|sympa)(?:\+[^@]*)?@"
)
FORM_FIELD = re.compile(
    r"^[ \t>*]{0,4}(?:name|your name|e-?mail|phone|subject|message|comments?|vorname|nachname|telefon|betreff|nachricht|nom|objet|nombre|asunto|mensaje|nome|assunto|mensagem|oggetto|messaggio|naam|onderwerp|bericht|imię|temat|wiadomość|имя|тема|сообщение|姓名|主题|留言|お名前|件名|内容)\*?[ \t]{0,3}[:：]",
    re.MULTILINE | re.IGNORECASE,
)
NO_REPLY = re.compile(
    r"(?:.*[._+-])?(?:(?:no|do[._-]?not)[._-]?reply|ne[._-]?pas[._-]?repondre|no[._-]?respond(?:er|a)"
    r"|n[aã]o[._-]?respond(?:er|a)|non[._-]?risponder[ei]|nicht[._-]?antworten|keine[._-]?antwort"
    r"|niet[._-]?(?:be)?antwoorden|nie[._-]?odpowiada[cć])(?:[._+-].*)?",
    re.IGNORECASE,
)
PROGRAM_ADDRESS = _any(
    r"(?:copier|scanner|scan|printer|mfp|backup|nas|router|daemon|robot|bot|server|news(?:letter)?s?|updates?|marketing|promo(?:tion)?s?|offers?|deals|campaigns?|mailing|notif(?:y|ications?)|quarantine|quarantaene|alarms?|alarm-?(?:anlage|server|zentrale|system)|surveys?|mailmag|edm|alerts?|auto-?(?:confirm|mailer|notify)|automated|system|mailer|digest|bounces?)(?:[._+-][^@]*)?@"
)
"""From such an address hardly anybody writes a letter."""
NOTIFIER_ADDRESS = _any(
    r"(?:notif(?:y|ications?)|alerts|auto-?(?:confirm|mailer|notify)|automated|mailer|copier|scanner|backup|robot|bounces?|root|www-data|apache|nobody)(?:[._+-][^@]*)?@"
)
"""And from such a one nobody."""
MONITOR_SUBJECT = _any(
    r".{0,60}\b(?:monitor|host|service|server|check|node)\b.{0,60}\b(?:down|up|critical|recovered|unreachable)\b"
)
MONITOR_ADDRESS = _any(
    r"(?:nagios|icinga2?|zabbix|zbx|grafana|prometheus|bugzilla|cvs|rss-?feeds?|cron|crond|anacron|logwatch|monit|munin|monitoring|alertmanager|voicemail|asterisk|faxserver|fax2mail|hylafax|fail2ban|apticron|smartd)(?:[._+-][^@]*)?@"
)
_ANSWER = "re|aw|antw|antwort|sv|rv|res|r|odp|vs|vá|ynt|ri|回复|答复|回覆|返信|回信|ответ|отв|απ|atb|bls"
_BEGUN = r"(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]"
ANSWER_SUBJECT = _any(rf"\s*(?:{_ANSWER}){_BEGUN}")
"""How programs begin the subject of an answer."""
ANSWERED_SUBJECT = _any(rf"\s*(?:{_ANSWER}|wg|fw|fwd|tr|enc|i|转发|転送){_BEGUN}")
"""Likewise, or of what is passed on: it is about another mail."""

HAND_MAILER = _any(
    r"\b(?:iphone|ipad) mail\b|\bk-9 mail\b|\bmutt\b|\bneomutt\b|\balpine\b|\bfairemail\b|\bblueMail\b|\bthunderbird for android\b"
)
DESK_MAILER = _any(
    r".{0,120}\b(?:thunderbird|outlook|apple mail|evolution|kmail|claws mail|the bat|roundcube|zimbra|sogo)\b"
)
"""Programs that people write with, and that answer by themselves only when they are told to."""
MACHINE_ADDRESS = _any(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|mail[-_.]?deamon|mailer[-_.]?deamon|post\.?master|microsoftexchange[0-9a-f]+"
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
    r".{0,40}\bhas (?:stopped|blocked|rejected|quarantined) your (?:e-?mail|message)\b",
    r"delivery status notification ?\((?:failure|delay|mail delivery failed)\)",
    r"undelivered mail returned to sender",
    r"mail delivery failed: returning message to sender",
    r"mail system error - returned mail",
    r"returned mail: (?:see transcript|user unknown|host unknown|unable to|delivery|cannot|service|data format|quota)",
    r"warning: could not send message for past",
    r"delivery (?:notification|report)(?: \((?:failure|delay)\)|: delivery has failed)",
    r"(?:failure notice|mail failure\.?)\s*$",
    r"considered unsolicited bulk e-?mail, apparently from you",
    r"\[mailserver notification\]",
    r"scanmail (?:message|notification): |(?:symantec|norton|mcafee|trend micro|sophos|interscan|mailmarshal|kaspersky)\b.{0,60}\b(?:detected|found|blocked|notification)",
    r"mail ?marshal \(rule: ",
    r"(?:warning: )?your (?:e-?mail|message) is delayed",
    r"(?:virus|banned|bad[- ]header)\b.{0,80} (?:in|from|by) (?:mail|message)? ?(?:from )?you\b",
    start=r"\s*",
)
"""Nobody but a mail server begins a subject so."""

BOUNCE_SUBJECT = _any(
    r".{0,40}\bhas (?:stopped|blocked|rejected|quarantined) your (?:e-?mail|message)\b",
    r"undeliver(?:able|ed)\b",
    r"(?:mailbox|storage) (?:is )?(?:full|quota exceeded|over quota)\b|quota exceeded\b",
    r"(?:posting|message) to \S+ (?:failed|rejected|bounced)|(?:anti-?)?virus (?:alert|warning|notification|found|detected)\b(?! for)",
    r".{0,12}(?:送信|送達)(?:でき|が?出来)(?:ません|なかった)",
    r"\[mailserver notification\]",
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
    r"(?:your |the )?(?:e-?mail|message) (?:was |has been )?(?:rejected|refused|blocked|bounced|returned)\b",
    r"mensaje devuelto|messaggio non |mensagem devolvida|uw bericht (?:is|kon) niet|zwrot wiadomości|недоставленное|邮件投递|メールを配送|bounce: ",
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
    r"considered unsolicited|virus .{0,80}in mail from you",
    r"nedoručiteln|kan inte leverera|kan ikke leveres|kunne ikke levere|ei voida toimittaa|toimitus epäonnistui|nem kézbesíthető|nu se poate livra|αδύνατη η παράδοση|не вдалося доставити|неможливо доставити",
    r"(?:ihre |die )?(?:e-?mail|nachricht) (?:konnte|wurde) (?:nicht|abgelehnt|abgewiesen|zurückgewiesen|blockiert)",
    r"votre (?:message|courriel|e-?mail) n['’]a pas",
    r"(?:errore|problema) (?:nella|di) consegna",
    r"niet te bezorgen",
    r"не уда[её]тся доставить",
    r"(?:送信|配信|配達)(?:失敗|エラー)",
    r"(?:메일 )?(?:전송|배달|발송) ?실패|반송",
    r"投递失败|发送失败",
    r"***undeliverable".replace("*", r"\*"),
    start=r"\s*(?:\[[^\]]{0,40}\]\s*)?(?:\*{2,5}\s*)?(?:notice|warning|automatic|attention|aviso|avis|avviso|hinweis|nicht zugestellt)?[:.!]?\s*",
)
POSSESSED = _any(
    r"\b(?:my|mein|meine|meiner|meinen|mijn|mój|moja|moje|mon|ma|mes|meu|minha|mio|mia|mi (?:pedido|paquete|dirección|correo|mensaje))\b(?! (?:mailbox|mail server|inbox|guest list|list|address book)\b)|\bмо[йяеи]\b|我的|私の"
)
"""Somebody speaks of what is theirs; a mail server has nothing."""
WEAK_BOUNCE_SUBJECT = _any(
    r".{0,60}\b(?:undeliver|deliver|delivery|returned|bounce|rejected|quota|failure|failed|not found|unknown|nicht|error|mailbox full)"
)
BOUNCE_OPENING = _any(
    r"hi\W{1,3}this is the [\w-]{1,40} (?:program|system|server|daemon) at\b",
    r"(?:could not|couldn['’]t|cannot|can['’]t|unable to|failed to) (?:be )?(?:deliver|reach) ",
    r"(?:virus|content) (?:alert|checker found)",
    r"delivery of the e-?mail was stopped",
    r"considered (?:to be )?(?:unsolicited|spam)",
    r"zustell(?:ung|fehler).{0,60}(?:fehlgeschlagen|gescheitert|nicht möglich)",
    r"fehler bei der nachrichtenzustellung",
    r"(?:vom mailserver|vom empfangenden server).{0,30}(?:abgewiesen|abgelehnt|zurückgewiesen)",
    r"[eé]chec de la (?:remise|livraison|distribution)",
    r"(?:error|fallo) (?:de|en la) entrega",
    r"falha (?:na|de) entrega",
    r"non può essere (?:consegnat|recapitat|inoltrat)",
    r"(?:errore|problema) (?:nella|di) consegna",
    r"niet gelukt .{0,40}(?:bezorgen|afleveren)",
    r"dostarczanie .{0,60}nie powiodło",
    r"сбой доставки|не удается доставить|не удаётся доставить|доставка .{0,60}не удалась",
    r"(?:投递|传递|发送|递送)(?:邮件)?失败|被退回",
    r"への配信に失敗|(?:送信|配信|配達)(?:に失敗|エラー)",
    r"(?:전송|배달|발송)(?:하지 못|.{0,4}실패|할 수 없)",
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
    r"mailbox (?:is )?(?:full|unavailable|not found|does ?n.t exist|over (?:its )?quota)",
    r"over (?:its )?quota",
    r"(?:e-?mail|message|mail)\b.{0,60}\b(?:you sent|sent by you|from you)\b.{0,80}\b(?:contain(?:s|ed)|infected|virus)|(?:detected|found) (?:a )?(?:virus|sensitive content|prohibited)|recipients? of the message: |action on this mail\b",
    r"宛先に.{0,12}(?:送信|配信)でき",
    r"requested action not taken",
    r"no such user",
    r"user unknown",
    r"unrouteable address",
    r"host .{0,80} said:",
)
UNDELIVERED = _any(
    r"\b(?:has )?(?:stopped|blocked|quarantined) (?:the following|your|a) (?:e-?mail|message)\b",
    r"\bdoručení\b.{0,60}\bselhalo|\bgick inte att leverera|\bkunne ikke leveres|\bei voitu toimittaa|\btoimitus\b.{0,40}\bepäonnistui|\bkézbesít\w*\b.{0,40}\bsikertelen|\bnu a putut fi livrat|\bteslim başarısız|не вдалося доставити",
    r"\b(?:could not|couldn['’]t|cannot|can['’]t|was not|wasn['’]t|were not|has not been|have not been|unable to|failed to|did not|will not be)\b.{0,40}\b(?:deliver(?:ed)?|reach|sent|accept(?:ed)?|relay(?:ed)?|forward(?:ed)?)\b|\b(?:has been|was) (?:rejected|refused|returned|bounced|blocked|stopped by)\b",
    r"\b(?:konnte|kann|können|konnten|wurde|wurden)\b.{0,80}\bnicht.{0,20}\b(?:zugestellt|übermittelt|ausgeliefert|weitergeleitet|angenommen)\b|\b(?:abgewiesen|zurückgewiesen|unzustellbar)|\b(?:e-?mail|nachricht|message|courriel|mensaje|correo|mensagem|messaggio|bericht|wiadomość)\b.{0,80}\b(?:abgelehnt|refusée?|rejetée?|rechazad[oa]|recusad[oa]|rejeitad[oa]|rifiutat[oa]|respint[oa]|geweigerd|odrzucon[ay])\b|(?:письмо|сообщение).{0,60}отклонен|邮件.{0,20}(?:拒收|被拒)|メール.{0,30}拒否",
    r"\bn['’](?:a|ont|est)\b.{0,30}\b(?:remis|distribué|livré|acheminé|envoyé|délivré|reçu)",
    r"\bno (?:se |ha |pudo |puede |fue |han |podido |sido |posible ){0,4}(?:ser )?(?:entreg|enviar|envia)|\bha rechazado su mensaje\b",
    r"\bn[ãa]o (?:p[ôo]de|foi|pode)\b.{0,20}\b(?:entreg|envi)|\bdevolvid[ao]\b",
    r"\bnon (?:può|è stat[oa]|è possibile|si)\b.{0,20}\b(?:consegn|recapit|inoltr)|\bnon recapitat",
    r"\bniet\b.{0,30}\b(?:bezorgd|afgeleverd|bezorgen|afleveren)\b",
    r"\bnie (?:można|udało|mogła|została|zostały|powiodło)\b.{0,30}\b(?:dostarcz|doręcz)",
    r"не (?:было|может|удалось|удается|удаётся|смогли|удаётся)\b.{0,30}достав|не доставлен|недоставл",
    r"(?:无法|未能|不能|没有|未)(?:投递成功|送达|投递|传递|发送)|(?:投递|传递|发送|递送)(?:邮件)?失败|退回|退信",
    r"(?:お届け|配信|送信|配達|配送|転送)(?:する(?:こと)?が?)?.{0,4}(?:でき(?:ません|なかった)|出来ません|失敗|エラー)",
    r"(?:전송|배달|발송)(?:하지 못|.{0,4}실패|할 수 없)",
)
"""Something did not get through; of parcels as well."""
BOUNCE_TEXT = _any(
    r"\bpostfach (?:ist voll|existiert nicht)|\bunbekannter empf|\bempfänger unbekannt|\b(?:adresse|empfänger|konto)\b.{0,60}\b(?:existiert nicht|inconnue)|\b(?:group|list|address|mailbox)\b.{0,40}\b(?:may|does) not exist\b|\bpermission to post\b|\bboîte (?:aux lettres )?(?:inexistante|pleine)|\bla cuenta no existe|\bbuzón lleno|\bcaixa postal cheia|\b(?:usuário|endereço) inexistente",
    r"\bindirizzo (?:inesistente|sconosciuto)|\bcasella .{0,20}piena|\bgebruiker onbekend|\bpostvak .{0,20}vol|\bkonto nie istnieje|\bskrzynka .{0,20}pełna|ящик переполнен|(?:адрес|пользователь|получатель).{0,20}(?:не существует|не найден)|(?:收件人|用户|邮箱).{0,10}(?:不存在|已满)|宛先不明|存在しない|見つから",
    r"\bwaiting in (?:our|the) queue\b|\bdestination is unreachable\b|\bbuzón lleno\b|\breached its (?:size |storage )?(?:limit|quota)|\bspf\b|\bdkim\b|\bdmarc\b|\bgreylist|\bpolicy does not\b|\bmessage size exceeds\b|\bmessage too large\b",
    r"\bcontain(?:s|ed) (?:a |the )?virus\b|\b(?:infected|prohibited) (?:file|attachment)|\baction (?:taken|on this mail)\b|宛先のメールアドレス",
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
    r"\byour (?:web ?site|web ?page|site|page|shop|homepage|(?:contact )?form)\b",
    r"\b(?:i (?:get|got|receive|received|have|tried|try|sent|cannot|can.t|need|want|keep|am getting|wrote|write)|please (?:help|advise)|what (?:now|should|can) |can you|could you|dear (?:team|support|sir)|thank you|thanks|ich (?:habe|bekomme)|j.ai|bitte helfen)\b",
    r"\b(?:que faire|mon (?:colis|mail|message)|mi (?:paquete|pedido|correo)|quiero|vorrei|ho (?:ricevuto|trovato)|minha|quero|mijn|moja|mój|proszę)\b",
    r"\bмо[йяеи]\b|пожалуйста|我(?:寄|的|收|想|发|给)|请告诉|お願い|教えて|聞きました|제가|저는",
)
INTERROGATIVE = re.compile(r"\w[\"')]?[?？](?:\s|$)|？|¿|؟")
"""A question, and not the query of a link."""
RECEIPT_SUBJECT = _any(
    r"(?:(?:not |non |no |n[aã]o |niet |nie |не )?(?:read|gelesen|ungelesen|lu|le[ií]do|lida|letto|gelezen|przeczytano|прочитано)|[已未][读讀]|開封済み)\s?[:：]",
    r"return receipt\b|(?:lese|empfangs)bestätigung\b|(?:accusé|confirmation) de (?:lecture|réception)\b|(?:confirmación|acuse) de (?:lectura|recibo)\b|(?:confirmação|recibo) de leitura\b"
    r"|(?:conferma di lettura|ricevuta di ritorno)\b|(?:lees|ontvangst)bevestiging\b|potwierdzenie (?:przeczytania|odczytu|odbioru|dostarczenia)\b|(?:уведомление|отч[её]т) о (?:прочтении|получении)|(?:已读|阅读)回执|開封(?:確認|通知)",
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
    r"return receipt\s.{0,300}(?:was received by|displayed|read)",
    r"this is a (?:return |read )?receipt for the (?:mail|e-?mail|message)",
    r"dies ist eine (?:lese|empfangs)bestätigung für|(?:ceci est|il s['’]agit d['’]) ?un accusé de (?:réception|lecture) (?:pour|du)|est[oe] es un acuse de recibo|est[ea] é um recibo de leitura|questa è una (?:ricevuta di ritorno|conferma di lettura)"
    r"|dit is een (?:ontvangst|lees)bevestiging (?:voor|van)|to jest potwierdzenie (?:odbioru|dostarczenia|przeczytania|odczytu)|это уведомление о (?:прочтении|получении)|这是.{0,30}(?:已读|阅读)回执|これは.{0,60}開封(?:確認|通知)",
    start=r"\s*",
)
AND_MORE = re.compile(r"[,&+]?\s?(?:and|und|et|y|e|en|i|och|og|и|&|\+)\s+\S", re.IGNORECASE)
"""A subject goes on to another matter."""
_SUBJECT = r"[\"„“«]?[^\"„“”«»]{0,300}[\"“”»]?"
RECALL_TEXT = _any(
    rf".{{2,80}} would like to recall the message, ?{_SUBJECT}\.?|.{{2,80}} möchte die nachricht {_SUBJECT} zurückrufen\.?",
    rf".{{2,80}} (?:souhaite|souhaiterait|voudrait) rappeler le message,? {_SUBJECT}\.?|.{{2,80}} (?:desea|quiere|querría) recuperar el mensaje,? {_SUBJECT}\.?",
    rf".{{2,80}} (?:desidera|vorrebbe) richiamare il messaggio,? {_SUBJECT}\.?|.{{2,80}} (?:wil|wenst) het bericht,? {_SUBJECT} in ?te ?trekken\.?",
    rf".{{2,80}} (?:deseja|gostaria de) (?:recuperar|cancelar) a mensagem,? {_SUBJECT}\.?|.{{2,80}} (?:chce|chciałby|chciałaby) odwołać wiadomość,? {_SUBJECT}\.?|.{{2,80}} (?:хочет|хотел бы) отозвать сообщение,? {_SUBJECT}\.?",
)
SMTP_CODE = re.compile(
    r"(?:^|[\s<(#:\[])[45]\.\d{1,2}\.\d{1,3}\b|(?:^\s{0,8}|[:(<#] {0,2}|smtp |said )(?:4[25]|5[0-7])\d[ -](?=[A-Za-z<#\"'])",
    re.MULTILINE | re.IGNORECASE,
)
RETURNED_HEADER = re.compile(
    r"^(?:> ?|\s{0,8})(?:Return-Path: ?<|Received: (?:from|by|\()|Message-I[dD]: ?<)", re.MULTILINE
)

MAIL_WORDS = _any(
    r"@|\b(?:e-?mails?|messages?|recipients?|mailbox|postmaster|smtp|nachricht|empfänger|destinat[aá]ri[oa]s?|mensaje|mensagem|correo|messaggio|bericht|wiadomo)",
    r"сообщени|письм|邮件|郵件|メール|收件人|宛先",
)
"""A bounce is about mail; errors and failures there are everywhere."""

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
COMPLAINT_SUBJECT = _any(r"\s*complaint about message from \d")
FEEDBACK_SENDER = _any(
    r"(?:staff@hotmail\.com|[^@]*(?:feedback|fbl|complaint|abuse|scomp|arf|jmrp|spam|junk|report)[^@]*@.*|[^@]+@(?:[^@]*\.)?(?:feedback|fbl|abuse|arf)[^@]*)"
)
FEEDBACK_SUBJECT = _any(
    r"(?:abuse|spam|feedback|complaint|junk)[\w /-]{0,30}(?:report|notification|complaint|loop)",
    r"client tos notification",
    r"\bfeedback report\b",
    r"\bFBL\b",
    r"spam(?:cop)?[ :]",
    r"\[spamcop",
)


def has_fields(text: str) -> bool:
    """Whether a text has fields as a form has: one alone anybody may write."""
    return len(FORM_FIELD.findall(text)) > 1
