"""What does not fit in a request, in words of ours: pydantic's are for those who wrote the models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_sub_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "bytes_type": "must be text in base64",
    "greater_than_equal": "must be {ge} at least",
    "less_than_equal": "must be {le} at most",
    "string_too_short": "must have {min_length} characters at least",
    "string_too_long": "may have {max_length} characters at most",
    "bytes_too_short": "is empty",
    "too_short": "must have {min_length} entries at least",
    "too_long": "may have {max_length} entries at most",
    "literal_error": "must be {expected}",
    "string_unicode": "holds half of a character",
}
_FORMS = {
    "conversation": "must be 1 to 200 characters, none of them a control character",
    "id": "must be 1 to 200 characters, none of them a control character",
    "email": "must be an e-mail address, such as anna@example.com",
    "client_id": "must be 1 to 64 of the characters A-Z, a-z, 0-9, '_' and '-'",
    "language": "must be two or three lower-case letters, such as de",
    "content_type": "must be a media type, such as image/png",
    "url": "must be an address in ASCII, without spaces",
}


def first_problem(error: ValidationError) -> str:
    """Say which field is wrong and why; of the request, only a plain name is repeated."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        named = _PLAIN_NAME.fullmatch(where)
        return f"{where}: is not known here" if named else "There is a field that is not known here."
    return f"{where}: {_why(first)}"


def _why(error: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        name = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "")
        return _FORMS.get(name, "does not have the form that openapi.json gives")
    if kind == "string_too_short" and context["min_length"] == 1:
        return "is empty"
    return _WORDS.get(kind, "does not fit; openapi.json says what does").format_map(context)
