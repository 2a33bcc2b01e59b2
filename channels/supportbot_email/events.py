"""What programs tell of what is the reader's: an order, a payment, a code, a sign-in, a backup, a call.

For mail without any header that says so. The subject proves nothing, since customers ask about a notice in its
own words, and neither does a sentence: a dealer writes "your order has been shipped" by hand, too. So several
signs are counted, and whoever speaks of themselves or asks for something is a person.
"""

from __future__ import annotations

import re

from supportbot_email import notices
from supportbot_email.asking import asks, sentences, without_links
from supportbot_email.patterns import any_of

_MOST = 3_000  # characters at the beginning that are looked at
_LONGEST_CALL = 6  # words of a link that wants to be clicked
_ENOUGH = 4
_ENOUGH_FROM_NOBODY = 3
"""Points from which a mail is a program's; where nobody reads an answer, fewer."""

_EVENT = any_of(
    # English
    r"\byour (?:[\w&'’.-]+ ){0,3}(?:orders?|items?|packages?|parcels?|shipments?|deliver(?:y|ies)|booking|reservation|appointment|payment|payout|invoice|bill(?:ing statement)?|statement|receipt|subscription|membership|listing|trial|domain|site|certificate(?: \(or certificates\))?|card|password|document|recording|backup task|fax|storage|transfer|refund|free trial|plan|ticket)\b.{0,80}\b(?:has|have|is|are|was|will|ends?|expires?|renews?|could not be|failed)\b",
    r"\byou(?:['’]ve| have)? (?:received|sent|paid|got|been invited|been (?:added|assigned)|earned)\b.{0,60}(?:payments?|fax|message|voice ?mail|files?|orders?|reviews?|offers?|to\b.{0,30}\bevent|[$€£¥]\s?\d|\d[\d.,]* ?(?:[$€£]|[A-Z]{3}\b))",
    r"\b(?:has )?sent you\b.{0,20}(?:[$€£¥]\s?\d|\d|files?\b|a message)|\b(?:have )?missed a call from\b|\bleft (?:you )?an? (?:\S{1,8}[- ])?(?:star )?review\b|\b(?:a buyer|a customer|someone|somebody) (?:opened|made|left|sent|placed|requested|mentioned)\b|(?:^|[.!?] )new (?:alert|issue|event|incident|order|review|comment|lead|booking|sign-?up)\b",
    r"\b(?:pipeline|build|deployment|backup(?: job| task)?|cron job)\b.{0,40}\b(?:has |is now )?(?:failed|succeeded|completed?|finished)\b|\b(?:check|monitor|host|site|server|website)\b.{0,60}\bis (?:now |currently )?(?:down|up|unreachable)\b",
    r"\b(?:an?|the|new|one|this) (?:\w+ ){0,3}(?:payment|payout|sign[- ]?in|log-?in|device|transfer|backup|event|incident|order|review|offer|dispute|issue|alert|build|job|pipeline|monitor|check|host|mailbox|voice ?mail|fax|service)\b.{0,60}\b(?:has (?:been|failed|reached|completed)|was (?:made|detected)|is (?:now|currently|available|down|up|on its way)|opened|attempt|requires|failed|(?:made|left) an?)\b",
    r"\b(?:someone|somebody|you) (?:\w+ )?requested (?:a|to)\b.{0,30}\bpassword\b|\bwe noticed a new\b|\bthis e-?mail confirms\b|\bwe (?:tried to|will|['’]?ll) charge\b|\bhere['’]s (?:your )?invoice\b|\bis using \d+ ?%|\breached \d+ ?%|\bwe(?:['’]re| are) (?:updating our (?:terms|privacy)|getting your order ready)|\bdelivered to\b.{0,60}\breceived by\b|\b(?:receipt|invoice) from [^.!?]{2,60}\d",
    r"\byou have (?:a|an|\d+) new (?:messages?|submissions?|orders?|leads?|notifications?|followers?|reviews?|comments?|voice ?mails?|fax(?:es)?)\b|\bapplied (?:to|for) your (?:job|position)\b|\b(?:someone|somebody) (?:tried|attempted) to\b|\bcertificate\b.{0,60}\bwill expire\b|\bto (?:activate|confirm|verify|reset)\b.{0,30}\b(?:account|password|e-?mail|address|subscription)\b.{0,40}\b(?:click|visit|follow|log in)\b",
    r"\bthank(?:s| you) for (?:your (?:recent )?(?:order|purchase|payment|booking|reservation)|riding|signing up|staying|shopping|booking with|flying|calling|travelling)\b|\bwelcome aboard\b|\b(?:recently|just) (?:contacted|visited|bought|purchased|stayed)\b.{0,80}$",
    # German
    r"\b(?:ihr|dein|ihre|deine)[nmr]? (?:[\w&.-]+ ){0,3}(?:sendung|paket|bestellung|lieferung|buchung|termin|zahlung|auszahlung|rechnung|kontoauszug|abo(?:nnement)?|testzeitraum|domain|zertifikat|konto|passwort|dokument|fax|anmeldung|reservierung|anzeige|mitgliedschaft|guthaben|bescheid)\b.{0,80}\b(?:wird|wurde|werden|ist|kommt|liegt|läuft|steht|endet|finden sie|konnte nicht|wartet)\b",
    r"\b(?:sie haben|du hast)\b.{0,30}\b(?:zahlung|fax|nachricht|bestellung|anruf)\b.{0,40}\berhalten\b|\bhat (?:ihnen|dir)\b.{0,30}\b(?:gesendet|überwiesen|freigegeben)\b|\b(?:anrufbeantworter|faxgerät)\b.{0,40}\b(?:aufgezeichnet|empfangen)\b|\b(?:rechnung|rechnungs ?betrag|betrag)\b.{0,60}\b(?:abgebucht|eingezogen|finden sie|erhalten sie)\b|\berhalten sie\b.{0,30}\brechnung\b",
    r"\b(?:wurde|haben)\b.{0,30}\bpasswort\b.{0,20}\b(?:zurück|angefordert)|\b(?:vielen dank|danke) für (?:ihre|deine|ihren|deinen) (?:bestellung|buchung|einkauf|zahlung|aufenthalt)\b|\ban (?:ihren|deinen) termin\b.{0,60}\berinnern\b|\bneues? (?:dokument|nachricht)\b.{0,20}\bbereit\b|\bhaben \d+ neue\b.{0,20}\bgefunden\b|\b(?:haben|waren) (?:sie )?vor kurzem bei uns\b|\b(?:sie wurden|du wurdest)\b.{0,60}\b(?:eingeschrieben|eingeladen|hinzugefügt|registriert|freigeschaltet)\b|\bum (?:dein|ihr|das) (?:konto|profil)\b.{0,20}\baktivieren\b|\bein paket\b.{0,40}\bfür (?:sie|dich) erhalten\b|\bsie haben (?:eine|\d+) neue\b",
    # French
    r"\bvotre (?:[\w-]+ ){0,2}(?:commande|colis|livraison|réservation|rendez-vous|paiement|facture|abonnement|essai|domaine|compte|document)\b.{0,80}\b(?:est|sera|a été|arrive|expire|se termine)\b|\bvous avez (?:demandé la réinitialisation|reçu|envoyé)\b.{0,60}\b(?:mot de passe|paiement|virement|fax|message vocal)\b|\bmerci (?:pour|de) votre (?:commande|achat|réservation|paiement)\b|\bappel manqué\b",
    # Spanish, Portuguese, Italian
    r"\b(?:tu|su) (?:\w+ ){0,2}(?:pedido|compra|paquete|envío|reserva|cita|pago|factura|suscripción|dominio|cuenta)\b.{0,80}\b(?:ha sido|está|se ha|será|llega|caduca|vence|nº)\b|\b(?:has|ha) (?:recibido|enviado|solicitado)\b.{0,40}\b(?:pago|fax|contraseña)\b|\bgracias por (?:tu|su) (?:pedido|compra|reserva|pago)\b|\bya (?:tienes|está) disponible\b",
    r"\b(?:o |a )?(?:seu|sua|teu|tua) (?:\w+ ){0,2}(?:pedido|encomenda|reserva|pagamento|fatura|assinatura|conta|domínio)\b.{0,80}\b(?:foi|está|será|chega|expira|vence)\b|\bobrigad[oa] (?:pela|pelo) (?:sua|seu|tua|teu) (?:compra|pedido|encomenda|pagamento|reserva)\b|\b(?:você )?(?:recebeu|solicitou)\b.{0,30}\b(?:pagamento|senha)\b",
    r"\b(?:il |la )?(?:tuo|tua|suo|sua) (?:\w+ ){0,2}(?:ordine|pacco|spedizione|prenotazione|pagamento|fattura|abbonamento|account|dominio)\b.{0,80}\b(?:è|sarà|è stat[oa]|scade|arriva)\b|\bgrazie per (?:il tuo|il suo|la tua|la sua) (?:ordine|acquisto|prenotazione|pagamento)\b|\b(?:hai|ha) (?:ricevuto|richiesto)\b.{0,30}\b(?:pagamento|password)\b",
    # Dutch, Polish, Russian
    r"\b(?:je|uw) (?:\w+ ){0,2}(?:pakket|bestelling|levering|boeking|afspraak|betaling|factuur|abonnement|domein|account)\b.{0,80}\b(?:wordt|is|werd|komt|vandaag|verloopt)\b|\b(?:bedankt|dank) voor (?:je|uw) (?:bestelling|aankoop|boeking|betaling)\b|\bwe bezorgen je\b|\ber is een betaling\b.{0,40}\bontvangen\b",
    r"\b(?:twoj[aeąę]?|twój|państwa) (?:\w+ ){0,2}(?:paczka|przesyłka|zamówienie|rezerwacja|płatność|faktura|konto|domena)\b.{0,80}\b(?:czeka|został[ao]?|jest|będzie|wygasa|jedzie)\b|\bdziękujemy za (?:zamówienie|zakup|płatność|rezerwację)\b",
    r"\bваш[аеу]? (?:\w+ ){0,2}(?:заказ|посылк\w|бронировани\w|плат[её]ж|сч[её]т|подписк\w|аккаунт|домен)\b.{0,80}(?:принят|отправлен|доставлен|готов|оформлен|подтвержд|истекает|прибыл|ожидает)|\bспасибо за (?:заказ|покупку|оплату)\b",
    # what became of something that the reader sells
    r"\bthe buyer (?:has )?(?:paid|opened|requested|cancell?ed)\b|\b(?:der käufer|die käuferin) hat\b|\bl['’]acheteur a\b|\bel comprador (?:ha|abrió|pagó)\b|\bo comprador (?:pagou|abriu|solicitou)\b|\bl['’]acquirente ha\b|\bde koper heeft\b|\bkupujący (?:zapłacił|zgłosił|otworzył|anulował)|\bпокупатель (?:оплатил|оформил|открыл|отменил)|[买買]家已|購入者が|구매자가|\b(?:votre|ton) (?:article|annonce)\b.{0,40}\bvendue?\b|\b(?:tu|su) artículo\b.{0,40}\bvendid[oa]\b|\b(?:ihr|dein) artikel\b.{0,40}\bverkauft\b",
    # Chinese, Japanese, Korean
    r"您的(?:订单|包裹|快递|预订|付款|账单|发票|账号|账户|域名|会员).{0,30}(?:已|将|正在|即将|到期)|感谢您的(?:订购|购买|订单|惠顾)|您(?:已)?收到(?:一笔|一条)",
    r"ご(?:注文|購入|予約|利用|入金)(?:いただき|を承|ありがとう|を受け付け|の確認|内容)|(?:商品|お荷物|ご注文品)(?:を|が).{0,10}(?:発送|出荷|配達|お届け)|(?:ご請求|お支払い)(?:金額|内容)|고객님의? (?:주문|택배|예약|결제)",
)
"""Something happened to what is the reader's; a shop's customers speak of what is theirs."""
_CODE = any_of(
    r"\b(?:log-?in|sign-?in|verification|security|one-time|access|confirmation|authentication)(?: (?:code|passcode|password|pin))\b.{0,30}(?:\bis\b|[:：]).{0,12}\d{4}",
    r"\b(?:bestätigungs|sicherheits|anmelde|zugangs|verifizierungs)?code\b.{0,24}(?:\blautet\b|[:：]).{0,8}\d{4}|\beinmal(?:passwort|code|pin)\b.{0,24}\d{4}|\bcode (?:de )?(?:vérification|sécurité|connexion)\b.{0,24}\d{4}|\bcódigo (?:de )?(?:verificación|verificação|seguridad|segurança|acceso)\b.{0,24}\d{4}|\bcodice (?:di )?(?:verifica|sicurezza|accesso)\b.{0,24}\d{4}|\b(?:verificatie|beveiligings)code\b.{0,24}\d{4}|\bkod (?:weryfikacyjny|dostępu|odbioru)\b.{0,24}\d{4}|\bкод (?:подтверждения|доступа)\b.{0,24}\d{4}",
    r"\b(?:here is|enter) (?:the|your|this)\b.{0,30}\bcode\b|\bcode you need to (?:log ?in|sign in)\b|\b(?:ihre|deine|mobile) tan\b.{0,16}\d{4}",
    r"(?:验证码|校验码|動態密碼|認証コード|確認コード|ワンタイムパスワード|인증번호).{0,12}\d{4}",
)
"""A number that its reader shall type somewhere."""
_IGNORE = any_of(
    r"\bif (?:you|this|it)\b.{0,20}\b(?:didn['’]?t|did not|don['’]?t|do not|wasn['’]?t|was not|were not|weren['’]?t|was)\b.{0,90}\b(?:ignore|delete|secure|disregard|remove|need to do anything|let us know|contact)\b|\b(?:never|do not|don['’]t) share (?:this|your)\b.{0,20}\b(?:code|e-?mail|password|pin)\b|\bignore (?:this|and delete)\b|\byou don['’]t need to (?:do anything|take any action)\b|\bno (?:further )?action is (?:needed|required)\b",
    r"\b(?:falls|wenn|sollten)\b.{0,60}\b(?:nicht|ignorier|keine)\b.{0,60}\b(?:ignorieren|gegenstandslos|löschen)\b|\bgeben sie (?:diesen|den|ihren) code\b.{0,20}\b(?:niemals|nicht)\b",
    r"\bsi (?:vous n['’]|ce n['’]).{0,60}\b(?:ignorez|ignorer|supprime)|\bsi (?:no|tú no|usted no)\b.{0,60}\b(?:ignor|omit|elimin)|\b(?:se|caso) (?:não|você não)\b.{0,60}\b(?:ignor|desconsider)|\bse non\b.{0,60}\bignor|\bals (?:je|u)\b.{0,30}\bniet\b.{0,60}\b(?:negeren|negeer)|\bjeśli (?:nie|to nie)\b.{0,60}\bzignoruj|если (?:вы не|это были не).{0,60}(?:проигнорируйте|игнорируйте)",
    r"(?:如非本人|若非本人|如果不是您).{0,20}(?:忽略|联系)|请勿(?:泄露|转发|告知)|お心当たりのない.{0,30}(?:破棄|削除|無視)",
)
"""What to do who has nothing to do with it."""
_CALL = any_of(
    r"(?:track|view|see|get|manage|review|check|reset|confirm|verify|open|choose|update|pay|download|start|visit|rate|reply to|join|log ?in|sign in|go to|click|read|listen|accept|activate|renew|shop|learn|complete|finish|take|change|modify|edit|approve)\b(?! me\b)",
    r"(?:jetzt|hier|zur?|zum|alle|mehr|sendung|paket|bestellung|rechnung|termin|reservierung|passwort|konto|ticket)\b.{0,30}(?:\w+en|jobs|konto|shop|ansicht|verfolgung|buchung|bestellung|rechnung|umfrage)\b|(?:suivre|voir|consulter|je découvre|j['’]en profite|réinitialiser|payer|télécharger)\b|(?:ver|seguir|consultar|descargar|pagar|confirmar|acompanhar|rastrear|baixar)\b|(?:vedi|segui|traccia|visualizza|scarica|paga|conferma)\b|(?:volg|bekijk|betaal|download|bevestig)\b|(?:śledź|zobacz|sprawdź|pobierz|zapłać|potwierdź)\b|(?:отследить|посмотреть|перейти|подтвердить|оплатить|скачать)\b|(?:查看|点击|立即|登录)|(?:こちら|確認する|ログイン)",
    start=r"[\s>*»→\[(]{0,4}",
)
"""How a link is worded that is a line of its own."""
_CLICK = any_of(
    r"\b(?:click|tap)\b.{0,40}\b(?:here|link|button|below)\b|\bfollowing link\b|\b(?:klicken|klicke)\b.{0,40}\b(?:link|hier|button)\b|\bfolgenden link\b|\bcliqu(?:ez|er)\b|\bhaga clic\b|\bhaz clic\b|\bclique\b|\bclicca\b|\bklik\b|\bkliknij\b|нажмите|перейдите по ссылке|点击|クリック"
)
_FIELD = re.compile(r"^[ \t>*•-]{0,6}[^\W\d_][\w /#.'’()&-]{1,32}[:：][ \t]{0,8}\S.{0,80}$", re.MULTILINE)
"""A line of a record: a name, a colon, a value."""
_SUM = any_of(
    r"^[ \t]*(?:total|gesamt\w*|summe|zwischensumme|amount|montant|importe|totale|totaal|razem|итого|合計|合计|paid|balance due)\b.{0,24}\d"
)
_SIGNED_BY_FIRM = any_of(
    r"^[ \t–—-]{0,4}(?:(?:sincerely|regards|thanks|cheers),?[ \t]*)?(?:the [\w&.'’ -]{2,30} team|(?:ihr|dein|euer)e? [\w&.'’ -]{2,30}[- ]team|(?:ihr|deine?|ihre) (?-i:[A-ZÄÖÜ])[\w&.-]{1,24}(?: [\w&.-]{1,20}){0,2}|l['’]équipe [\w&.'’ -]{2,30}|el equipo de [\w&.'’ -]{2,30}|(?:a )?equipe [\w&.'’ -]{2,30}|il team (?:di )?[\w&.'’ -]{2,30}|(?:het )?team (?:van |für |voor |for )?[\w&.'’ -]{2,30}|(?:le|votre) service client(?:s|èle)? [\w&.'’ -]{2,30}|zespół [\w&.'’ -]{2,30}|команда [\w&.'’ -]{2,30})[ \t]*$|\bthank(?:s| you) for (?:using|choosing|your business)\b|\bwe appreciate your (?:prompt payment|business)\b"
)
"""Nobody in person signs so."""
_FOOT = any_of(
    r"^[ \t]*(?:©|\(c\) ?20|copyright\b)|\bhelp (?:& contact|center)\b|\b(?:unsubscribe|privacy policy)\b|\ball rights reserved\b|\b(?:datenschutz|impressum)\b[ \t]*[|·]|\bhier abmelden\b|\bdésabonn|\bpour ne plus\b.{0,30}\brecevoir"
)
_RATES = any_of(
    r"\bwe(?:['’]re| are) conducting a survey\b|\b(?:take|complete|begin|start) (?:the|our|a|this) (?:short |quick )?survey\b|\bhow (?:was|did|were|satisfied|likely|would you rate)\b[^?]{0,100}\?|\bwie (?:zufrieden|wahrscheinlich|hat|war)\b[^?]{0,100}\?|\b(?:comment|quelle note|dans quelle mesure)\b[^?]{0,100}\?|¿(?:cómo|qué tan|qué probab)[^?]{0,100}\?|\b(?:quanto|come) (?:è|sei|valut)[^?]{0,100}\?|\bhoe (?:tevreden|was|waarschijnlijk)\b[^?]{0,100}\?"
)
"""A question to be answered with a click."""
_ORDERS = any_of(
    r"\bplease (?:update|make sure|verify|confirm your|visit|log ?in|sign in|review your|enter|remove|see|follow|renew|choose|download|print|bring|cancel at least|complete|take|rate|use)\b|\bwe(?:['’]d| would) love (?:to (?:know|hear)|your)\b|\b(?:any|further|more) questions\b|\bwas (?:this|that|it) (?:really )?you\b",
    r"\bbitte (?:über)?prüfen sie ihr(?:e[nrs]?)?\b|\bbitte (?:bestätigen|geben|aktualisieren|sagen|nutzen|klicken|loggen|verwenden|halten|bringen|bewerten|laden|melden sie sich)\b|\bnehmen sie sich\b",
    r"\bveuillez (?:confirmer|cliquer|vérifier|mettre|vous)\b|\bpor favor,? (?:confirme|verifique|actualice|haga|clique)\b|\bproszę (?:potwierdź|kliknij|zaloguj)|请勿|请(?:尽快|及时|点击|登录|在|查收|确认)|请于.{1,12}前(?:付款|支付|发货|处理)|\bpor favor,? revis[ae] (?:su|tu)\b|\bplease (?:check|review) your\b",
)
"""What programs ask for: nothing that the reader has to think about."""
_OF_SELLERS = any_of(
    r"\bprosimy o (?:sprawdzenie|zalogowanie|weryfikację|wysłanie|wysyłkę)\b|\bmerci de (?:vérifier|consulter|expédier) (?:votre|vos|la commande)\b|\bper favore,? (?:controlla|verifica) (?:il|la) tu[oa]\b|\b(?:händler|verkäufer|partner)(?:portal|konto|center)\b|\bseller (?:account|portal|central|cent(?:er|re)|hub)\b|\bespace vendeur\b|\b(?:cuenta|panel|área) de vendedor\b|\b(?:conta|painel) de vendedor\b|\b(?:area|account|pannello) venditor[ei]\b|\bverkoop(?:account|omgeving|portaal)\b|\b(?:panel\w*|kont\w+) sprzedawcy\b|кабинет\w* продавца|(?:卖家|賣家|商家)(?:中心|后台|後台)|\bcontroleer (?:je|uw)\b|請(?:於|在|盡快|儘快|及時|登入|點擊|確認)|請.{0,8}(?:出貨|發貨)|(?:発送|確認|手続き?|ログイン)(?:を|して)?(?:お願い|ください)"
)
"""What programs ask of sellers and account holders, beside what those of any notice ask for."""
_TO_SELLER = any_of(
    r"\bplease (?:ship|dispatch|post|send) (?:it|this|the (?:item|order))\b|\bship by\b|\bseller (?:central|hub|account)\b|\b(?:versenden|verschicken) sie (?:ihn|sie|es|den artikel|die bestellung)\b|\bexpédiez\b|\benvía(?:lo)?\b|\bspedisci\b|\bverzend\b"
)
"""What a market place asks of who has sold something."""
_TROUBLE = any_of(
    r"\b(?:wrong|broken|damaged|missing|dead|defect(?:ive)?|faulty|kaputt|falsch\w*|fehlt|fehlen|defekt\w*|beschädigt\w*|cassée?s?|abîmée?s?|manque|fauss?e?|rot[oa]s?|mal|falta|errad[oa]|quebrad[oa]|rott[oa]|sbagliat[oa]|manca|kapot|verkeerd\w*|ontbreekt|uszkodzon\w*|zły|brakuje)\b|\b(?:does|do|did|is|are|was)(?: not|n['’]t) (?:work|arrive|come|there|right)|\b(?:geht|funktioniert|stimmt|kommt|kam) nicht\b|\bne (?:marche|fonctionne) pas\b|\bno (?:funciona|ha llegado)\b|не (?:работает|туда|приш)|сломан|没(?:收到|动)|坏了|届きません|壊れ"
)
"""What customers write of, and no program admits."""
_PROMISE = any_of(
    r"\b(?:we|you)(?:['’]ll| will) (?:notify|let you know|e-?mail|alert|inform|receive an e-?mail|be notified|get an e-?mail)\b.{0,40}\b(?:when|once|as soon|if)\b|\bwir (?:benachrichtigen|informieren) (?:sie|dich)\b|\b(?:sie|du) (?:erhalten|erhältst)\b.{0,40}\bsobald\b|\bnous vous (?:informerons|préviendrons|tiendrons)\b|\bte (?:avisaremos|informaremos)\b|\ble (?:avisaremos|informaremos)\b|\bricever(?:ai|à) una e-?mail quando\b|\bavisaremos você\b|\bje (?:ontvangt|krijgt)\b.{0,40}\b(?:zodra|als)\b|\b(?:powiadomimy|poinformujemy) (?:cię|państwa)\b|мы (?:сообщим|уведомим|пришл[её]м)|(?:我们将|会)(?:尽快)?通知您|改めてご(?:連絡|案内)|\balert you when\b"
)
"""A program says when it will write again."""
_TO_ANYBODY = any_of(
    r"[ \t]*(?:dear|hello|hi) (?:valued )?(?:customer|user|client|member|subscriber|guest)\b|[ \t]*(?:sehr geehrter? )?(?:liebe[rs]? )?(?:kunde|kundin|nutzer|mitglied)\b|[ \t]*liebe (?:gäste|kundinnen|kund:innen|mitglieder)\b|[ \t]*cher(?:\(e\)|e)? client"
)
_SUBJECT = any_of(
    r"(?:\[[^\]]{2,30}\] ?)?.{0,60}(?:\bis (?:now )?(?:down|up)\b|\bcertificate\b.{0,60}\bexpires?\b|\bdeploy failed\b|\border shipped\b|\b(?:reservierungs|buchungs|bestell|anmelde|registrierungs)bestätigung\b|\b(?:payout|payment|transfer|betaling|paiement|pago|pagamento|zahlung)\b.{0,40}\b(?:sent|received|initiated|ontvangen|reçu|recibido|ricevuto|eingegangen)\b|\b(?:paket|sendung|bestellung)\b.{0,40}\b(?:unterwegs|zugestellt|kommt|versandt|verschickt)\b|\b(?:account|konto)\W{0,3}(?:activation|aktivierung)\b|\b(?:backup|task|job|build|pipeline)\b.{0,60}\b(?:completed|failed|succeeded|finished)\b|\bfailed (?:pipeline|build|job)\b|\b(?:disk|storage|quota|usage)\b.{0,20}\b(?:warning|full|exceeded|limit)\b|\bcertificate expiration\b)",
    r".{0,40}\b(?:conferma (?:d['’])?ordine|confirmation de (?:commande|réservation)|confirmación de (?:pedido|reserva)|confirmação de (?:pedido|encomenda)|orderbevestiging|potwierdzenie zamówienia)\b",
    r".{0,30}(?:order|bestellung|commande|pedido|ordine|bestelling|zamówienie|заказ|订单|注文)\W{0,3}(?:no\.?|nr\.?|n[°º]|№)?\W{0,3}\d+.{0,20}(?:confirmed|placed|received|shipped|delivered|оформлен|принят|отправлен|жд[её]т|ожидает|已|ありがとう)|.{0,40}\b(?:shipment|parcel|package)\b.{0,30}\b(?:delivered|scheduled|shipped|on its way)\b",
)
"""Subjects beside those that ``programs`` knows; customers write them as well."""
_DUTCH_YOUR = re.compile(
    r"\bje (?=(?:pakket|bestelling|levering|boeking|afspraak|betaling|factuur|abonnement|account|wachtwoord|code|e-?mail|gegevens|kunt|hebt|bent|ontvangt|krijgt|wilt)\b)|(?<=\bkun )je\b",
    re.IGNORECASE,
)
"""What is "I" in French."""
_PORTAL = re.compile(
    r"\b(?:[Ii]n|[Ii]m|w|dans|en|su|no|on|via|op) (?:Mijn|Mój|Moje|Mein|Meine|Mon|Mi|My|Meu|Minha) ?(?=[A-ZÀ-Ž])"
)
"""What firms call the place where one finds one's bills."""
_SENDER = any_of(
    r"(?:receipts?|messenger|tracking-?updates?|order-?(?:update|status|confirm\w*)|(?:versand|buchungs|bestell|auftrags)-?bestaetigung|kundenmeinung|survey|umfragen?|powiadomienia|notificaciones|notifiche|avisos|jobagent|gitlab|jenkins|opsgenie|healthchecks|fritz\.?box|mcinfo|expiry|itinerary|payouts|cpanel|automail|elster|hosting|benachrichtigung(?:en)?|mitteilung(?:en)?|meldung(?:en)?)(?:[._+-][^@]*)?@"
)
"""Further addresses that hardly anybody writes from."""


def tells(
    subject: str,
    text: str,
    *,
    named: bool,
    silent: bool,
    program: bool,
    device: bool,
    personal: bool,
    handed: bool,
) -> bool:
    """Whether a text tells what a program has to tell.

    Args:
        subject: the mail's.
        text: what was written.
        named: its subject is a notice's.
        silent: nobody reads answers at its sender's address.
        program: its sender's address is one that programs like.
        device: from there hardly anybody writes.
        personal: the address is called as its owner.
        handed: a service that sends for programs, and for people, too, handed it over.
    """
    said = text[:_MOST]
    if _speaks(said):
        return False
    listed = _FIELD.findall(said)
    if any("@" in one for one in listed):
        return False  # a form, in whatever language, that names its customer
    joined = " ".join(said.split())
    about = 2 * bool(_EVENT.search(joined)) + 2 * bool(_CODE.search(joined))
    sure = 2 * bool(_IGNORE.search(joined)) + 2 * bool(_RATES.search(joined)) + _looks(said)
    about += 2 * ((device or (named and program)) and _is_record(said))
    named = named or bool(_EVENT.search(subject) or _SUBJECT.match(subject))
    told = bool(about or sure > 1 or (named and (silent or program)))
    if not told or not (sure or program or (silent and named)):
        return False  # what it is about is what its reader's customers write about, too
    fields = len(listed) > 1 or any(map(_SUM.search, said.splitlines()))
    points = about + sure + named + silent + program + fields + (handed and sure > 0) - 2 * personal
    points -= 3 * bool(_TROUBLE.search(joined))
    return points >= (_ENOUGH_FROM_NOBODY if silent else _ENOUGH)


def speaks(text: str) -> bool:
    """Whether somebody speaks of themselves in a text, asks what programs do not ask, or says what is wrong."""
    said = text[:_MOST]
    return _speaks(said) or tells_of_trouble(said)


def tells_of_trouble(text: str) -> bool:
    """Whether a text says what is wrong."""
    return bool(_TROUBLE.search(" ".join(text.split())))


def looks_written(text: str) -> bool:
    """Whether nothing of a text is as programs write; buyers, too, write in names and values."""
    return not looks_like_program(text)


def looks_like_program(text: str) -> bool:
    """Whether anything of a text is as programs write."""
    said = text[:_MOST]
    joined = " ".join(said.split())
    return any(one.search(joined) for one in (_EVENT, _CODE, _IGNORE, _RATES)) or bool(_looks(said))


def tells_seller(text: str) -> bool:
    """Whether anything of a text is as programs write to sellers."""
    return looks_like_program(text) or any(map(_TO_SELLER.search, sentences(text[:_MOST])))


def without_your(text: str) -> str:
    """Return a text without a Dutch "je", which is "I" in French, and without portals that are called "My …"."""
    return _PORTAL.sub("", _DUTCH_YOUR.sub("", text))


def is_notifier(address: str) -> bool:
    """Whether an address is one that programs like to send from."""
    return bool(_SENDER.match(address))


def _speaks(text: str) -> bool:
    bare = without_your(without_orders(_without_calls(text)))
    return bool(notices.FIRST_PERSON.search(without_links(bare))) or asks(bare)


def _looks(text: str) -> int:
    """Return how much of a text's form is a program's."""
    lines = [line for line in text.splitlines() if line.strip()]
    return sum(
        (
            any(map(_is_call, lines)),
            any(map(_SIGNED_BY_FIRM.search, lines)),
            bool(_CLICK.search(text)),
            any(map(_FOOT.search, lines)),
            bool(_PROMISE.search(text)),
            any(map(_TO_ANYBODY.match, lines[:2])),
        )
    )


def _is_record(text: str) -> bool:
    """Whether a text is nothing but names and values."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(map(_FIELD.match, lines))


def _is_call(line: str) -> bool:
    words = line.split()
    ends = line.rstrip().endswith((".", "?", ",", ":"))
    return len(words) <= _LONGEST_CALL and not ends and bool(_CALL.match(line))


def is_order(sentence: str) -> bool:
    """Whether programs ask their reader so for something."""
    return bool(_ORDERS.search(sentence) or _OF_SELLERS.search(sentence))


def without_orders(text: str) -> str:
    """Return a text without the sentences in which programs ask for something."""
    kept = [one for one in sentences(text) if not (_ORDERS.search(one) or _RATES.search(one))]
    return "\n\n".join(kept)


def _without_calls(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not _is_call(line))
