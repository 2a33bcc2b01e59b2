"""Words that customers, and models, do send."""

from __future__ import annotations

HOSTILE = {
    "NUL": "parcel\x00?",
    "lone surrogates": "parcel \ud800 \udfff",
    "32 KiB": ("parcel " * 5000)[: 32 * 1024],
    "right to left": "parcel \u202e\u2066 \u0645\u0631\u062d\u0628\u0627 \u200f\u2069",
    "invisible": "parcel\u200b\u2060\ufeff \U000e0041\U000e0042",
    "combining marks": "parcel " + "a" + "\u0301" * 500,
    "emoji": "parcel \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "control characters": "parcel \x1b[31m\x07\x08\x7f\x85 \u2028 \r\n\t",
    "markup": "parcel <script>alert(1)</script> &amp; **bold** _it_ `code` [a](javascript:b) <!channel>",
    "templates": "parcel {{ 7 * 7 }} ${HOME} %s %(name)s {0} \\u0000 \\",
    "structure": "parcel \"}],'); DROP TABLE messages; --\r\nBcc: eve@example.com\r\n.\r\n",
}
"""By what is wrong with them. Each holds the word "parcel", which must come through."""
