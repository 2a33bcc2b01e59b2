"""The words of cards, and of letters that speak of what a card has: a line for each language or so.

Everything is matched on capped text, and no pattern repeats a repetition, so each takes linear time.
"""

from __future__ import annotations

import re

from supportbot_email.patterns import any_of


def _words(*patterns: str) -> str:
    return rf"\b(?:{'|'.join(patterns)})\b"


_CLOSINGS = any_of(
    r"(?:with )?(?:(?:kind|best|warm|many|kindest|warmest|very best) )?(?:regards|wishes|greetings)|yours (?:sincerely|faithfully|truly)|sincerely(?: yours)?|cheers|(?:many |kind )?thanks(?: (?:and|&) (?:best |kind )?regards| in advance| again| a lot)?|thank you(?: (?:and (?:best |kind )?regards|very much|in advance))?|best|respectfully|cordially|rgds|br|kr|all the best|all my best|with thanks|take care",
    r"mit (?:freundl\.|freundliche[nm]|besten|herzlichen|vielen|lieben|sonnigen) gr(?:ü|ue)(?:ß|ss)e?n?|mit freundlichem gru(?:ß|ss)|(?:freundliche|beste|viele|liebe|herzliche|schöne) gr(?:ü|ue)(?:ß|ss)e(?: (?:aus|von) .{2,30})?|mfg|vg|lg|(?:besten|vielen|herzlichen) dank|gru(?:ß|ss)|hochachtungsvoll|danke|schönen gru(?:ß|ss)",
    r"(?:bien |très )?(?:cordialement|sincèrement|amicalement)|(?:(?:mes )?(?:meilleures|sincères|cordiales|respectueuses) )?salutations(?: distinguées)?|bien à (?:vous|toi)|cdlt|(?:bonne|belle) journée|dans l['’]attente de votre (?:retour|réponse)|merci(?: d['’]avance)?",
    r"(?:un )?(?:cordial )?saludos?(?: cordial(?:es)?)?|reciba un cordial saludo|atentamente|atte|un abrazo|quedo a la espera(?: de (?:su|tu) respuesta)?|(?:muchas )?gracias",
    r"(?:com os )?(?:melhores|meus) cumprimentos|cumprimentos|atenciosamente|att|abraços?|(?:muito )?obrigad[oa]|cordialmente|saudações|(?:fico no |no )?aguardo(?: (?:o seu |um )?retorno)?|grat[oa]",
    r"(?:cordiali|distinti) saluti|saluti(?: cordiali)?|un saluto|grazie(?: mille)?|buona giornata|(?:resto )?in attesa di (?:un )?(?:(?:vostro|suo|cortese|gentile) ){0,2}riscontro",
    r"(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?|mvg|gr|groet(?:en|jes)?|hoogachtend|(?:alvast )?bedankt",
    r"z poważaniem|(?:serdeczne |najlepsze )?pozdrowienia|pozdrawiam(?: serdecznie)?|dziękuję|z wyrazami szacunku",
    r"с уважением|с наилучшими пожеланиями|всего (?:доброго|хорошего)|(?:заранее )?спасибо|благодарю",
    r"此致|敬礼|敬禮|祝好|顺祝商祺|顺颂商祺|谢谢|謝謝|祝您?(?:工作顺利|生活愉快|好)|敬上",
    r"(?:どうぞ|何卒|以上、?|引き続き){0,2}(?:宜|よろ)しくお願い(?:いたします|致します|申し上げます|します)|敬具|以上",
    r"(?:med )?v[äe]n(?:n?lig)a? h[äi]lsning(?:ar|er)?|mvh|vh|dbh|hälsningar|(?:med )?(?:de )?(?:venn?lig(?:e|ste)?|bedste|beste|mange|god) hilsen(?:er)?|hilsen|mange t[au]kk?|tack(?: på förhand)?|takk(?: på forhånd)?",
    r"(?:(?:ystävällisin|parhain|lämpimin) )?terveisin|kiitos(?: etukäteen)?|s pozdrav[eo]m|s úctou|děkuj[ie](?:me)?|ďakujem(?:e)?|üdvözlettel|tisztelettel|köszönettel|köszönöm|üdv",
    r"saygıları(?:mla|mızla)|[iİ]yi (?:çalışmalar|günler)|teşekkürler|teşekkür ederim|cu (?:stimă|respect|considerație)|mulțumesc|o zi bună|με (?:εκτίμηση|φιλικούς χαιρετισμούς)|(?:σας )?ευχαριστώ(?: πολύ)?|φιλικά",
    r"з (?:повагою|найкращими побажаннями)|(?:щиро )?дякую|감사합니다|고맙습니다",
)
CLOSING = re.compile(
    rf"[\s*_>]{{0,4}}{_CLOSINGS.pattern}[\s,.!;:：，。]{{0,4}}"
    r"(?P<name>(?<=[\s,])[^\W\d_][\w.'’-]{0,30}(?: [^\W\d_][\w.'’-]{0,30}){0,3})?[\s*_]{0,4}",
    re.IGNORECASE,
)
"""The last words before what may be a name, and that when it stands on the same line."""
BUSINESS = any_of(
    r"(?:order|invoice|customer|tracking|serial|article|item|model|ticket|case|booking|reservation|contract|bestell\w*|rechnungs?\w*|kunden|auftrags?|sendungs?|vertrags?|artikel|commande|facture|client|colis|pedido|factura|cliente|encomenda|fatura|ordine|fattura|bestelling|bestel|factuur|klant|zamówieni\w|faktur\w|klienta|заказ\w?|сч[её]т|订单|訂單|发票|注文|請求|ご注文)[\w.-]{0,12}\W{0,4}(?:(?:no|nr|number|id|nummer|numéro|número|numero|numer|номер|号|番号)\b|#|№|:|\d)",
)
"""A number that the matter is about: never a signature's."""
FIRM = any_of(
    _words(
        r"gmbh|ag|kg|ohg|ug|e\.?k|ltd|llc|llp|inc|corp|plc|s\.?a\.?s?|s\.?l\.?u?|s\.?r\.?l|s\.?p\.?a|b\.?v|n\.?v|lda|sp\. ?z ?o\.? ?o|a\.?b|oy|a/s|aps|hrb|vat|ust|nip|cif|siret|fax|kvk",
        r"manager|director|head|officer|assistant|engineer|buyer|purchas\w+|sales|department|dept|leiter\w*|einkauf\w*|vertrieb\w*|abteilung|geschäftsführ\w*|sachbearbeit\w*|responsable|directeur|directrice|chargée?|assistante?|service|jef[ea]|director[ae]?|responsable|vorstand|aufsichtsrat|inh|departamento|compras|diretor\w*|gerente|direttore|ufficio|responsabile|inkoper|directeur|afdeling|medewerker|specjalista|kierownik|dyrektor|dział|facility",
        r"proprietor|owner|partner|secretary|accounts? (?:payable|receivable|team)|office manager|inhaber\w*|\w{0,20}buchhaltung|technischer dienst|gérant\w*|propriétaire|ingénieur\w*|technicien\w*|comptabilité|exploitation|dueñ[oa]|titular|contabilidad|proprietári[oa]|titolare|amministrazione|eigenaar|boekhouding|właściciel\w*|księgowość|\w{3,20}chef",
    ),
    r"ооо|оао|зао|\bип\b|директор|менеджер|начальник|отдел|инженер|株式会社|有限会社|合同会社|[部課]|有限公司|经理|经理|部门|主任|www\.|https?://|[\w.-]@[\w-]",
)
"""Where somebody works, and as what: a private person's address is no signature."""
REFERS = any_of(
    _words(
        r"bell|shout|buzz|samples?|catalogues?|replacements?|(?:send|post|mail) (?:me |us )?(?:the |a |an |one )?(?:new|other|another|replacement|spare|parts?)",
        r"meld\w*|muster|kataloge?|ersatz\w*|(?:schick|send)\w*\b.{0,40}\b(?:neue[nrs]?|andere[nrs]?|papier|zu)",
        r"échantillons?|catalogues?|muestras?|amostras?|catálogos?|campion[ei]|catalog[oh]i?|stalen|monsters?|próbk\w*|katalog\w*|vareprøver?|prover",
        r"call|phone|ring|numbers?|address(?:es)?|reach|below|data|deliver(?! (?:time|date|note))|ship|send it|pick(?:ed)? up|visit|contact\w*|reachable|(?:i am|i['’]m|we are|we['’]re) available|whatsapp|text me|(?:speak|talk) (?:to|with)|(?:have|has|we|I) moved|engineers?|technicians?|your records|details|by post|(?:delivery|shipping|shipped|freight|transport) to",
        r"anruf\w*|rufen|rückruf\w*|telefon\w*|nummer|adresse\w*|anschrift|erreich\w*|unten|liefer(?:n|t)|abhol\w*|daten|kontakt\w*|per post|postalisch|umgezogen|umzug\w*|techniker\w*|monteur\w*|sprechen|auf dem postweg|lieferung (?:an|nach|zu)",
        r"r?appel\w*|joignables?|téléphon\w*|numéro|joindre|ci-dessous|livrez|livrer|coordonnées|par (?:courrier|la poste)|déménag\w*|technicien\w*|parler|livraison (?:chez (?:moi|nous)|à (?:mon|notre))|por correo postal|mudad[oa]s?|técnicos?|hablar|falar|entrega en|envío a|llám\w*|llam\w*|contáct\w*|teléfono|número|dirección|abajo|entregar\w*|entregu\w+|envi[ae]\w*|enví\w*|datos",
        r"ligu\w*|telefone|endereço|morada|abaixo|dados|contat\w*|contatt\w*|r?i?chiam\w*|numero|indirizzo|sotto|consegn(?:are|ate|i)|spedi(?:re|te|ci|sca)\w*|dati|bel(?:t|len)?|telefoon\w*|adres\w*|onderstaand\w*|bezorgen|bezorgt|leveren|lever|levert|stuur\w*|gegevens|per (?:posta|post)|trasferit[aoie]|tecnic[oi]|parlare|verhuisd|spreken|przeprowadz\w*|consegna (?:a|presso)|levering (?:aan|op|bij)|pocztą|bereik\w*|terugbel\w*|ring(?:a|er|t)?|soita\w*|soitta\w*|puhelin\w*|osoit\w*|toimit\w*|yhtey\w*|volej\w*|zavol\w*|číslo|doruč\w*|hívj\w*|cím\w*|szállít\w*|aray\w*|numara\w*|teslim\w*|sunați|număr\w*|livraț\w*|livrare\w*",
        r"zadzwo\w*|dzwoni\w*|numer|poniż\w*|dostarcz\w*|wysł\w*|dane",
    ),
    r"звон|телефон|номер|адрес|ниже|достав|данные|电话|号码|地址|下方|寄|送|電話|番号|住所|下記|届け|連絡|дзвон|τηλέφων|διεύθυνσ|αριθμ|καλέσ|παράδοσ|전화|주소|번호|연락|배송",
)
"""What somebody says who means the address or the number below their name."""
ON_BEHALF = re.compile(r"\s*(?:im auftrag|in vertretung|i\. ?a\.|i\. ?v\.|p\. ?p\.|ppa\.)\s*", re.IGNORECASE)
"""What an office sets between its closing and the name."""
POINTS = any_of(
    _words(
        r"(?:name|door|key)? ?(?:signs?|plates?|stamps?|labels?|stickers?|banners?|plaques?|posters?|flyers?)|text|texts|reads?|says?|say this|inscriptions?|lettering|print(?:ing|s)?|embroider\w*|gift (?:note|card)|roles?|rights|permissions?|access|invit\w+",
        r"\w{0,20}(?:schild(?:er[ns]?|e?s)?|stempels?n?|etikett(?:en|s)?|aufkleber[ns]?|gravur(?:en)?|aufdrucks?|beschriftung(?:en)?|inschrift(?:en)?|texte?s?n?)|eingravier\w*|gravier\w*|bedruck\w*|aufschrift|lautet?n?|gedruckt|drucken|schriftzug|rollen?|zugang|rechte",
        r"plaques?|enseignes?|tampons?|étiquettes?|gravures?|grav(?:er|ée?s?)|inscription|imprim\w*|letreros?|sellos?|etiquetas?|grab(?:ar|ad[oa]s?)|placas?|rótulos?|carimbos?|gravar|targhe?t?t?[ae]?|timbr[oi]|etichett[ae]|incider[ei]|incisione|testo|texte|texto|bordje|stempel|etiket(?:ten)?|gravure|tekst|szyld\w*|tablicz\w*|pieczą\w*|pieczęć|etykiet\w*|grawer\w*|skylt\w*|stämpel\w*|etikett\w*|skilt\w*|stempl\w*|kyltti\w*|leimasin\w*",
        r"below|signature|as follows|following|wording|printed?|look like|appears?|(?:business|visiting) cards?|certificates?|contact person|new (?:job|position|role|employer)|changed (?:my )?jobs?|aussehen|visitenkarten?|zertifikat\w*|urkunden?|schild\w*|ansprechpartner\w*|neue (?:stelle|firma)|cartes? de visite|nouveau poste|tarjetas? de visita|biglietti? da visita|visitekaartjes?|here (?:you (?:go|are)|it is|they are|is|are|'s)|title|badge|engrav\w+",
        r"unten(?:stehend\w*)?|folgend\w*|signatur|hier (?:ist|sind|die|der|das|meine?|unsere?|mijn|onze|is|zijn)|ci-dessous|ci-après|suivante?s?|voici",
        r"abajo|siguientes?|aquí|(?:mi|la) firma|abaixo|seguintes?|aqui|qui sotto|sottostant[ei]|sotto riportat[aoie]|seguenti|ecco|in calce|hieronder|onderstaand\w*|volgende|ondertekening|poniż\w*|następując\w*",
        r"(?:to|at|in) (?:my|our|the) (?:work|workplace|office|shop|store|studio|clinic|school|home|house|workshop|warehouse|depot|site|company)|c/o",
        r"(?:an|auf|in) (?:meine|unsere|die|der|meiner|unserer)n? (?:arbeit|firma|praxis|filiale|werkstatt|kanzlei|gesellschaft)|ins büro|nach hause|(?:au|à (?:mon|notre)) (?:bureau|travail|domicile|atelier|entreprise|école|adresse)",
        r"(?:a|en) (?:mi|nuestra|la|nuestro|el) (?:oficina|casa|trabajo|tienda|taller|empresa)|(?:no|na|para o|para a) (?:meu|minha|nosso|nossa)? ?(?:trabalho|escritório|casa|empresa|loja)|in (?:ufficio|azienda|negozio)|a casa|naar (?:kantoor|huis|(?:het|mijn|ons) (?:werk|kantoor|bedrijf))|do (?:biura|pracy|domu|firmy)",
        r"(?:new|changed?|correct|right|legal|full|company|our|different|other) (?:legal |company |trading )?name|ma(?:de|ke) out|(?:billed?|invoiced?) to|in the name of|ausgestellt|ausstellen|umgeschrieben|firmier\w*|umfirm\w*|neuen? (?:firma|gesellschaft|namen?)|anderen? (?:firma|gesellschaft|namen?)|raison sociale|à l['’]ordre|au nom de|a nombre de|razón social|em nome de|razão social|intestat[aoie]|intestare|ragione sociale|(?:op|ten) naam|tenaamstelling|na (?:firmę|nazwę|dane)",
        r"nedan|följande|nedenfor|følgende|seuraav\w*|níže|följer",
    ),
    r"ниже|реквизит|на имя|名義|宛名|抬头|следующ|нижче|下記|以下|下方|如下|下の|아래",
    r"табличк|вывеск|печат|штамп|этикет|гравир|надпис|看板|表札|印鑑|スタンプ|ラベル|刻印|文字|招牌|印章|标签|刻字|铭牌",
)
"""What somebody says who means what stands below their name."""
TO_THE_READER = any_of(
    r"\b(?:for|to|also|cc|für|auch|pour|aussi|para|también|também|per|anche|voor|ook|dla|również|för|till|även|til|også)\b|для|\b(?:please|pls|you|your|yours|we|us|our|my|bitte|sie|ihre?n?|mich|mir|uns|ich|wir|vous|votre|vos|nous|je|svp|usted|ustedes|nosotros|por favor|você|vocês|nós|per favore|vi|voi|vostr[aoie]|noi|u|uw|jullie|wij|ik|graag|proszę|prosimy|gärna|vänligen|gerne?|ni|gjerne|venligst|prosím|kérem|lütfen|vă rog|te rog)\b|παρακαλ|주세요|부탁|пожалуйста|прошу|будь ласка|ください|お願い|请|請",
    r"\b(?:is|are|was|were|will|has|have|ist|sind|war|hat|est|sont|es|son|são|è|sono|heeft|jest|är|missing|fehlt|manque|falta|manca|ontbreekt|brakuje|saknas)\b|\bне\b|\bnicht\b|\bnot\b",
)
"""Words of sentences, which no card has."""
OF_ANOTHER = any_of(
    r"\b(?:attn|c/o|z\. ?hd|by|from|instead|ex|formerly|now|new|old|without|with|bei|von|statt|ohne|mit|jetzt|neu(?:e[nrs]?)?|nouve(?:au|lle)|nuev[oa]|nov[oa]|nuov[oa]|nieuwe?|now[aey]|ehemals|früher|chez|sans|avec|con|sin|sem|senza|presso|bij|zonder|bez)\b|様|御中|宛",
)
"""What stands before a firm that is not the writer's, or no longer."""
OF_THE_MATTER = any_of(
    r"\b(?:order|invoice|tracking|parcel|serial|article|item|model|ticket|case|booking|reservation|contract|delivery|deliver\w*|bestell\w*|rechnung\w*|auftrag\w*|sendung\w*|paket\w*|liefer\w*|vertrag\w*|commande|facture|colis|livraison|pedido|factura|entrega|encomenda|fatura|ordine|fattura|consegna|bestelling|factuur|levering|zamówieni\w|faktur\w|dostaw\w|only|nur|seulement|solo|solamente|só|alleen|tylko|precio|price|preis|prix|preço|prezzo|prijs|cena|size|größe|gr|taille|talla|tamanho|taglia|maat|rozmiar|storlek|colou?r|farbe|couleur|color|qty|quantity|menge|anzahl|room|zimmer|chambre|habitación|quarto|camera|kamer|pokój|rum|table|tisch|seat|platz|row|reihe|flight|flug|train|zug|version|firmware|error|fehler|licen[cs]e|user|kunden?|member|mitglied|dossier|vorgang|zeichen|az|aktenzeichen|policy|meter|zähler|arriv\w*|ankunft)\b|注文|請求|配達|订单|发票",
    r"\b(?:p\.?o|rma|imei|vin|iban|bic|s/?n|ref|asin|sku|pin|code|id|account|konto|compte|cuenta|conta|conto|rekening)\b(?! ?box)\W{0,3}[\w-]{0,6}\d",
    r"\d ?(?:x|×|pcs|stk|stück|kg|g|cm|mm|m|ml|€|eur|usd|\$|£|%|uhr|h|am|pm)(?!\w)|[€$£] ?\d|\b\d{1,2}[./]\d{1,2}[./](?!\d{3})|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}:\d{2}\b",
    r"\b\d{1,2}\.? (?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|okt|oct|nov|dec|dez)",
)
"""A number that the matter is about, a time, a price, an amount: what a card has no line for."""
ASKED_FOR = any_of(
    r"\b(?:address(?:es)?|phone|telephone|mobile|cell|contact details|details|company|firm|name|vat|tax|adresse|anschrift|telefon\w*|handynummer|firma|name|ust\S*|kontaktdaten|coordonnées|téléphone|numéro|société|raison sociale|nom|dirección|teléfono|empresa|nombre|datos|morada|endereço|telefone|nome|dados|indirizzo|telefono|azienda|dati|adres\w*|telefoonnummer|bedrijf\w*|naam|gegevens|numer|dane|firm[ay]|nazw[ay]|adress|osoite|telefonnummer)\b|адрес|телефон|назван|реквизит|地址|电话|公司|住所|電話|会社|名前|주소|전화",
)
"""What a shop asks for that customers may have below their name."""
VAT = any_of(
    r"\b(?:ust\S{0,8}|vat|tva|iva|cif|nif|nip|btw|mwst|p\.? ?iva|steuernummer|tax|cnpj|org\.? ?nr|hr[ab]|kvk|siren|siret|regon|krs|registered)\b",
)
"""Under what number a firm is known to an office."""
INVOICES = any_of(
    r"\b(?:invoices?|bill(?:ed|ing)?|rechnung\w*|factur\w*|fattur\w*|fatura\w*|factuur\w*|faktur\w*|lasku\w*|számla\w*|vat|ust|tva|iva|nip|btw|nota fiscal)\b|сч[её]т|рахун|发票|請求",
)
"""A letter about a bill, which may have to name the firm."""
FORMS = any_of(
    r"gmbh(?: ?& ?co\.? ?kg)?|gesmbh|e\. ?v\.|e\. ?k\.|ltd\.?|limited|llc|llp|inc\.?|corp\.?|plc|pty",
    r"s\.a\.r\.l\.?|sarl|s\.a\.s\.?|s\.a\.|s\.l\.u?\.?|s\.r\.l\.?|s\.p\.a\.?|s\.n\.c\.?|lda\.?|ltda\.?|b\.v\.?|n\.v\.?",
    r"sp\. ?z ?o\. ?o\.?|s\. ?r\. ?o\.?|a\. ?s\.|kft\.?|zrt\.?|oyj?|aps|a/s|a\. ?ş\.",
)
"""What firms alone have at the end of their names."""
SHORT_FORMS = re.compile(r"AG|KG|OHG|AB|AS|ASA|SA|SAS|SE|SpA|Srl|BV|NV|UG")
"""Two or three letters that may be a size or a kind, too: beside something clear they are a firm's."""
EAST = re.compile(
    r"(?:株式会社|有限会社|合同会社)[^\W\d_]{1,15}(?:[ 　][^\W\d_]{1,10}[部課])?|[^\W\d_]{1,15}(?:株式会社|有限会社|有限公司)"
    r"|(?:ТОВ|ФОП|ООО|ОАО|ЗАО|АО) [«\"“][^\W\d_][\w -]{1,30}[»\"”]"
)
"""A firm as Japan, China, Russia and Ukraine write it."""
TITLES = any_of(
    r"director|directors|chairman|chairwoman|ceo|cto|cfo|coo|cio",
    r"geschäftsführer(?:in)?|geschäftsleitung|vorständin|prokurist(?:in)?|(?:abteilungs|einkaufs|vertriebs|verkaufs|projekt|team|filial|betriebs|personal|werks|büro|bereichs)leit(?:er(?:in)?|ung)|sachbearbeiter(?:in)?",
    r"directeur|directrice|gérante?|directora|gerente|jef[ea]|diretora?|direttore|direttrice|amministratore|bedrijfsleider|teamleider|projectleider|directiesecretaresse",
    r"dyrektor|kierownik|kierowniczka|prezes|daglig|toimitusjohtaja|johtaja|jednatel|ředitel|ředitelka|ügyvezető|müdür(?:ü)?",
    r"директор|менеджер|начальник|代表取締役|取締役|部長|課長|係長|营业部|営業部|総務部|总经理|经理",
)
"""What somebody is in a firm and nowhere else."""
HEADS = any_of(
    r"head|manager|officer|lead|leader|buyer|assistant|secretary|engineer|administrator|coordinator|supervisor|executive|specialist|analyst|consultant|accountant|controller|president|clerk|associate",
    r"leiter(?:in)?|leitung|chef|assistent(?:in)?|einkäufer(?:in)?|referent(?:in)?|responsable|chargée?|assistante?|responsabile|addett[oa]|encargad[oa]|coordinador(?:a)?|coordenador(?:a)?|medewerker|inkoper|specjalist(?:a|ka)|leder|sjef|ansvarig",
)
"""Likewise beside an office; alone it may be a thing, or what somebody buys."""
OFFICES = any_of(
    r"purchasing|procurement|sales|marketing|finance|financial|accounts?|accounting|operations|logistics|hr|human|resources|it|legal|quality|production|engineering|project|projects|product|office|facilities|facility|customer|service|services|support|export|import|supply|chain|business|development|general|managing|deputy|senior|junior|regional|technical|executive|chief|vice|department|payable|receivable|team",
    r"einkauf|verkauf|vertrieb|buchhaltung|technik|technischer?|kaufmännischer?|personal|innendienst|außendienst|qualität|produktion|logistik|achats|ventes|commercial[e]?|général[e]?|generale?|technique|comptabilité|financi[eè]re?|compras|ventas|vendas|financiero|financeiro|administración|acquisti|commerciale|amministrativo|ufficio|vendite|inkoop|verkoop|boekhouding|zakupów|sprzedaży|działu|dział|księgowości|generaln[ya]|zarządu|inköp|innkjøp|økonomi|ekonomi|försäljning",
    r"of|and|und|et|y|e|i|og|och|en|de|des|du|del|della|dei|der|für|for|la|le",
)
"""What is said of whoever is one of those."""
