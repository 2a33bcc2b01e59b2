"""Whether somebody asks something of the reader: what a person's mail does and a program's seldom.

A program is polite as well: it asks to write to a colleague, not to answer, to click. Such sentences are passed
over, so that "please contact Bob while I am away" is no request and "please deliver on Friday" is one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from supportbot_email.patterns import any_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 4_000  # characters that are looked at
_QUESTION = re.compile(
    r"\w[\"')»”]?\s?\?+[\"')»”]*\s*$|？\s*$|¿|\b(?:吗|呢)\s*[。.]?$|(?:ますか|ですか|でしょうか)。?\s*$"
)
_END = re.compile(
    r"(?<!\d)\.+[\"')»”]*(?=\s|$)|\d\.[\"')»”]*(?=\s|$)(?! (?:(?-i:[a-zäöüéàø])|jan|feb|m[äa]r(?![iy])|apr|ma[ij](?!l)|jun|jul|aug|sep|okt|oct|nov|de[zsc]|led|úno|bře|dub|kvě|čer|srp|zář|říj|list(?:op|\.| )|pros(?:in|\.)|tammi|helmi|maalis|huhti|touko|kesä|heinä|elo|syys|loka|marras|joulu))|[!?…]+[\"')»”]*(?=\s|$)|[。！？]",
    re.IGNORECASE,
)
"""What ends a sentence; the dot of "20. Oktober" does not."""

_REQUEST = any_of(
    r"\bplease\b|\bpls\b|\bkindly\b|\b(?:can|could|would|will) (?:you|we|someone|somebody)\b|\b(?:i|we)(?:['’]d| would) (?:like|love)\b(?! to (?:acknowledge|inform|thank|confirm|let|hear))"
    r"|^\W*(?:dear [\w ]{1,20}, ?)?(?:send|give|ship|deliver|cancel|change|replace|refund|stop|call) (?:me|us|it|them|this|these|those|to (?:me|us)|my|our|two|three|\d{1,4})\b"
    r"|\bi (?:want|need)\b|\bhow (?:do|can|long|much)\b|\b(?:when|where) (?:can|will|is|do)\b|\blet me know\b|\bhelp me\b",
    r"\bbitte\b|\b(?:können|könnten|würden|wollen) (?:sie|wir)\b|\b(?:könnt|kannst|könntest) (?:ihr|du)\b|\bich (?:möchte|brauche|hätte gern|suche|will)\b"
    r"|\bhelfen sie\b|^\W*(?:schicken|senden|liefern|stornieren|rufen) sie (?:mich|mir|uns|die|das|den|es)\b",
    r"\bmerci de (?:ne (?:pas|plus) (?:me |nous |l[ae] |les |l['’])?(?!répon|tenir|prendre|utiliser|y\b)|(?!ne |votre |notre ))\w+(?:er|ir|re)\b|\bveuillez\b|\bs['’]il (?:vous|te) pla[iî]t\b|\bsvp\b|\b(?:pouvez|pourriez|auriez|voulez)[- ]vous\b|\bje (?:voudrais|veux|souhaite|souhaiterais)\b"
    r"|\bj['’]aimerais\b",
    r"\bpor favor\b|\bpodr[ií]an?\b|\b(?:quisiera|quiero|me gustar[ií]a|necesito)\b",
    r"\bpoderiam?\b|\b(?:gostaria|queria|quero|preciso)\b",
    r"\bper (?:favore|cortesia|piacere)\b|\b(?:potete|potreste|potrebbe)\b|\b(?:vorrei|vogliamo|desidero)\b",
    r"\balstublieft\b|^\W*graag\b|\bgraag (?:een|de|het|naar|voor|op|zo|opnieuw)\b|\b(?:kunt|wilt|zou) u\b|\b(?:kun|wil) je\b|\bkunnen (?:jullie|we)\b|\bik (?:wil|zoek)\b",
    r"\bprosz[eęą]\b|\bprosimy\b|\bczy (?:mo|jest|są|da)|\b(?:chciał|chcę|potrzebuję)",
    r"пожалуйста|\bпрошу\b|\bпросим\b|\bпросьба\b|\bможете\b|\bможно ли\b|\bподскажите\b|\bпомогите\b|\bхо(?:чу|тел)",
    r"(?<![申邀])请(?!求)|(?<![申邀要])請(?![求け負])|(?:申请|请求|申請|請求)(?:退|换|換|取消|售后|售後|帮|幫)|麻烦|能否|可否|帮(?:我|忙)",
    r"ください|下さい|お願い|でしょうか|いただけ(?:ます|ない)|届(?:きません|いていません)",
    r"\b(?:snälla|vänligen|kan (?:ni|du|jeg|vi))\b|\bvenligst\b|\blütfen\b|\bprosím\b|\bkérem\b|\bvoisitteko\b",
)
_PASSED_OVER = any_of(
    r"@|https?://|\bwww\.",
    r"\bcontact(?:er|ar|are|ez|e|en)?\b|\bcontatt|\breach (?:out|me|us|him|her|them)\b|\bin (?:my|our|his|her) absence\b|\bcall\b.{0,40}\d|\bresend\b|\bredirect|\b(?:direct|address|send|forward) (?:your|all|any)\b"
    r"|\burgen|\bemergenc|\bimmediate (?:assistance|attention|help|response)\b|\b(?:e-?mail|write to|speak to|turn to) (?:my|our|the|mr|mrs|ms) ",
    r"\b(?:repl(?:y|ies|ying)|respond|response|answer(?:ing)?)\b|\bclick|\bvisit\b|\bnote\b|\bbe (?:aware|advised|patient)\b|\btry again\b|\bignore\b|\bquote (?:the|this|it)\b|\brefer(?:ence| to)\b|\brate\b|\bmonitored\b|\b(?:möchten sie|sie möchten|möchtest du|du möchtest)\b.{0,30}\b(?:keine|nicht mehr)\b|\bplease (?:bear|allow|keep|find|expect|feel free|do not|don['’]t|take a moment)\b",
    r"\b(?:kundencenter|kundenkonto|kundenportal|kundenbereich|espace client|área de cliente|area clienti|klantomgeving|panel klienta)\b|\bin (?:your|the) (?:account|dashboard|(?:customer )?portal|control panel)\b",
    r"\bwenden\b|\bkontakt|\bkolleg|\bvertret|\bdringend|\beil(?:ig|t)|\bnotf[aä]ll|\bantwort|\bbeachten\b|\bklicken\b|\bgeduld|\bverständnis\b|\brückfragen\b|\btelefonisch\b|\bunter .{0,30}\d{4}",
    r"\badresser\b|\brépon[ds]|\bjoindre\b|\bnoter\b|\bcliquer|\bpatienter\b",
    r"\bescrib|\bdir[ií]ja|\bdirigirse\b|\brespond|\bcontest|\btenga|\bacuda\b|\bllame\b|\bpónganse\b",
    r"\bprocur[ea]\b|\bdirij|\brespost|\bcontat|\bconsider|\baguard",
    r"\brivolg|\brispond|\bscriver|\bnotare\b|\bclicc|\btenere presente\b",
    r"\bspoed|\bdringend|\breager|\bantwoord|\bmailen\b|\bcontact opnemen\b|\bbellen\b|\bklik",
    r"\bpiln|\bnagł|\bodpowiad|\bodpowied|\bkontakt|\bpisać\b|\bkierow|\buwag|\bcierpliw",
    r"срочн|обраща|обратит|свя(?:зат|жит)|пиш(?:и|е)те|писать|отвеча|внимани|звон",
    r"联系|聯繫|紧急|緊急|急事|急需|致电|拨打|回复|回覆|答复|点击|注意|谅解|忽略|登录|耐心|等待|等候",
    r"連絡|急ぎ|緊急|お電話|返信|ご了承|ご容赦|ご注意|お待ち|よろしくお願い|宜しくお願い|お問い?合わせください|クリック|アクセス",
    r"\byanıtla|\bcevapla|\bsvar|\bneodpovíd|\bválaszol|\bvastaa",
    r"\b(?:any|further|more|noch|weitere)? ?(?:questions|fragen|preguntas|dúvidas|domande|vragen|pytania) ?\?\s*$",
)

_LINK = re.compile(r"(?:https?://|\bwww\.)[^\s<>]{1,2000}")
_LOG_IN = any_of(
    r"(?:please |to (?:read|view) (?:it|the message|this message),? (?:please )?)?(?:log|sign) ?in(?:to)? .{0,60}(?:account|banking|portal|inbox|mailbox|message|read|view)",
    r"(?:bitte )?(?:melden sie sich|melde dich|loggen sie sich|logge dich)\b.{0,80}\b(?:an|ein)\b",
    r"(?:veuillez vous connecter|merci de vous connecter|connectez-vous|connecte-toi)\b",
    r"(?:por favor,? )?(?:inicie|inicia) sesión\b|(?:por favor,? )?(?:inicie|faça) (?:a )?(?:sessão|login)\b",
    r"(?:per favore,? )?(?:(?:effettu[ai]|faccia|esegu[ai]) (?:l['’]accesso|il login)|acced[ai] (?:al|alla|all['’]))",
    r"gelieve (?:u )?(?:.{1,40} )?(?:aan te melden|in te loggen)\b|meld (?:u|je) .{0,40}\baan\b|log (?:nu )?in (?:op|bij|via|met)\b",
    r"(?:proszę |prosimy )?(?:zaloguj(?:cie)? się|zalogować się)\b|(?:prosimy|proszę) o zalogowanie\b",
    r"请登录",
    start=r"\W*",
)
"""What a bank or a portal asks for that has something to read."""
OF_OURS = any_of(
    r"\b(?:us|our|ours|uns|unser\w{0,2}|nous|notre|nos|nosotros|nuestr[oa]s?|nosso|nossa|nossos|nossas|nostr[oaie]|ons|onze|nam|nas|nasz\w{0,3}|нам|нас|наш\w{0,3})\b|我们|我司|我方|当社|弊社",
    r"\b(?-i:my|mine|mein\w{0,2}|mir|mon|ma|mes|mi|mis|meus?|minhas?|mi[oa]|miei|mie|mijn|m[oó]j\w{0,3}|mo(?:ja|je|jego|jej)|мо[йяею]\w{0,2}|мне)\b|我的|私の",
)
"""Who orders something for themselves says so; programs ask their reader to see to what is the reader's, and call
that "My account" only with a capital."""


def asks(text: str) -> bool:
    """Whether a text has a question or a request that is not one of those that programs make."""
    return any(
        (_QUESTION.search(one) or _REQUEST.search(one)) and not _PASSED_OVER.search(one)
        for one in sentences(text)
    )


def without_links(text: str) -> str:
    """Return a text without its links, whose letters are no words."""
    return _LINK.sub(" ", text)


def sentences(text: str) -> Iterator[str]:
    """Give the sentences of a text, of any language; a paragraph ends one, a line's end does not."""
    for paragraph in re.split(r"\n[ \t]*\n", text[:_MOST]):
        joined = " ".join(paragraph.split())
        start = 0
        for found in _END.finditer(joined):
            yield joined[start : found.end()].strip()
            start = found.end()
        if joined[start:].strip():
            yield joined[start:].strip()


def without_log_in(text: str) -> str:
    """Return a text without the sentences in which a bank or a portal asks its reader to log in."""
    return "\n\n".join(one for one in sentences(text) if not _is_log_in(one))


def _is_log_in(sentence: str) -> bool:
    """Whether a sentence asks its reader to log in to what is theirs; people ask it of what is their own."""
    asked = _QUESTION.search(sentence) or OF_OURS.search(sentence)
    return bool(_LOG_IN.match(sentence)) and not asked
