"""How programs write to people: absences, receipts, notices that nobody shall answer, newsletters.

No header says so here; what gives them away is what several sentences say together, in the languages of mail.
"""

from __future__ import annotations

from supportbot_email.patterns import any_of

AUTO_ADDRESS = any_of(r"(?:auto-?_?(?:reply|replies|responder|response|answer)|vacation)[^@\s]{0,40}@")
AUTO_PROGRAM = any_of(r"\bvacation\b", r"auto-?respon", r"auto-?reply", r"out ?of ?office")
AUTO_SUBJECT = any_of(
    r"(?:\w+!? )?auto(?:matic|matische|mated)?[- ]?(?:re(?:ply|sponse|sponder)|answer|reponse|antwort(?:en)?)\b",
    r"\[?(?:auto-?reply|auto-?response|autoresponder|autoantwort|automatisch antwoord|automatische beantwortung)\b",
    r"out of (?:the )?office \(was:",  # GroupWise
    r"out[- ]of[- ](?:the )?office(?:\s*(?:auto(?:matic)?[ -]?(?:reply|response|answer)?|reply|message|notification|response|notice|:|-|\(|!|$|re:))",
    r"ooo\s*(?::|$|re:|fw:)|this is an? auto(?:mated|matic)(?: (?:reply|response|message|answer|e-?mail))?\b",
    r"(?:i am|i.m|i will be) (?:currently )?(?:out of|away|on (?:vacation|leave|holiday))",
    r"away from (?:my|the) (?:office|mail|desk|e-?mail)",
    r"(?:on )?(?:vacation|holiday)\s*(?:reply|message|notice|response|auto)",
    r"on (?:annual leave|vacation|holiday|maternity leave)\b",
    r"abwesen(?:d|heit)(?:s?(?:notiz|nachricht|meldung|assistent|benachrichtigung|hinweis))?",
    r"abwesenheits",
    r"automatische(?: |-)(?:antwort|r[eé]ponse|nachricht|beantw)",
    r"ich bin (?:zur ?zeit |derzeit |momentan |aktuell )?(?:nicht im|im urlaub|abwesend)",
    r"nicht im (?:b[uü]ro|haus)",
    r"urlaubs?(?:vertretung|meldung|nachricht|benachrichtigung)",
    r"au(?:ß|ss)er haus",
    r"r[eé]ponse automatique",
    r"message automatique",
    r"absen(?:ce|t)\s*(?:du bureau|:|$)",
    r"absence (?:du|de|jusqu)",
    r"notification d.absence",
    r"je suis (?:absent|en (?:cong|vacances))",
    r"(?:respuesta|mensaje) autom[aá]tic[ao]|mensagem autom[aá]tica|messaggio automatico",
    r"auto: out of (?:the )?office",
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
    r"mimo kancel|neprítomnos[tť]|odsutan|odsutnost|izvan ureda|автовідповідь|поза офісом|házon kívül",
    r"absente?(?:\(e\))? (?:du bureau|temporairement)|niet aanwezig\b|ikke på kontoret|în afara biroului|absență|fora de l['’]oficina|kontorist väljas|nav birojā|ne biure|ofis dışı",
    r"εκτός γραφείου|απουσ[ιί]α|מחוץ למשרד|خارج المكتب|ausserhalb des büros|av office",
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
BARE_ABSENCE = any_of(
    r"abwesen(?:d|heit)|absen(?:ce|t)|ausen(?:te|cia)|aus[eê]ncia|assente|assenza|afwezig|nieobecno[sś][cć]"
    r"|fr[aå]nvarande|frånvaro|fravær|poissa(?:olo)?|不在|부재",
    start=r"\s*",
)
"""A subject that parents and colleagues write as well: the text has to say that a program did."""
AUTO_PREFIX = any_of(r"\s*auto(?:matisch|matic|m[aá]tico)?\s*[:：]")
"""What a rule of a mail program may set before a subject, and what a car is called in half of Europe."""
LEGAL = any_of(
    r"\W*(?:confidentiality|disclaimer|legal notice|privileged|privacy notice|notice:|aviso (?:legal|de confiden)|nota legal|avertissement|mentions? légales?|rechtlicher hinweis|vertraulichkeit|hinweis:|avviso (?:legale|di riservatezza)|informativa|klauzula|stopka|vrijwaring|免責|声明)"
)
"""How the paragraph of a firm's lawyer begins."""
AUTO_TEXT = any_of(
    r"\bi(?: am|.m| will be| shall be) (?:currently |presently |now )?(?:out of (?:the |my )?(?:office|town|country)|on (?:annual |maternity |sick |parental )?(?:leave|vacation|holiday)|away (?:from|until|on))",
    r"(?:limited|no|intermittent|sporadic) (?:or no )?access to (?:my )?e-?mail",
    r"your (?:request|ticket|case|message|e-?mail|enquiry|inquiry)\s{0,2}(?:[\[(]?#?[\w-]{1,20}[\])]? )?(?:has been|was) (?:received|created|opened|logged|registered|assigned)",
    r"(?:a|your) (?:support )?(?:ticket|case|request) (?:has been|was) (?:opened|created|logged)",
    r"(?:please )?do not (?:reply|respond) to this (?:e-?mail|message|mail)",
    r"this (?:mailbox|e-?mail address|inbox) is not monitored",
    r"will (?:respond|reply|answer|get back to you|read your) .{0,60}(?:when i return|upon my return|on my return|as soon as (?:i|possible)|when i get back)",
    r"this is an auto(?:mated|matic|matically)",
    r"do not reply to this (?:automat|message|e-?mail)",
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
ACKNOWLEDGED = any_of(
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
AUTO_OPENING = any_of(
    r"this is an? (?:auto(?:mated|matic|matically generated|-?reply|-?response|generated)|vacation)[\w -]{0,40}(?:reply|response|message|e-?mail|notification|acknowledg)",
    r"(?:^|\n)\[?(?:automatic|auto)[- ]?(?:reply|response)\]?\s*[:\n.]",
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
    start=r"(?<![\"'“„‘«])",
)

AWAY = any_of(
    r"\b(?:i|we)(?: am|['’]?m| are|['’]re| will be|['’]ll be| shall be) (?:\w+ ){0,3}(?:out of (?:the |my )?(?:office|town|country)|on (?:\w+ ){0,2}(?:leave|vacation|holidays?|pto|break)|away\b|travell?ing|offline|closed|unavailable|not (?:in the office|available)|off (?:sick|work|until)|out (?:until|from|of)|attending)",
    r"\b(?:is|are) (?:currently |now )?(?:out of (?:the )?office|off sick|on (?:annual|maternity|paternity|parental|sick) leave)|^\W*(?:currently )?out of (?:the )?office\b|\bi work part[- ]time\b",
    r"\bback (?:at my desk|in the office|at work) (?:on|from|by)\b|\bno longer (?:works? (?:for|at|with|here)|with the|employed|part of)\b|\b(?:has|have) left (?!a |the (?:parcel|package))",
    r"\b(?:office|shop|team|company|business)(?:es|s)? (?:is|are|will be|remains?) closed\b",
    r"\b(?:bin|befinde mich|sind|ist|werde)\b.{0,60}\b(?:nicht (?:im (?:büro|haus|dienst)|erreichbar|am platz|anwesend|zu erreichen)|im urlaub|abwesend|außer haus|verreist|erkrankt|(?:in|im) (?:kur|reha|elternzeit|mutterschutz)|auf (?:dienst|geschäfts)?reisen?)\b",
    r"\bwieder (?:da|im büro|erreichbar|für sie da|zu erreichen)\b|\bbetriebs(?:ferien|urlaub)\b|\bnicht mehr (?:bei|für|im unternehmen|in unserem)\b.{0,40}\b(?:tätig|beschäftigt)|\b(?:ist|sind|bleibt|bleiben|haben)\b.{0,60}\bgeschlossen\b|\bnur per e-?mail erreichbar\b",
    r"\b(?:je (?:suis|serai)|nous (?:sommes|serons)|actuellement)\b.{0,30}\b(?:absente?s?|en (?:congés?|vacances|déplacement|arrêt|formation)|indisponible)|\bde retour (?:le|lundi|mardi|mercredi|jeudi|vendredi|à|au)\b|\bne (?:fait|travaille) plus\b|\b(?:est|sont|sera|seront) fermée?s?\b",
    r"\b(?:me encuentro|estoy|estaré|estaremos|estamos)\b.{0,30}\b(?:fuera|ausentes?|de (?:vacaciones|baja|viaje|permiso))\b|\bya no trabaja\b|\bcerrad[ao]s? (?:por vacaciones|del? \d|hasta)\b|\bdisfrut(?:o|amos|ando) de\b",
    r"\b(?:encontro-me|me encontro|estou|estarei|estaremos|estamos)\b.{0,30}\b(?:ausentes?|fora|(?:de|em) f[ée]rias|de licença|em viagem|em gozo|no escritório)\b|\b(?:não|já não) trabalha\b",
    r"\b(?:sono|sarò|siamo|saremo|mi trovo)\b.{0,30}\b(?:assent[ei]|in ferie|fuori (?:ufficio|sede)|in trasferta|in malattia|in maternità)\b|\bchius[oiae] per ferie\b|\bnon lavora più\b|\bdi nuovo in ufficio\b",
    r"\b(?:ben|zijn)\b.{0,40}\b(?:afwezig|niet (?:aanwezig|op kantoor|bereikbaar)|(?:op|met) vakantie|met (?:zwangerschaps|ouderschaps)?verlof|vrij|buiten kantoor|uit de running)\b|\bweer (?:aanwezig|bereikbaar)\b|\bniet (?:meer|langer) werkzaam\b|\bkantoor (?:is|zijn)\b.{0,30}\bgesloten\b",
    r"\b(?:jestem|przebywam|będę|jesteśmy)\b.{0,40}\b(?:na (?:urlopie|zwolnieniu)|poza biurem|nieobecn|w delegacji|niedostępn)|\bnie ma mnie w biurze\b|\b(?:już nie pracuje|nie pracuje już)\b|\bbiuro (?:jest|będzie)\b.{0,30}\b(?:nieczynne|zamknięte)\b",
    r"\b(?:нахожусь|буду|я|сейчас я)\b.{0,25}(?:в (?:отпуск|командировк|декрет)|на больничном|отсутств|вне офиса|нет на месте)|\bбольше не работа|\bне будет в офисе\b",
    r"休假|度假|年假|产假|不在(?:办公室|公司|辦公室)|出差(?:中|期间|期間|，)|外出(?:中|期间|培训|学习|，)|已离职|已離職|放假",
    r"休暇(?:中|を(?:いただ|取))|不在(?:に|と|です|中|の(?:ため|間|期間))|出張(?:中|の|の?ため)|休業|お休みをいただ|席を外|外出し|退職(?:いた|し)",
    r"\b(?:har|tar) semester\b|\bär (?:på semester|inte på kontoret|föräldraledig|tjänstledig|bortrest)|\b(?:er|holder) (?:på ferie|ferie|ikke på kontoret|ude af kontoret|bortreist)|\bolen (?:lomalla|poissa)|\b(?:izindeyim|ofis dışında)|\bjsem (?:na dovolené|mimo)|\bszabadságon\b|\bsunt în concediu\b|휴가 ?중|부재 ?중|출장 ?중",
)
"""Somebody says that they are away, or that a place is closed. People write this too, mostly to ask something."""

PERSON_AWAY = any_of(
    r"\b(?:hallo zusammen|liebe(?:s)? (?:team|leute)|(?:hi|hello|hey|dear) (?:all|everyone|everybody|team|folks)|bonjour à tous|hola a todos|olá a todos|ciao a tutti|hallo (?:allemaal|iedereen)|cześć wszystkim)\b",
    r"\b(?:just (?:wanted|a (?:quick )?(?:note|heads[- ]up)|to let)|let(?:ting)? (?:everyone|everybody|you (?:all|guys)|all of you|y['’]?all)|heads[- ]up|fyi|talk to you|see (?:you|ya)\b|have my (?:cell|pager|mobile|phone)|on my (?:cell|pager)|bother|doctor['’]?s? appointment|pick up the kids)\b",
    r"\b(?:out|away|off|gone|vacation|holidays?|leave|travel\w*)\b.{0,25}\b(?:next (?:week|month|monday|tuesday|wednesday|thursday|friday)|tomorrow|this (?:afternoon|morning|evening)|tonight)\b",
    r"\b(?:nur (?:kurz )?zur info|melde ich mich|bis (?:dann|morgen))\b|\b(?:juste pour|à (?:demain|bientôt)|hasta (?:luego|mañana)|a domani|tot (?:morgen|straks))\b",
)
"""How people tell each other that they will be away; a program tells nobody beforehand."""

AWAY_SUBJECT = any_of(
    r"(?:gone|out) (?:fishing|sailing|hiking)|(?:currently )?(?:(?:on|in) (?:\w+ )?)?(?:leave|vacation|holidays?|pto)\b|(?:closed|away) (?:for|until|from)\b|no longer (?:at|with)\b",
    r"(?:in |im )?(?:eltern(?:zeit)|mutterschutz|urlaub|betriebsferien|dienstreise)\b",
    r"(?:en )?(?:congés?|vacances|déplacement)\b",
    r"(?:de )?(?:vacaciones|baja|permiso)\b",
    r"(?:em |de )?f[ée]rias\b|de licença\b",
    r"(?:sono )?(?:in )?(?:ferie|maternità|trasferta)\b|chiusura\b|(?:estoy|je suis|ik ben|jestem|estou|jag har|jeg holder) (?:de|en|in|op|na|em)? ?(?:vacaciones|vacances|congés?|vakantie|urlopie|f[ée]rias|semester|ferie)\b|semester\b",
    r"(?:op |met )?(?:vakantie|verlof)\b",
    r"(?:na )?urlop(?:ie)?\b|delegacja\b",
    r"(?:в )?отпуске?\b|командировк",
    r"休假|出差|度假|外出",
    r"休暇|不在|出張|休業|夏季休|年末年始",
    r"[^:：]{2,40} (?:is out of (?:the )?office|ist (?:außer haus|nicht im (?:büro|haus)|abwesend)|est absente?|está ausente|è assente|is afwezig|jest nieobecn\w)\b",
    start=r"\s*(?:(?:re|aw|sv|antw|odp|res|r|回复|答复)\s*[:：]\s*)?[\[(*【]{0,3}\s*",
)

AWAY_SUFFIX = any_of(
    r"[(\[](?:abwesen|out of (?:the )?office|automatic|auto-?reply|absence|absen|urlaub|fuera|ausen|fuori|assen|afwezig|nieobecn)[^)\]]{0,40}[)\]]\s*$"
)

GOODS = any_of(
    r"\b(?:parcels?|packages?|courier|driver|tracking|customs|dhl|ups|fedex|gls|dpd|hermes|pakete?s?|sendung|klingel|paketbote|colis|livreur|suivi|paquetes?|seguimiento|mensajero|encomendas?|rastreio|pacc(?:o|hi)|corriere|spedizione|pakket\w*|koerier|paczk\w*|kurier\w*)\b|посылк|курьер|приложени|包裹|快递|荷物|追跡|宅配"
)
"""What is delivered to doors, and not to mailboxes."""
URGENT = any_of(
    r"\burgen[tczc]|\bemergenc|\bimmediate (?:assistance|attention|help)|\bin my absence|\bcan['’]?t wait|\bcannot wait|\bdringend|\beil(?:ig|t)\b|\bim notfall|\bvertret|\burgência|\bspoed|\bpiln(?:ych|e|a)\b|\bnagłych|срочн|紧急|緊急|急事|急需|急ぎ|급한|긴급|\bakut|\bbrådskand|\bhaste[rd]?\b|\bacil\b|\bsürgős|\bnaléhav|\bkiireelli|\ben cas de besoin\b"
)
INSTEAD = any_of(
    r"\bplease (?:contact|direct|address|e-?mail|call|write to|speak to|reach out|resend|send (?:your|all))\b(?! (?:me|us)\b)|\bfor (?:help|assistance|all|any)\b.{0,40}\b(?:contact|write|call|e-?mail)\b|\bmy colleagues?\b|\bcall\b.{0,30}\d{4}"
    r"|\bwenden sie sich\b|\bmeine? (?:kolleg|vertret)|\b(?:veuillez|merci de) (?:contacter|vous adresser|adresser)|\bjoignez\b|\bcontacter m\w*\b|\bmon collègue|\bma collègue|\bpueden? (?:contactar|escribir|dirigirse)|\bmi compañer[oa]|\bescrib[ae] a\b"
    r"|\b(?:contacte|contactar|contacter|contattare|kontaktujte|kontakta)\b(?! (?:conmigo|comigo|moi|me|mig)\b)|\bpotete (?:scrivere|contattare|rivolgervi)|\brivolgersi\b|\bfale com\b|\bprocure [oa]\b|\b(?:o meu|a minha|il mio|la mia|mijn) (?:colega|collega)|\bcontact op(?:nemen)? met\b|\bproszę o kontakt z\b|\bzastępuje\b"
    r"|обра(?:щайтесь|титесь|щаться)|\bпишите\b|замеща|\bколлег|联系(?!电话)|同事|代理|までお願い|までご連絡|연락|\biletişime\b|\bring til\b|\bgelezen door\b"
)
"""Whom to turn to instead."""
NUMBER = any_of(r"(?:\+|\b0)\d[\d ()./-]{6,20}\d", r"\b\d{2,4}(?:[ -]\d{2,4}){2,4}\b")
UNREAD = any_of(
    r"\b(?:will|won['’]?t|shall|cannot|can['’]?t|not)\b.{0,40}\b(?:read|check|answer|respond|reply|deal with|get back)\w*\b.{0,60}\b(?:return|e-?mails?|messages?|inbox|when|upon|possible|working day|reopen)\b|\b(?:respond|reply|answer) (?:on|upon|after) my return\b|\bnot (?:be |been )?(?:forwarded|monitored|being read)\b|\b(?:limited|no|intermittent|sporadic|irregular|restricted|little)\b.{0,20}\b(?:access|time)\b.{0,20}\be-?mail|\bdelay in my reply\b|\bwill (?:reply|respond|answer) when (?:i(?:['’]m| am)? )?(?:back|return)\b|\bwhen we reopen\b|\b(?:typically|usually|normally) (?:repl(?:y|ies)|responds?)\b",
    r"\b(?:will|shall) read it (?:then|when|on|later)\b|\bin my inbox\b|\bcheck (?:my )?(?:mail|e-?mail) (?:twice|once|only)\b|\ba la vuelta\b|\bbearbeitet\b",
    r"\bnicht (?:weitergeleitet|gelesen)\b|\b(?:e-?mails?|nachricht(?:en)?)\b.{0,40}\b(?:lese|beantworte|unregelmäßig|nur)\b|\b(?:lese|beantworte)\b.{0,40}\b(?:e-?mails?|nachricht)|\bnach meiner rückkehr\b|\bkeinen zugriff\b|\bbeantwortung kann\b",
    r"\bpas (?:transféré|transmis|redirigé)|\b(?:prendrai connaissance|vous répondrai|répondrai à|traiterons votre)\b|\b(?:consulte|consulterai)\b.{0,20}\b(?:peu|mails?|messagerie)|\b(?:à|a) (?:mon retour|la réouverture)\b|\baccès (?:limité|restreint)",
    r"\b(?:contestaré|responderé|leeré)\b|\ba mi (?:vuelta|regreso)\b|\b(?:no tendré|sin) acceso\b|\bno será reenviad",
    r"\bsem acesso\b|\b(?:responderei|não est\w+ a ser reencaminhad)|\bno meu regresso\b",
    r"\bleggerò\b|\bal mio (?:rientro|ritorno)\b|\brisponderò\b|\bsenza accesso\b|\brisponderemo alla\b",
    r"\bniet (?:doorge(?:stuurd|zonden)|gelezen)|\blees\b.{0,20}\bmail\b.{0,10}\bniet\b|\bbij (?:mijn )?terugkeer\b|\bmail wordt gelezen\b|\breageer ik\b",
    r"\bpo powrocie\b|\bnie mam dostępu do poczty\b|\bnie będzie przekazan",
    r"доступ к почте|отвечу (?:после|\d|по возвращ)|(?:прочитаю|отвечу).{0,20}(?:после|когда)|\bпосле возвращения\b",
    r"(?:后|再)(?:会)?(?:尽快)?回复|(?:无法|不便|不能)(?:及时|亲自)?.{0,8}(?:邮件|回复)|邮件不便|尽快(?:给您)?回复|不会(?:被)?转发",
    r"(?:以降|順次|戻り次第|後日).{0,12}(?:返信|対応|連絡|回答)|(?:確認|返信)が(?:遅|でき)|転送され",
    r"\blæser ikke\b|\bläser inte\b|\bläses inte\b|\b(?:bliver|blir) ikke læst\b|\bleses ikke\b",
)
"""When the mail is read, or that nobody reads it."""
RETURNS = any_of(
    r"\b(?:until|till|through|back|return(?:ing)?|reopen)\b.{0,25}(?:\d|monday|tuesday|wednesday|thursday|friday|january|february|march|april|may|june|july|august|september|october|november|december|further notice)",
    r"\b(?:bis|ab|am|vom)\b.{0,15}\d{1,2}\.|\bjusqu['’]au\b|\bdu \d.{0,20} au \d|\b(?:hasta (?:el|nuevo)|del? \d.{0,10} al \d)|\baté (?:dia|ao|o|\d)|\bregress[ao]\b|\bretorno (?:no|em|dia)\b|\bfino al\b|\bdal \d.{0,20} al \d|\bt/?m\b|\btot (?:en met|\d)|\bdo (?:dnia )?\d|\bdniach \d|\bдо \d|月\d{1,2}日|\btill och med\b|\btilbage\b.{0,20}\d|\bdo \d{1,2}\.|\d{1,2}일까지|'[ae] kadar\b",
)
"""Until when."""
THANKS_FOR_MAIL = any_of(
    r"\b(?:thank you|thanks|many thanks) for (?:your (?:e-?mail|message|mail|note)|contacting|reaching|getting in touch|writing)|\b(?:vielen dank|danke|dank) für ihre (?:e-?mail|nachricht|mail|anfrage)|\bmerci (?:pour|de) (?:votre (?:message|mail|e-?mail|courriel)|nous avoir contact)|\bgracias por (?:su|tu) (?:mensaje|correo|e-?mail)|\bobrigad[oa] (?:pela sua mensagem|pelo seu (?:contact?o|e-?mail))|\bgrazie per (?:il (?:suo|tuo) messaggio|la (?:sua|tua) (?:e-?mail|mail))|\b(?:bedankt|dank) voor (?:uw|je) (?:bericht|e-?mail|mail)|\bdziękuj(?:ę|emy) za (?:wiadomość|maila|kontakt)|спасибо за (?:ваше )?(?:письмо|сообщение|обращение)|来信已收到|感谢(?:您的)?(?:来信|邮件)|メールをいただき|いただいたメール|\btak for din\b|\btack för ditt\b"
)
MATTERS = any_of(
    r"\b(?:orders?|parcels?|packages?|shipments?|deliver(?:y|ed|ies)?|invoices?|refunds?|vouchers?|quote|bestellung\w*|paket\w*|sendung|lieferung|liefer\w*|rechnung\w*|colis|commande\w*|anliefer\w*|livraison|livreur|facture\w*|pedidos?|paquetes?|entregas?|facturas?|encomendas?|entrega|faturas?|ordin[ei]|pacco|consegna|fattura|pakket\w*|bestelling\w*|bezorg\w*|factu\w+|paczk\w*|zamówieni\w*|dostaw\w*|faktur\w*|monter|técnico)\b|заказ|посылк|доставк|мастер|订单|包裹|快递|师傅|注文|荷物|配達|届け"
)
"""What customers write about and a program that answers for somebody does not."""

_MATTER = (
    r"(?:requests?|tickets?|cases?|incidents?|messages?|e-?mails?|enquir(?:y|ies)|inquir(?:y|ies)|quer(?:y|ies)|submission|application|feedback"
    r"|anfrage|nachricht|mitteilung|anliegen|meldung|bewerbung|vorgang|demande|message|requête|candidature|consulta|solicitud|petición|mensaje|correo|caso|solicitação|mensagem|pedido|chamado|richiesta|segnalazione|messaggio"
    r"|vraag|melding|aanvraag|bericht|zgłoszeni[ea]|wiadomość|zapytani[ea]|обращение|заявк[ау]|запрос|письмо|сообщение|ärende|henvendelse|požadavek|talebiniz)"
)
_STATE = (
    r"(?:received|created|opened|logged|registered|assigned|queued|submitted|closed|resolved|raised|updated|got|erhalten|eingegangen|erfasst|entgegengenommen|registriert|angelegt|geschlossen|gelandet|aufgenommen|reçue?|enregistrée?|prise? en compte|créée?|clôturée?"
    r"|recibid[oa]|recibido|registrad[oa]|cread[oa]|generado|cerrad[oa]|recebemos|recebid[oa]|criad[oa]|abert[oa]|ricevut[oa]|registrat[oa]|pres[ao] in carico|creat[oa]|chius[oa]|ontvangen|geregistreerd|aangemaakt|gesloten"
    r"|zarejestrowan[eao]|przyjęt[eao]|otrzyman[eao]|otrzymaliśmy|utworzon[eao]|utworzyliśmy|зарегистрирован[оа]?|принят[оа]?|получен[оа]?|получили|создан[оа]?|закрыт[оа]?|mottagit|modtaget|přijali|alındı|oluşturuldu)"
)
FILED = any_of(rf"\b{_MATTER}\b.{{0,60}}\b{_STATE}\b", rf"\b{_STATE}\b.{{0,30}}\b{_MATTER}\b")
"""A matter and what became of it, in either order: also what people write of theirs."""
READER = any_of(
    r"\byour (?:\w+ )?(?:teams?|colleagues?|support|staff|company|shop|technicians?|driver)\b(?!\W*$)|\bihr(?:e|em|er)? (?:team|kolleg\w+|mitarbeiter\w*|fahrer)|\bvotre (?:équipe|collègue|livreur)|\bvos (?:collègues|services)|\bsu (?:equipo|compañer\w)|\b(?:vostro|suo) (?:team|collega)|\buw (?:team|collega)|\bваш(?:а|и)? (?:команда|коллег\w+|сотрудник\w*)"
)
"""The reader's people: whom a customer speaks of, and no program of theirs."""
MAY_BE = any_of(
    r"\b(?:can|could|should|must|may|might|let us|kann|könnte|soll|muss|peut|doit|puede|pode|può|kan|moet|może)\b.{0,20}\b(?:be|werden|être|ser|essere|worden|być)?"
)
DESK_STAFF = any_of(
    r"\b(?:agents?|representatives?|support (?:staff|team)|our (?:team|staff|agents|experts|customers)|(?:someone|member) (?:from|of|will)|a member of|consultant|advisor|mitarbeiter\w*|unser(?:e[mn]?)? (?:team|support)|kundenservice|conseill(?:er|ère)|notre équipe|nos équipes|nuestro equipo|un agente|nossa equipe|atendente|operatore|nostro team|medewerker\w*|konsultant\w*|специалист|оператор|менеджер)\b|客服|工程师|担当者"
)
WITHIN = any_of(
    r"\b(?:werktage?n?|working days?|business days?|jours ouvr\w+|días hábiles|dias úteis|giorni lavorativi|werkdagen|dni robocz\w+)\b|рабочих дн",
    r"\b(?:\d+|one|two|three|24/7)\s?(?:-\s?\d+ )?(?:business |working |ouvrées? )?(?:hours?|days?|h|stunden|(?:werk|arbeits)?tage[n]?|heures?|jours?|horas?|días?|dias?|ore|giorni|uur|(?:werk)?dagen|godzin\w*|dni|час\w*|дн\w*|timmar|timer|dagar|dage)\b|\d\s?(?:小时|天|个工作日|営業日|時間)",
)
COMPLAINS = any_of(
    r"\b(?:but|still|yet|nothing|nobody|never|again|aber|noch|nichts|niemand|mais|toujours|rien|personne|pero|todavía|nada|mas|ainda|ma|ancora|niente|maar|nog|niets|ale|nadal|nikt|но|ещё|ничего|снова)\b|但|还|還|まだ|しかし"
)
"""What the ones that were answered so write back."""

ENCLOSES = any_of(
    r"\b(?:attached|attachment|enclosed|anbei|anhang|beiliegend|ci-joint\w*|adjunt\w*|anex[ao]\w*|allegat\w*|bijlage|bijgaand|załącz\w*|bifogat|vedlagt)\b|во вложении|прилага|附件|添付"
)
"""Something comes with it, which a receipt never has."""

RECEIVED = any_of(
    r"\bconfirm(?:s|ing)? (?:the )?receipt of your\b|\bist bei uns eingegangen\b",
    r"\b(?:we|i)(?:['’]ve| have)? (?:\w+ ){0,2}(?:received|got|logged|registered) (?:your|the) (?:\w+ ){0,2}(?:e-?mail|message|request|enquiry|inquiry|ticket|case|query|submission|feedback|application|documents|form)\b",
    r"\byour (?:\w+ ){0,2}(?:request|ticket|case|message|e-?mail|enquiry|inquiry|query)\b.{0,40}\b(?:has been|was|is) (?:\w+ )?(?:received|created|opened|logged|registered|assigned|queued|submitted)",
    r"\b(?:ticket|case|request) (?:has been|was) (?:opened|created|logged|assigned|raised)\b|\bcreation of a \w* ?ticket\b|\backnowledg(?:e|ing|ement)\b.{0,40}\b(?:received|receipt)\b",
    r"\bihre? (?:anfrage|nachricht|e-?mail|mitteilung|anliegen|meldung|bewerbung)\b[^.!?]{0,60}\b(?:erhalten|eingegangen|erfasst|entgegengenommen|registriert|angelegt)\b|\bhaben ihre? (?!angebot|ware|lieferung|sendung|paket|rechnung|zahlung|auftragsbestätigung|muster).{0,30}\berhalten\b|\beingangsbestätigung\b",
    r"\bavons bien reçu\b|\bbien été (?:reçue?|enregistrée?|prise? en compte)\b|\baccusé de réception\b",
    r"\b(?:hemos recibido|se ha (?:recibido|registrado|creado)|ha sido (?:recibid|registrad)[oa])\b.{0,30}\b(?:consulta|mensaje|solicitud|correo|petición|ticket|caso)\b|\b(?:consulta|solicitud|petición) (?:ha sido|se ha) (?:recibid|registrad)",
    r"\brecebemos (?:a |o )?(?:su?a|seu|tua|teu) (?:solicita|mensagem|contact?o|e-?mail|pedido de)|\b(?:solicitação|mensagem|pedido|chamado) foi (?:registrad|recebid|criad|abert)",
    r"\babbiamo ricevuto (?:la|il) (?:tu|su|vostr)[oa] (?:richiesta|messaggio|e-?mail|mail|segnalazione)|\b(?:richiesta|segnalazione) è stata (?:ricevuta|registrata|presa)",
    r"\b(?:hebben|is)\b.{0,40}\b(?:vraag|bericht|e-?mail|aanvraag|melding)\b.{0,40}\b(?:ontvangen|geregistreerd)|\bontvangstbevestiging\b",
    r"\b(?:zgłoszenie|wiadomość|zapytanie)\b.{0,20}\bzosta(?:ło|ła)\b.{0,20}\b(?:zarejestrowan|przyjęt|otrzyman)|\botrzymaliśmy (?:twoj|państ)|\bpotwierdz(?:enie|amy) (?:otrzymani|przyjęci|odbi)",
    r"(?:обращение|запрос|заявка|письмо|сообщение).{0,30}(?:зарегистрирован|принят|получен)|\bмы получили ваш",
    r"(?:工单|问题|请求|咨询|申请).{0,15}已(?:收到|创建|提交|受理|登记|关闭|解决)|已收到(?:您|你|贵)|来信已收到|您的(?:工单|邮件|问题|请求|来信|咨询)已(?:收到|创建|提交|受理|登记)|工单(?:编号)?已?(?:创建|[:：#]?\d)",
    r"(?:受け付け|受付)(?:いたし|致し|しまし|けました|完了|を完了)|お問い?合わせ(?:を|いただき)?.{0,10}(?:承り|ありがとう|受け)",
    r"\bhar (?:mottagit|modtaget|mottatt) (?:ditt|din|dit)\b|\bvastaanot(?:ettu|imme)\b|\bpřijali jsme\b|\btalebiniz (?:alın|oluştur)|문의(?:가|를)? ?(?:접수|받았)",
)
"""We have got your message."""

WILL_ANSWER = any_of(
    r"\bwill be (?:processed|reviewed|handled|answered|dealt with)\b|\baim to (?:reply|respond|answer)\b|\byou['’]ll (?:get|receive|hear)\b|\bwird bearbeitet\b",
    r"\bwill (?:\w+ ){0,2}(?:get back|respond|reply|answer|be in touch|contact you|review|reach out)|\bread(?:ing)? my (?:e-?mail|mail)|\b(?:typically|usually|normally) (?:repl(?:y|ies)|responds?|answers?)|\b(?:is|are) being reviewed\b|\bwe(?:['’]re| are) on it\b|\bas soon as (?:we can|possible)\b|\bno need to reply\b|\blonger than usual\b",
    r"\b(?:werden|wird|wir)\b.{0,80}\b(?:bearbeite[nt]?|melden|antworten|kümmern|beantworte[nt]?)\b|\bfür eine antwort\b|\b(?:bearbeitung|beantwortung)\b.{0,60}\bdauern\b|\bschnellstmöglich\b|\bso (?:schnell|bald|rasch) wie möglich\b",
    r"\b(?:répondrons|reviendrons vers|recontacter|traiterons)|\bdans les (?:meilleurs|plus brefs) délais\b",
    r"\b(?:responderemos|contestaremos|nos pondremos en contacto)\b|\b(?:lo antes|a la mayor brevedad) posible\b|\ben un plazo\b",
    r"\b(?:entrar(?:á|emos) em contat|responderemos|retornaremos)|\bem breve\b|\bbrevemente\b",
    r"\b(?:risponderemo|ricontatteremo|prima possibile|al più presto)\b",
    r"\b(?:binnen \d+ (?:werk)?dagen|zo (?:snel|spoedig) mogelijk|streven ernaar|nemen .{0,30}contact)\b",
    r"\b(?:odpowiemy|skontaktujemy|udzielimy|jak najszybciej|rozpatrz)",
    r"\bответим\b|\bсвяжемся\b|в течение \d+|в ближайшее время",
    r"(?:尽快|小时内|工作日内).{0,12}(?:回复|联系|处理|答复)|与您联系",
    r"(?:ご連絡|ご返信|ご?回答|返答)(?:いたし|させて|致し|差し上げ|申し上げ)|営業日以内",
)
"""Somebody else will answer, later."""

THANKED = any_of(
    r"\b(?:thank you|thanks) for (?:your (?:e-?mail|message|enquiry|inquiry|request|interest)|using our (?:contact |web )?form|contacting|writing|reaching|getting in touch|submitting|filling (?:out|in))",
    r"\b(?:vielen dank|danke)(?: für (?:ihre|deine)|, dass (?:sie|du))|\bmerci (?:pour|de|d['’]) ?(?:votre|nous avoir|avoir)|\bgracias por (?:su|tu|contactar|escribir|rellenar|completar)|\bobrigad[oa] (?:pela|pelo|por)|\bgrazie (?:per|di)\b|\b(?:bedankt|dank) voor\b|\bdziękujemy za\b|\bспасибо за\b|感谢您|谢谢您|ありがとうございま",
)
TICKET = any_of(
    r"[#№]\s?[A-Z]{0,5}-?\d{3,}",
    r"[\[(【（](?:[\w .:-]{0,30}[#№º° ])?\s?#?[A-Z]{0,5}-?\d{3,}[\])】）]",
    r"\b(?:ticket|case|request|reference|anfrage|vorgang|caso|zaak|protocolo|id|n[º°o]|nr)\W{0,3}(?:id|number|nummer|no|nr)?(?: is)?\W{0,4}[A-Z]{0,5}-?\d{3,}",
    r"(?:ticketnummer|numerem|numero|номером|№|工单编号|受付番号|番号)\W{0,6}(?:\w{1,12} )?\d{3,}",
)
"""A number under which a help desk keeps a matter."""
DESK = any_of(
    r"\bquote (?:it|this (?:number|reference)|the (?:number|reference))\b|\b(?:reply|response|answer) above this line\b|\badd (?:additional )?comments?,? (?:please )?(?:reply|visit)|\bhow would you rate\b|\bsatisfaction (?:survey|rating)\b|\bpowered by (?:zendesk|freshdesk|jira|intercom|help ?scout|hubspot|zoho|front|gorgias|kayako|osticket|zammad|otrs)\b|\bdelivered by zendesk\b|\bservice from .{1,60} delivered by\b|\bturn off this request['’]s notifications\b|\bview (?:the )?(?:request|ticket)\b|\bstatus of (?:the|your) (?:ticket|request|case)\b"
)
"""What help desks' programs print around every message, a person's too."""
SURVEY = any_of(
    r"\bhow would you rate (?:the|our|your)\b|\b(?:rate|about) (?:the|our) (?:support|customer service|service)\b.{0,80}\b(?:received|click|link)|\bgood, i['’]m satisfied\b|\bbad, i['’]m unsatisfied\b|\bwie zufrieden (?:waren|sind) sie\b|\bcomment évaluez-vous\b|\bcómo (?:valoraría|calificaría)\b|\bcome valut(?:a|eresti)\b|\bhoe tevreden\b"
)

AUTOMATIC = any_of(
    r"\bthis (?:e-?mail|message|mail|notification|is an?|has been|was)\b.{0,80}\b(?:auto(?:mated|matic|matically)?|system)[- ]?(?:generated|sent|message|e-?mail|notification|reply|response|acknowledg|created|mail)?\b(?<!this)",
    r"\b(?:system|automatically|auto|computer)[- ]generated (?:e-?mail|message|notification|mail|response)|\b(?:generated|sent|created) automatically\b",
    r"\bautomatisch (?:generiert|erzeugt|erstellt|versendet|versandt|verschickt|gegenereerd|verzonden|verstuurd|aangemaakt)|\bautomatisch (?:generierte|erzeugte|erstellte|versendete|gegenereerd)[a-z]* (?:e-?mail|nachricht|mail|mitteilung|bericht)",
    r"\b(?:dies|dieses|diese (?:e-?mail|nachricht))\b.{0,40}\bautomatisch",
    r"\b(?:ceci est|cet? (?:message|e-?mail|courriel)|est un (?:message|accusé))\b.{0,60}\bautomatique(?:ment)?\b|\b(?:généré|envoyé)e? (?:automatiquement|par (?:un|le|notre) (?:système|automate|robot))\b",
    r"\best[ea] (?:es un|mensaje|correo|e-?mail)?.{0,40}\bautomátic[oa]|\b(?:generad|enviad)[oa] (?:(?:de forma )?automátic|(?:por|pelo) (?:el |nuestro |nosso |o )?sistema\b)",
    r"\best[ea] (?:é|e-?mail|mensagem|é um|é uma)\b.{0,40}\bautomátic[oa]|\b(?:gerad|enviad)[oa] automaticamente\b",
    r"\bquest[oa] (?:è|messaggio|e-?mail|mail)\b.{0,40}\bautomatic[oa]|\b(?:generat|inviat)[oa] (?:automaticamente|dal (?:nostro )?sistema)\b",
    r"\b(?:vom|von (?:einem|unserem)|durch (?:das|ein|unser)) (?:system|automaten) (?:erzeugt|generiert|erstellt|versandt|verschickt|gesendet)|\b(?:verzonden|verstuurd|gegenereerd) door (?:een|het|ons) systeem\b|\bdit (?:is een|bericht)\b.{0,40}\bautomatisch",
    r"\b(?:wygenerowan|wysłan)\w{1,2} (?:automatycznie|przez (?:nasz )?(?:system|automat|robota))|\bautomatycznie (?:wygenerowan|wysłan)|\bwiadomość automatyczn|\bto jest automatyczn",
    r"(?:сформирован|создан|отправлен|сгенерирован|выслан)\w{0,2} автоматически|автоматически (?:сформ|созда|отправ|сгенер|высл)|это автоматическ",
    r"系统(?:自动)?(?:发送|发出|生成)|系统(?:邮件|消息)[，,。]|系統(?:自動)?(?:發送|發出|產生)|自动(?:发送|发出|生成|回复邮件)|請勿回覆|请勿(?:直接)?回复",
    r"自動(?:送信|返信|配信|的に送信)|送信専用|配信専用|(?:자동(?:으로)? ?(?:발송|전송|생성)|발신 ?전용)|\bautomati(?:skt|sk) (?:genere|sk[ai]ck|send|opprett|oprett|udsend)|\b(?:luotu|lähetetty) automaattisesti\b|\bautomaticky (?:vy)?(?:gener|odesl|vytvo)|\botomatik olarak (?:gönder|oluştur)|\bautomatikusan (?:gener|küld)|\bgenerat automat\b",
    r"\bthis (?:e-?mail|message|notification) (?:was|is|has been) (?:sent|generated)\b.{0,90}\b(?:plug-?in|add-?on|extension)\b|\bdiese (?:e-?mail|nachricht) wurde\b.{0,90}\bplug-?in\b|\bcet e-?mail a été envoyé\b.{0,90}\b(?:extension|plug-?in)\b|\b(?:este correo|questa e-?mail|este e-?mail|deze e-?mail|ta wiadomość)\b.{0,120}\b(?:plug-?in|extensión|wtyczk\w+)\b",
    start=r"(?<![\"'“„‘«])",
)
"""A program says of this very message that it wrote it."""
DO_NOT_ANSWER = any_of(
    r"\b(?:do not|don['’]t) (?:reply|respond|answer) (?:directly )?(?:to )?(?:this|the) (?:e-?mail|message|mail|address|notification)|\bplease (?:do not|don['’]t) (?:reply|respond)\b|\brepl(?:y|ies)\b.{0,30}\b(?:are|is|will) not (?:be )?(?:monitored|read)|\b(?:mailbox|address|inbox|account)\b.{0,30}\b(?:is not|isn['’]t) monitored|\bunmonitored\b|\bwill not receive (?:any )?repl|\bdo not reply (?:directly )?to\b|\bcannot (?:accept|receive) (?:incoming|replies)|\bnotification-only\b|\bunattended (?:mailbox|inbox|e-?mail|address|account)\b|\b(?:are|is) neither (?:read|monitored|answered|stored) nor\b|\bno need to reply to this\b",
    r"\bantworten sie (?:bitte )?nicht (?:auf|direkt|darauf)|\bnicht auf diese (?:e-?mail|nachricht|mail)|\bantworten (?:können|werden) nicht\b|\bnur für den versand\b|\b(?:mailbox|postfach|adresse)\b.{0,40}\bnicht (?:gelesen|überwacht|bearbeitet)",
    r"\bne (?:pas )?(?:y )?répond(?:re|ez)(?: pas)?\b|\bne pouvez pas (?:y )?répondre\b|\b(?:auf|antwort auf) diese (?:e-?mail|nachricht)\b.{0,20}\b(?:kann nicht|können (?:sie )?nicht|ist nicht möglich)|\b(?:cannot|can['’]t|can not|not possible to) (?:reply|respond) to this\b",
    r"\bno (?:l[oa] )?(?:responda|conteste|respondas|contestes|responder)\b|\bno (?:es posible|se puede|puede|puedes) responder\b",
    r"\bn[ãa]o (?:responda|responder)\b|\bnão (?:é (?:necessário|possível)|pode) responder\b",
    r"\bnon (?:rispondere|rispondete|risponda)\b|\bnon è possibile rispondere\b",
    r"\bniet (?:op|te) (?:dit bericht|deze e-?mail|reageren|antwoorden)\b|\b(?:kunt|kan|kun je|kunt u) niet (?:reageren|antwoorden|beantwoord)|\bkan niet worden (?:beantwoord|gelezen)|\bhoeft niet\b.{0,30}\breageren\b",
    r"\bnie odpowiada(?:j|jcie|ć)\b|\bnieodpowiadanie\b|\bsvara (?:inte|ej) på\b|\bkan (?:inte|ikke) besvar|\bikke (?:svar|besvar)\b|\bneodpovídejte\b|\byanıtlamayın|\bne válaszoljon\b|\bälä(?:kää)? vastaa\b|회신(?:하지|되지|이 불가|은 불가)",
    r"не (?:(?:нужно|надо|следует) )?отвеча(?:йте|ть)|отвечать на (?:него|это).{0,12}не",
    r"(?:请勿|勿|无需|不要)(?:直接)?回[复覆]",
    r"返信(?:され|いただい|し)ても.{0,10}(?:届き|お答え|対応)|(?:ご)?返信(?:いただい|され|を?いただ)?.{0,14}(?:できません|お答え|不要|ご遠慮)",
    r"\bno (?:further |other )?action (?:is|from you is) (?:required|needed|necessary) (?:from you|on your (?:part|side|end)|by you)\b|\b(?:sie müssen nichts (?:weiter )?(?:tun|unternehmen)|es ist keine (?:weitere )?aktion (?:von ihnen )?erforderlich)\b|\baucune (?:autre )?action (?:de votre part )?n['’]est (?:requise|nécessaire)\b|\bno (?:es necesario|tiene) que (?:realice|hacer) (?:ninguna acción|nada)\b",
)
FIRST_PERSON = any_of(
    r"\b(?:i|my(?! (?:subscriptions?|account|preferences|profile)\b)|ich|mein|meine|meiner|meinen|mir|je|mon(?= (?!(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|to|thru|through|and)\b)[^\W\d])|yo|eu|meu|minha|io|mio|ik|mijn|mój|moja)\b|\bj['’]|\bя\b|\bмо[йяеи]\b|我(?!们)|私"
)
"""Somebody speaks of themselves; a program's "we" is nobody."""

OF_MAIL = any_of(
    r"\b(?:e-?mails?|messages?|mails?|notifications?|replies|nachricht|mitteilung|benachrichtigung|courriel|réponse|mensaje|correo|respuesta|mensagem|resposta|messaggio|risposta|bericht|antwoord|wiadomość|meddelande|melding|besked|viesti|zpráv\w|ileti|üzenet|mesaj\w*|e-?post\w*)\b|письм|сообщ|邮件|郵件|メール|消息|메일|메시지",
    r"^\W*(?:this is|this was|this has|dies ist|das ist|ceci est|esto es|éste? es|isto é|questo è|dit is|to jest|это|本|此|系统)",
)
NOT_OF_THIS = any_of(
    r"\b(?:footers?|disclaimers?|letterhead|stationery)\b|\bfu(?:ß|ss)zeile|\bpied de page|\bpie de (?:página|correo|mensaje)|\brodapé|\bpiè di pagina|\bvoettekst|\bstopk[aię]|\bpodpis|подпис|колонтитул|签名|署名|フッター|\bservice (?:of (?:documents|process|proceedings)|by (?:e-?mail|fax))\b|, ?(?:but|aber|mais|pero|mas|ma|maar|ale|но|а|obwohl|although|though)\s|，但|\bto the (?:old|wrong|other)\b|\ban die (?:alte|falsche|andere)\b|\b(?:a|à) (?:otra|une autre|outra|un['’]altra) (?:persona|personne|pessoa|adresse)\b|\b(?:it|he|she|confirmation|mail) says\b|\bin der .{2,30} steht\b",
    r"\bintended\b|\bin error\b|\bscan(?:ned|ning)?\b|\bvir(?:us|en)\b|\bchecked\b|\bon behalf\b|\bsecure\b|encrypt|verschlüssel|chiffr|cifrad|\bgateway|passerelle|signatur|firma corporativ|sistema de firma|controllat|geprüft|überprüft|vérifié|\banti-?(?:virus|spam)|\bfilter|\birrtümlich|\bempfänger\b|\berreur\b|\bpar erreur|\bpor error\b|\bper errore\b|\bomyłk|\bvergissing|ошибк",
)
"""What a firm's foot says of scanners and of wrong readers."""

UNSUBSCRIBE = any_of(
    r"\bkeine (?:weiteren )?(?:e-?mails|newsletter|angebote|werbung|informationen)\b.{0,30}\b(?:erhalten|möchten|wünschen)\b|\bno longer wish to receive\b|\bne plus recevoir\b|\bno (?:desea|deseas) recibir\b",
    r"\bto be removed from\b",
    r"\bunsubscribe\b|\bopt[- ]out\b|\b(?:manage|update|change) (?:your )?(?:\w+ )?(?:preferences|subscriptions?|notifications?)\b|\bnotification settings\b|\bemail preferences\b|\bstop receiving\b",
    r"\b(?:abmelden|abbestellen|abmeldelink|austragen)\b|\bkeinen? (?:newsletter|e-?mails?) mehr\b",
    r"\bse désabonner\b|\bdésinscri|\bdésabonne",
    r"\bdarse de baja\b|\bdarte de baja\b|\bcancelar (?:la )?suscripción\b|\bdejar de recibir\b",
    r"\bcancelar (?:a )?(?:inscrição|subscrição|assinatura)\b|\bdescadastr",
    r"\bannulla (?:l['’])?iscrizione\b|\bdisiscri|\bcancella(?:ti|rsi)\b",
    r"\b(?:uitschrijven|afmelden)\b",
    r"\bwypisz|\bzrezygnuj|\brezygnacja z\b|\banuluj subskrypcj",
    r"отписаться|отказаться от рассылки",
    r"退订|取消订阅|退訂",
    r"配信(?:を)?(?:停止|解除)|購読(?:を)?(?:解除|停止)|メルマガ解除|^.{0,12}解除(?:は|を?ご?希望)",
    r"\bnewsletter\b.{0,30}\bnicht (?:mehr|länger) (?:erhalten|bekommen|beziehen)\b|\bne (?:souhaitez|voulez) plus recevoir\b|\bnon (?:desideri|vuoi|desidera) più ricevere\b|\bgeen nieuwsbrief meer\b",
)
"""The way out that a newsletter's foot names."""
SUBSCRIBED = any_of(
    r"\byou(?:['’]re| are)? (?:\w+ )?(?:receiv(?:e|ing)|getting) (?:this|these)\b|\byou(?:['’]re| are) (?:currently )?subscribed to\b|\byour subscription is\b|\bthis (?:e-?mail|message) was sent to\b|\bbecause you (?:opted|signed|subscribed|are (?:a |subscribed)|have an? )|\bif you no longer wish\b|\bview (?:this (?:e-?mail|message) )?in (?:your |a )?browser\b|\bview online\b|\breceived this (?:e-?mail|message|notification) because\b",
    r"\bsie erhalten diese\b|\bdu (?:erhältst|bekommst) diese\b|\bweil (?:du|sie) (?:dich|sich)\b.{0,40}\bangemeldet\b|\bwenn (?:dieser|diese) (?:newsletter|e-?mail) nicht\b|\bonline[- ](?:version|ansicht)\b|\bim browser (?:ansehen|anzeigen|öffnen)\b|\bdiese e-?mail wurde an\b",
    r"\bvous recevez cet?\b|\bversion en ligne\b|\bdans (?:votre|le) navigateur\b",
    r"\b(?:recibe|recibes|está recibiendo) est[ea]\b|\bver en (?:el |tu )?navegador\b|\bversión online\b",
    r"\b(?:você|está a) (?:está )?receb(?:e|endo|er) est[ea]\b|\bver no navegador\b",
    r"\b(?:ricevi|riceve|hai ricevuto|stai ricevendo) quest[oa]\b|\b(?:visualizza|apri) (?:\w+ )?(?:nel|online|il browser)\b",
    r"\b(?:u|je) ontvangt (?:deze|dit)\b|\bbekijk (?:\w+ ){0,3}(?:online|browser)\b",
    r"\b(?:otrzymujesz|otrzymał[ea]ś) (?:tę|ten)\b|\bw przeglądarce\b",
    r"вы получили это|вы получаете|в браузере",
    r"您(?:会)?收到(?:此|这)|在浏览器中|このメールは.{0,40}(?:お送り|配信)|ブラウザで",
)
"""Why a subscriber gets this, and where else it can be read."""

WAY_OUT = any_of(
    r"@[\w.-]{3}|\b(?:here|click|link|hier|ici|aquí|aqui|qui|tutaj|здесь)\b|点击|こちら|https?://"
)
LIST_FOOT = any_of(r"^_{20,}\s*\n.{0,80}\bmailing list\b", start="(?m)")
LIST_NAMED = any_of(
    r"\bmailing[- ]?liste?\b|\bgoogle groups?\b|\b(?:because you are|you['’]re) (?:a member|subscribed)\b.{0,80}\bgroup"
    r"|\b(?:grupo|groupe|gruppo|gruppe|grupy|groep)\b.{0,60}\bgoogle\b|\bgoogle[- ](?:gruppen|groepen)\b|listinfo/"
)
"""What stands below a mail that came through a list."""
DEVICE_TEXT = any_of(
    r"\battached (?:file )?is (?:a |an |the )?scanned (?:image|document|file)\b|\bfile format: ?\S.{0,60}\bresolution: ?\d|\bscanned (?:from|by|on) (?:a|the|your) \w{2,20} ?(?:mfp|multifunction|printer|scanner|device)",
    r"\byou have received a \d+[- ]page fax\b|\bsie haben ein (?:\d+[- ]seitiges )?(?:fax|telefax) (?:mit \d+ seiten? )?erhalten\b|\bvous avez reçu une télécopie (?:de|d['’]une?) \d* ?pages?\b|\bha recibido un fax de \d+ páginas?\b|\bhai ricevuto un fax di \d+ pagin[ae]\b|\bu heeft een fax van \d+ pagina",
)
"""What scanners and telefaxes say of what they send."""
HELD = any_of(
    r"\b(?:your|the) (?:e-?mail )?(?:message|e-?mail|mail)\b.{0,120}\b(?:(?:is|being|was|has been) (?:held|waitlisted|quarantined|redirected)|awaits? (?:moderator )?approval|awaiting (?:approval|verification|confirmation))",
    r"\b(?:add (?:yourself|your (?:e-?mail )?address)|your address) to (?:my|a|his|her|their|the) (?:\w+ )?(?:list|guest list)\b",
    r"\bprotected by (?:spam|anti-?spam|boxbe|spamarrest|tmda|sentinel)\w*",
    r"\b(?:click|reply|follow)\b.{0,60}\b(?:to|and)\b.{0,30}\b(?:release|deliver|verify|confirm) (?:your|this|the) (?:message|e-?mail|mail)\b",
    r"\bto (?:release|deliver|verify) (?:it|your message|this message)\b.{0,60}\b(?:reply|click|link)\b",
    r"\b(?:click|follow|use)\b.{0,40}\b(?:link|below|here)\b.{0,60}\b(?:i|he|she) (?:can|could|will) (?:receive|read|get|see)\b|\bjunk mail\b.{0,80}\b(?:click|verif)|\bsubscription confirmation\b",
    r"\bpara que (?:a )?(?:su|tu|sua|tua) mens\w{3,6} (?:seja|sea) (?:encaminhad|entreg)|\bpour que votre (?:message|mail) soit (?:remis|distribué|délivré)",
    r"\b(?:verify|prove|confirm|ensure) that you are (?:a |an )?(?:real|live|actual)\b|\b(?:spam (?:blocker|filter)|first (?:mail|message|e-?mail))\b.{0,80}\b(?:click|link|reply)\b.{0,60}\b(?:reach(?:es)?|deliver|arrives?)\b",
    r"\bmessages? on hold\b|\bmessages? (?:are|is) being held for you\b|\bmessages in quarantine\b|\bquarantine(?:d)? (?:digest|summary|notification|report)\b|\bpersonal quarantine\b|\bspam digest\b|\bquarant[äa]ne-?(?:bericht|benachrichtigung)\b",
)
"""A gate that wants to know who writes, or tells what it kept."""
COUNSEL = any_of(
    r"\bwe (?:act for|represent|are instructed by|are acting for)\b|\b(?:on behalf of|for) our client\b|\bwithout prejudice\b|\bwir vertreten\b|\bnamens und in vollmacht\b|\bunsere?[rmns]? mandant\w*|\binteressen\b.{0,60}\bangezeigt\b|\bzeigen wir\b.{0,40}\bvertretung\b|\b(?:notre|ma|mon) cliente?,? (?:m\.|mme|monsieur|madame|la société)|\bnous (?:sommes le conseil|représentons)\b",
    r"\ben (?:nombre y )?representación de\b|\bmi (?:representad[oa]|mandante)\b|\bem representação d[eao]\b|\b(?:nosso|nossa|meu|minha) (?:constituinte|mandante|representad[oa])\b|\b(?:nostr[oa]|mi[oa]) assistit[oa]\b|\bin nome e per conto\b|\b(?:onze|mijn) cliënt\w*|\bw imieniu (?:mojego|naszego) (?:klienta|mocodawcy)\b|\bдоверител\w+|\bв интересах (?:моего|нашего)\b",
)
"""A lawyer writes; what a program set below is not about the letter."""
