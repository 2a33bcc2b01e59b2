"""Header fields, read in linear time whatever they hold: words, addresses, ids, parameters, dates."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import string
from datetime import UTC, datetime
from email.utils import parsedate_tz
from itertools import islice
from urllib.parse import unquote_to_bytes

from supportbot_email.addresses import canonical
from supportbot_email.mail import Address

_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,2000})\?=")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ADDRESS = re.compile(r"[^\s@<>()\[\],:;\\\"]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,10}\.?")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_PARAMETER = re.compile(
    r';\s{0,9}([\w*!#$&+.^`|~-]{1,60})\s{0,9}=\s{0,9}(?:"((?:[^"\\]|\\.){0,2000})"|([^;\s"]{0,2000}))'
)
_TEXT_CODECS = frozenset(
    {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}
)
_ALIASES = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "us-ascii": "utf-8",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "shift_jis": "cp932",
    "cp-850": "cp850",
}
_LATIN = frozenset({"cp1252", "iso8859-1", "iso8859-15", "latin_1", "cp1250", "iso8859-2"})
_NO_BASE64 = bytes(sorted({*range(256)} - {*string.ascii_letters.encode(), *string.digits.encode(), *b"+/"}))
_MOST_WORDS = 100
_MOST_PARAMETERS = 60


def decode_bytes(data: bytes, charset: str) -> str:
    """Text of bytes in a named character set; without a known name it is UTF-8, else Windows-1252."""
    name = charset.strip().strip("'\"").lower()
    codec = _codec(_ALIASES.get(name, name))
    if codec and codec != "utf-8" and not (codec in _LATIN and _is_utf8(data)):
        return data.decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8" if codec and charset.lower().startswith("utf") else "cp1252", "replace")


def _is_utf8(data: bytes) -> bool:
    """Whether bytes that call themselves Latin are UTF-8: by chance they hardly ever are."""
    if data.isascii():
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _codec(name: str) -> str:
    """The codec of that name, or "" for none, and for those that are not character sets (`hex`, `idna`)."""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return ""
    is_text = getattr(info, "_is_text_encoding", True) and info.name not in _TEXT_CODECS
    return info.name if is_text else ""


def one_line(value: str, limit: int = 998) -> str:
    """A value without line breaks and control characters, so that nothing can become a field of its own."""
    return _CONTROLS.sub(" ", value[: limit * 2]).strip()[:limit]


def decode_words(value: str, limit: int = 998) -> str:
    """Text of a field with encoded words (RFC 2047), on one line and capped.

    The bytes of words that touch are joined before they are decoded, where they are of one character set:
    many programs cut a character in two, although section 5 forbids it.
    """
    value = re.sub(r"\?=\s{1,20}=\?", "?==?", value[: limit * 20])
    out, end = [], 0
    charset, words = "", list[tuple[str, bytes]]()
    for found in islice(_WORD.finditer(value), _MOST_WORDS):
        named = found[1].partition("*")[0].lower()
        if found.start() > end or named != charset:
            out += [_joined(words, charset), value[end : found.start()]]
            charset, words = named, []
        words.append((found[2].lower(), found[3].encode("utf-8", "replace")))
        end = found.end()
    return one_line("".join([*out, _joined(words, charset), value[end:]]), limit)


def _joined(words: list[tuple[str, bytes]], charset: str) -> str:
    """Text of words that touch; base64 may be cut anywhere, quoted-printable between two bytes."""
    data, cut = b"", b""
    for encoding, text in words:
        if encoding == "b":
            cut += text
            if not len(cut) % 4 or cut.endswith(b"="):
                data, cut = data + decode_base64(cut), b""
        else:
            data, cut = data + decode_base64(cut) + binascii.a2b_qp(text, header=True), b""
    return decode_bytes(data + decode_base64(cut), charset)


def decode_base64(data: bytes) -> bytes:
    """Base64, as far as it is: foreign characters are skipped, a cut end is cut."""
    clean = data.translate(None, _NO_BASE64)  # a large picture's takes a regular expression ten times longer
    clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
    return base64.b64decode(clean + b"=" * (-len(clean) % 4))


def addresses(value: str, most: int = 100) -> tuple[Address, ...]:
    """The mailboxes of a field, at most so many. One that is no strict addr-spec has an empty address."""
    found = []
    for item in _items(value[:50_000], most):
        one = _address(item)
        if one.address or one.name:
            found.append(one)
    return tuple(found)


def _items(value: str, most: int) -> list[str]:
    """Split at the commas outside quotes, comments and brackets; groups (`name: a, b;`) lose their name."""
    items, start, quoted, depth, escaped, angle = [], 0, False, 0, False, False
    for at, char in enumerate(value):
        if escaped or char == "\\":
            escaped = not escaped
        elif char == '"' and not depth:
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif char in "<>" and not depth:
            angle = char == "<"
        elif char in ",;:" and not depth and not angle:
            items += [] if char == ":" else [value[start:at]]
            start = at + 1
            if len(items) >= most:
                return items
    return [*items, value[start:]]


def _address(item: str) -> Address:
    """One mailbox. The address is the one in the brackets at the end, or the whole without its comments."""
    item = item.strip()
    if item.endswith(">"):
        name, _, spec = item[:-1].rpartition("<")
    else:
        name, spec = "", _without_comments(item)
    spec = spec.strip()
    good = _ADDRESS.fullmatch(spec) and not spec.startswith("=?")
    text = decode_words(name.strip().strip('"').replace('\\"', '"'), 200).strip("\"' ")
    return Address(
        name=text or ("" if good else decode_words(item, 200)), address=_lowered(spec) if good else ""
    )


def _lowered(spec: str) -> str:
    local, _, domain = spec.rpartition("@")
    return canonical(f"{local}@{domain.rstrip('.').lower()}")


def _without_comments(item: str) -> str:
    return re.sub(r"\([^()]{0,200}\)", "", item)


def message_ids(value: str, most: int = 50) -> tuple[str, ...]:
    """The last ids of a References or In-Reply-To field, oldest first, each once."""
    ids = _MESSAGE_ID.findall(re.sub(r"\s+", " ", value[-20_000:]))
    return tuple(dict.fromkeys(reversed(ids[-most * 2 :])))[:most][::-1]


def message_id(value: str) -> str:
    """The one id of a Message-ID field, or "" when it is not valid."""
    value = value.strip()
    return value if _MESSAGE_ID.fullmatch(value) and value.isprintable() else ""


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A field with parameters (RFC 2045, RFC 2231): its first token, and they by name, in lower case."""
    value = value[:20_000]
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, str]] = {}
    for number, found in enumerate(_PARAMETER.finditer(value)):
        if number >= _MOST_PARAMETERS:
            break
        name, quoted, token = found.groups()
        text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
        base, _, index = name.lower().partition("*")
        if not index and "*" not in name:
            plain.setdefault(base, text)
        else:
            pieces.setdefault(base, {})[_index(index)] = text
    for base, numbered in pieces.items():
        plain[base] = _extended("".join(numbered[n] for n in sorted(numbered)))
    return value.partition(";")[0].strip().lower()[:100], plain


def _index(text: str) -> int:
    digits = text.rstrip("*")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 3 else 0


def _extended(text: str) -> str:
    charset, quote, rest = text.partition("'")
    if quote and "'" in rest:
        return decode_bytes(unquote_to_bytes(rest.partition("'")[2]), charset)
    return decode_bytes(unquote_to_bytes(text), "utf-8") if "%" in text else text


def date_ms(value: str) -> int | None:
    """A Date field in milliseconds since 1970, or None when it is absurd."""
    try:
        parts = parsedate_tz(value[:100])
        if parts is None or not 1970 <= parts[0] <= 2200:
            return None
        moment = datetime(*parts[:6], tzinfo=UTC)
        offset = parts[9] or 0
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return (int(moment.timestamp()) - offset) * 1000 if abs(offset) <= 86400 else None
