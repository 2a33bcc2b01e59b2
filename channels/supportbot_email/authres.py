"""Whether our own mail server vouches for the domain of From (RFC 8601)."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"\([^()]{0,500}\)")
_RESULT = re.compile(r"\s*dmarc\s*=\s*pass\b", re.IGNORECASE)
_FROM = re.compile(r"\bheader\.from\s*=\s*\"?([A-Za-z0-9._@-]{1,320})", re.IGNORECASE)


def is_verified(results: list[str], authserv_id: str, domain: str) -> bool:
    """Whether the topmost Authentication-Results is our server's and says DMARC pass for that domain.

    `results` are the fields' values, topmost first. One further down was there when the mail arrived: anybody
    can have written it. So when the topmost is not ours, nothing is verified.
    """
    if not (results and authserv_id and domain):
        return False
    server, _, rest = _COMMENT.sub(" ", results[0][:10_000]).partition(";")
    if (server.split() or [""])[0].lower() != authserv_id.lower():
        return False
    verdicts = [one for one in rest.split(";") if one.strip().lower().startswith("dmarc")]
    return len(verdicts) == 1 and bool(_RESULT.match(verdicts[0])) and _names(verdicts[0], domain)


def _names(verdict: str, domain: str) -> bool:
    found = _FROM.findall(verdict)
    return len(found) == 1 and found[0].rpartition("@")[2].rstrip(".").lower() == domain.lower()
