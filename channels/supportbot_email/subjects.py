"""How programs head what they tell: an order, a payment, a call, an alert, an answer that somebody gave."""

from __future__ import annotations

from supportbot_email.patterns import any_of

NOTICE = any_of(
    # money
    r"(?:you(?:['’]ve| have)|.{2,40} has) (?:received|got|been (?:sent|paid)|sent you) (?:a )?(?:payment|money|[$€£]|\w{3} ?\d)|(?:receipt|invoice) for your (?:payment|order|purchase|subscription)|payment (?:received|confirmation|receipt)\b(?!\?)|your (?:.{1,30} )?(?:payout|invoice|bill|statement|receipt) (?:is|of|for|from|on)\b",
    r"sie haben (?:eine zahlung|geld|\d.{1,20}) erhalten|zahlungs(?:eingang|bestätigung|erinnerung)\b.{0,30}\d|vous avez reçu un (?:paiement|virement)|(?:has|ha) recibido (?:un pago|dinero)|(?:hai|ha) ricevuto (?:un pagamento|denaro)|(?:você )?recebeu um pagamento|je hebt (?:een betaling|geld) ontvangen|otrzymano płatność",
    r"(?:invoice|bill|credit note|rechnung|facture|factura|fattura|factuur|faktura) (?:no\.? ?|nr\.? ?|#)?\S{0,12}\d\S{0,12} (?:from|von|de|da|van|od) .+|(?:invoice|payment|renewal) (?:payment )?(?:reminder|overdue|due)\b|(?:overdue|unpaid) invoice\b.{0,20}\d",
    # orders, as a shop's program tells the shop
    r"\[[^\]]{1,60}\] ?:? ?(?:new |neue |nouvelle |nuevo |nov[oa] |nuovo |nieuwe |nowe |новый |ny )?(?:customer )?(?:order|bestellung|commande|pedido|encomenda|ordine|bestelling|zamówienie|заказ|ordre)\b.{0,6}[#(\d]|(?:new|neue|nouvelle|nuev[oa]|nova|nuovo|nieuwe|nowe) (?:customer )?(?:order|bestellung|commande|pedido|encomenda|ordine|bestelling|zamówienie):? ?[#(]\W?\w{0,6}-?\d+|order \S{1,14} (?:placed|confirmed|confirmation|shipped)\b|you made a sale\b|(?:sold|verkauft|vendu), ship now\b|your item sold\b|.{0,30}\bhas been placed by\b",
    # parcels and orders, as it tells the customer
    r"your (?:.{1,30} )?(?:order|shipment|package|parcel|delivery)\b.{0,30}\b(?:has (?:been )?(?:shipped|dispatched|delivered|confirmed)|is (?:on its way|out for delivery|confirmed|arriving))|(?:order|booking|reservation|registration) confirmation\b.{0,30}\d|(?:bestell|versand|buchungs|auftrags)bestätigung\b.{0,30}\d|ihre? (?:sendung|paket|bestellung)\b.{0,30}\b(?:unterwegs|versandt|verschickt|zugestellt|bestätigt|kommt (?:heute|morgen|am|zwischen)|trifft .{0,20}ein|wurde hinterlegt|liegt .{0,20}bereit)|your (?:parcel|package|delivery|order) (?:arrives|is arriving|will (?:arrive|be delivered))|votre colis (?:arrive|est (?:en cours|arrivé|disponible))|tu (?:paquete|pedido) (?:llega|está en camino)|il tuo (?:pacco|ordine) (?:arriva|è in arrivo|è in consegna)|je (?:pakket|bestelling) (?:komt|is onderweg|wordt)|twoja paczka (?:jest|zostanie)",
    # telephones, telefaxes, scanners
    r"(?:(?:you have )?(?:a )?new )?voice ?-?(?:mail|message)s?(?: message)? (?:from|in mailbox|on extension)\b|missed call (?:from|on)\b.{0,30}\d|(?:you(?:['’]ve| have) )?(?:received )?(?:a )?(?:new )?(?:e-?fax|fax(?: message)?)(?: received)? (?:from|message from)\b|(?:fax|telefax) (?:received|eingang|empfangen)\b|fax .{0,40}\bcaller-id\b",
    r"neue (?:nachricht auf (?:dem|ihrem) anrufbeantworter|sprachnachricht|fax-?nachricht)|(?:verpasster|entgangener) anruf von|nouveau message vocal|appel manqué de|nuevo (?:mensaje|correo) de voz|nuovo messaggio (?:vocale|in segreteria)|nieuwe? voicemail",
    r"(?:message|scan(?:ned image)?|scanned (?:document|file)|attached image) from (?:a |an )?\"?(?:km_?\w|rnp|bizhub|konica|ricoh|xerox|canon|kyocera|sharp|mfp|scanner|hp\b)|scan(?:ned)? (?:data|document) from .{0,20}\b(?:mfp|printer|copier|scanner)",
    # monitors
    r"\[(?:firing|resolved|alerting|ok|no ?data|critical|warning|problem|recovery|triggered|alarm|down|up)(?::\d+)?\]|(?:problem|resolved|recovery|acknowledged?|service alert|host alert|alarm|ok): \S.{0,60}\b(?:on|is|host|server|disk|cpu|memory|service|down|in)\b|\W{0,3}(?:problem|recovery|flapping\w*) (?:service|host) alert\b|\[?(?:monitor|site|server)\b.{0,40}\bis (?:down|up|back up|unreachable)\b|(?:backup|job|build|pipeline|deployment) .{0,40}\b(?:succeeded|completed|failed|finished|successful)\b|apcupsd\b|cron <|logwatch for|anacron job|\[jira\]|\[\w[^\]]{0,30}\] \([A-Z]{2,9}-\d+\)|\[ .{2,40}-(?:bugs|patches|feature requests)-\d+ \]|run failed: ",
    # accounts
    r"security alert\b|notification of \w|(?:unusual|new|suspicious) (?:sign[- ]?in|login|log-?in|device|activity)\b|(?:microsoft|google|apple)(?: id)? account (?:unusual|security|sign)|(?:your )?(?:verification|security|one-time|login|confirmation) (?:code|passcode|pin)\b|(?:reset your|your) password (?:reset|was|has been|changed)?|(?:confirm|verify) your (?:e-?mail|account|address)",
    r"(?:ungewöhnliche|neue) (?:anmelde\w*|anmeldung)|(?:ihr )?(?:bestätigungs|sicherheits)code\b|sicherheits(?:warnung|hinweis)\b|(?:connexion|activité de connexion) (?:inhabituelle|suspecte)|nouvelle connexion|alerte de sécurité|(?:actividad|inicio) de (?:inicio de )?sesión (?:inusual|nuev)|actividad inusual|alerta de (?:seguridad|segurança)|código de (?:verificación|verificação)|(?:accesso|attività) (?:insolit|di accesso)|avviso di sicurezza|ongebruikelijke aanmeld\w*|beveiligingswaarschuwing|nietypow\w+ (?:aktywność|logowani)|оповещение (?:системы )?безопасности|код подтверждения|验证码|安全(?:提醒|警报)|認証コード|セキュリティ通知",
    # domains, subscriptions
    r"(?:final |last |first |second )?(?:notice|reminder|action required|important)?[:!]? ?(?:your )?(?:the )?(?:domain|ssl|certificate|subscription|licen[cs]e|hosting|[\w-]+(?:\.[\w-]+)+)\b.{0,60}\b(?:expires?|expiring|expiration|renew(?:al|s|ed)?|suspen(?:ded|sion))\b",
    # calendars, signatures, shares
    r"newsletter\b|reply to thread\b|wiki page .{1,80} has been changed|\[bug \d+\]|(?:cvs|svn|git)(?: commit)?: |output from your job\b",
    r"login failed on\b|\[[^\]]{1,20}\] backup\b|.{2,40} sent (?:you )?a message\b|.{2,40} has joined your (?:meeting|team|workspace)|.{2,40} (?:shared|invited you to|wants to connect|mentioned you|assigned you|commented on)\b|(?:completed|signature requested|please sign): |(?:new|cancell?ed|updated) (?:event|booking|appointment): |.{0,40}\bplease moderate: |how (?:was|did) (?:your|we)\b.{0,40}\b(?:order|stay|visit|purchase|do)\b",
    # bills that are due
    r"(?:invoice|rechnung|mahnung|zahlungserinnerung|facture|factura|fattura|factuur|faktura)(?: (?:no|nr)\.?)? ?\S{0,12}\d\S{0,12} (?:from .+ )?(?:is |ist )?(?:overdue|past due|due (?:today|tomorrow|soon|in|on)|überfällig|fällig)|\W{0,3}(?:friendly |payment |gentle )?(?:reminder|erinnerung|rappel|recordatorio|promemoria|lembrete|herinnering|przypomnienie)\W{1,3}(?:your |ihre |votre |su |sua |uw )?(?:invoice|rechnung|facture|factura|fatura|fattura|factuur|faktura)\b.{0,60}\d|(?:\d\. ?|erste |zweite |dritte |letzte )?(?:mahnung|zahlungserinnerung)\b.{0,40}\d|(?:relance|rappel de paiement|recordatorio de pago|sollecito di pagamento|betalingsherinnering|wezwanie do zapłaty|przypomnienie o płatności)\b.{0,40}\d",
    # mailboxes, quarantines, calls, lines of a portal
    r"(?:you have (?:\d+ |a )?(?:new )?|sie haben (?:\d+ )?|vous avez (?:\d+ )?(?:des )?|tiene (?:\d+ )?|hai (?:\d+ )?|u hebt (?:\d+ )?|masz (?:\d+ )?)?(?:microsoft 365.{0,14}[:：] ?)?(?:.{0,30}\b)?(?:messages?|nachrichten?|mensajes|messaggi|mensagens|berichten|wiadomości|e-?mails?)\b.{0,30}\b(?:quarantine|quarantäne|quarantaine|cuarentena|quarantena|quarentena|kwarantann\w+)\b|end user digest\b|(?:spam|quarantine|quarantäne)[ -]?(?:digest|report|bericht|summary|zusammenfassung|benachrichtigung|notification)\b",
    r"(?:sie haben |du hast )?(?:eine )?neue (?:nachricht|mitteilung|dokumente?) (?:in|im) (?:ihrem|deinem|ihr|dein)?.{0,24}\b(?:postfach|mailbox|onlinebanking|online-banking|portal|kundenportal)\b|(?:you have )?(?:a |an? unread )?(?:new )?(?:secure )?(?:message|document|statement) (?:(?:is )?(?:waiting|available) )?in your .{0,30}(?:inbox|mailbox|account|online banking|portal)\b|nouveau (?:message|document) (?:dans|sur) votre (?:messagerie|espace|compte)|(?:nuevo|tiene un) (?:mensaje|documento) en su (?:buzón|área|banca)|nuov[oa] (?:messaggio|comunicazione|documento) (?:nella|nel) (?:tua|tuo|sua|suo)|nieuw (?:bericht|document) in (?:uw|je)|nowa wiadomość w (?:twojej|bankowości)",
    r"neue (?:voicemail|mailbox-?nachricht)(?:-nachricht)? (?:von|für|auf)\b|new voicemail\b.{0,30}\d|(?:nouvelle|nuova|nueva|nova) (?:messagerie|voicemail)|nuevo buzón de voz",
    r"(?:you have )?(?:a )?new (?:job application|applicant|candidate|application (?:for|from))\b|(?:neue|eine neue) bewerbung\b|nouvelle candidature|nueva (?:candidatura|solicitud de empleo)|nuova candidatura|nova candidatura|nieuwe sollicitatie|nowa aplikacja na",
    # apps
    r"the status of your app\b",
    start=r"\s*",
)
"""What programs tell; people ask about it in the same words, so that there has to be a second sign."""
SURE = any_of(
    r"\[[^\]]{1,60}\] ?: ?(?:new (?:customer )?order|neue bestellung|nouvelle commande|nuevo pedido|nov[oa] (?:pedido|encomenda)|nuovo ordine|nieuwe bestelling|nowe zamówienie|новый заказ|ny order|ny ordre|新規注文)\W{0,4}(?:n[°ºo]\.? ?)?[#(]?\d[\d-]*\)?\W*$",
    r"you made a sale on\b|(?:sold|verkauft), ship now\b|\[[^\]]{1,60}\]:? (?:new )?order #?\S+ (?:placed|received)|payment reminder: invoice",
    r"\[(?:firing|resolved|alerting):?\d*\] |\*\* (?:problem|recovery)\b.{0,60}\*\*|apcupsd\b|cron <\S|logwatch for|\[jira\]|\[ .{2,40}-bugs-\d+ \]|run failed: ",
    r"new voice ?(?:mail|message)s? from \S{0,3}\d|e-?fax from .{0,40}\bcaller-id\b|neue (?:nachricht auf dem anrufbeantworter|sprachnachricht) von \S{0,3}\d",
    r"completed: .{0,60}\bdocusign\b|domain renewal notice\b|.{2,40} wants to connect\s*$|.{0,40}\bplease moderate: ",
    start=r"\s*",
)
"""Seldom somebody writes such a subject by hand, who wants something then; it needs no other sign."""
SOLD = any_of(
    r"(?:congratulations|congrats|great news|glückwunsch|félicitations|felicidades|parabéns|congratulazioni|gefeliciteerd|gratulacje)?[!,.: -]{0,3}(?:you(?:['’]ve| have)? (?:just )?(?:made (?:a|your first) sale|(?:got|received) a new (?:order|sale|booking))|(?:your item|item) (?:has |has been |was )?sold\b|sold, (?:ship|dispatch|post) (?:it )?now\b|(?:an?|new|another) order (?:just )?(?:came|has come|is) in\b|new (?:order|sale) (?:received|notification|alert)\b)",
    r"(?:neuer verkauf(?=\s*(?:[-:!#–]|auf\b|bei\b|$))|(?:sie haben|du hast) (?:einen|ihren ersten|deinen ersten) verkauf (?:erzielt|gemacht))\b|(?:vous avez|tu as) (?:réalisé|fait|conclu) une (?:nouvelle )?vente\b|(?:has|ha) (?:realizado|hecho|conseguido) una (?:nueva )?venta\b|¡?vendiste\s*(?:!|$)|você vendeu\s*(?:!|$)|hai venduto\s*(?:!|$)|(?:ton|votre) (?:article|annonce) (?:est|a été) vendue?\b|(?:tu|su) artículo se ha vendido\b|je (?:advertentie|artikel) is verkocht\b|sprzedaż: |(?:você )?(?:fez|realizou) uma (?:nova )?venda\b|hai (?:effettuato|fatto|concluso|realizzato) una (?:nuova )?vendita\b|nuova vendita(?=\s*(?:[-:!#–]|su\b|$))|(?:félicitations pour (?:votre|ta)|congratulazioni per la|felicidades por (?:tu|su)|parabéns pela(?: sua)?) (?:vente|vendita|venta|venda)\b|nowa sprzedaż(?=\s*(?:[-:!#–]|$))|买家已(?:付款|下单|拍下)|買家已(?:付款|下單)|您?有(?:一[笔个])?新(?:的)?订单",
    r"(?:glückwunsch[!,.: -]{1,3})?(?:(?:sie haben|du hast) (?:ihren|deinen|einen|den|\d+) artikel verkauft|verkauft, (?:jetzt |bitte )?(?:versenden|verschicken)|(?:ihr|dein) artikel wurde verkauft|(?:sie haben|du hast) eine neue bestellung|neue bestellung (?:eingegangen|erhalten|in (?:ihrem|deinem) .{0,20}(?:shop|store|konto))\b)",
    r"(?:vous avez|tu as) (?:vendu (?:un|votre|ton) (?:article|objet)|reçu une (?:nouvelle )?commande)|vendu, (?:expédiez|expédier)|votre (?:article|objet|annonce) (?:a été|est) vendue?|nouvelle commande reçue\b",
    r"(?:has vendido|vendiste|ha vendido) (?:tu|su|un)\b|vendido, (?:envía|enviar)|(?:has|ha) recibido un (?:nuevo )?pedido|nuevo pedido recibido|(?:você )?(?:vendeu|vendeste) (?:o seu|seu|um|o teu)\b|(?:você )?recebeu um(?: novo)? pedido|novo pedido recebido|nova venda\b|nueva venta\b",
    r"hai venduto (?:il|un|la)\b|venduto, spedisci|hai ricevuto un (?:nuovo )?ordine|nuovo ordine ricevuto|(?:je|u) hebt? .{0,60}verkocht\b|verkocht, verzend|nieuwe bestelling (?:ontvangen|binnen)|sprzedał[ea]ś (?:przedmiot|swój)|sprzedano\b|masz nowe zamówienie\b|у вас новый заказ\b|ваш товар (?:куплен|продан)",
    r"(?:【[^】]{1,30}】|\[[^\]]{1,30}\]|［[^］]{1,30}］)?\s?(?:新規(?:の)?(?:ご)?注文|ご?注文|受注)(?:が(?:入りました|ありました|確定しました)|通知|のお知らせ|を受け付けました)|.{0,20}商品が(?:売れました|購入されました)|.{0,16}(?:您有)?新(?:的)?订单(?:通知|提醒|待发货)|새(?:로운)? 주문",
    start=r"[^\w\[【［]{0,4}",
)
"""A market place or a shop's program tells the seller of an order; no customer of theirs has such news."""
MODERATION = any_of(
    r"(?:please moderate|bitte moderieren|veuillez modérer|modération|por favor,? modera|modera|da moderare|in attesa di moderazione|modereren|moderuj|do moderacji|на модерации|(?:new )?comment|(?:neuer )?kommentar|(?:nouveau )?commentaire|(?:nuevo )?comentario|(?:nuovo )?commento|(?:nieuwe )?reactie)\b",
    start=r"\s*\[[^\]]{1,80}\] ?",
)
"""WordPress tells whoever runs a site of a comment; its links there are beside it."""
RESPONSE = any_of(
    r"(?:new|you(?:['’]ve| have)? (?:received |got )?a new|\d+ new) (?:form )?(?:responses?|submissions?|entry|entries)\b|form (?:response|submission) (?:for|from|to|received)\b|(?:neue|eine neue) (?:antwort|formularantwort|einsendung|übermittlung)\b|nouvelle (?:réponse|soumission)\b|nueva (?:respuesta|entrada)\b|nova (?:resposta|submissão)\b|nuova (?:risposta|compilazione)\b|nieuwe (?:reactie|inzending)\b|nowa odpowiedź\b|новый ответ\b|新しい回答|新的(?:回复|答复|回答)",
    start=r"\s*(?:[\w.-]{2,20} ?[:：] ?)?(?:\[[^\]]{1,40}\] ?)?",
)
"""A form's service tells of what somebody filled in."""
