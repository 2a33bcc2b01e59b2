"""Who a visitor is, as their website vouches for it: a signed token (JWT, RFC 7519), read strictly.

The key is found by its name, and the key says the algorithm: what the token's head claims decides nothing
(RFC 8725, section 3.1). ``jwt`` is imported where it is needed: it takes as long as all the rest together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Any, Literal, get_args

from supportbot.storable import clean_name

if TYPE_CHECKING:
    from supportbot_webhook.keys import Identity, Key

_LONGEST_TOKEN = 8192  # characters
_TOKEN = re.compile(
    r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
)  # also one that nobody signed: its key says no
_LONGEST_LIFE = 24 * 3600  # seconds that a token may be good for
_NO_DATE = 1e12  # seconds: no clock says that
_LEEWAY = 30  # seconds that two clocks may differ
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_EMAIL = re.compile(r"[^\x00-\x20\x7f@]+@[^\x00-\x20\x7f@]+")
_LONGEST = {"sub": 200, "name": 200, "email": 254}


Reason = Literal[
    "malformed", "key", "signature", "expired", "early", "audience", "issuer", "lifetime", "claims"
]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""Why a token is not good, for the log and the metrics."""

_ADVICE: dict[Reason, str] = {
    "expired": "The website's token: its exp is over. Sign a new one for each page.",
    "early": "The website's token: its nbf or iat is still to come. Set the clock of who signs.",
    "audience": "The website's token: its aud is not identity.audience of bot.yaml.",
    "issuer": "The website's token: its iss is not identity.issuer of bot.yaml.",
    "lifetime": "The website's token: it is good for more than 24 hours. Bring exp nearer.",
    "claims": "The website's token: exp, aud or sub is missing, or a claim is not what it must be.",
}
"""What to do, for those that were signed as they should be: it is their website that asks. Strangers are not
told what was wrong."""


class NotIdentified(Exception):
    """The token is not good."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def code(self) -> str:
        """What the answer says of it: one word for all that is not signed as it should be."""
        return f"identity_{self.reason}" if self.reason in _ADVICE else "bad_identity"

    @property
    def advice(self) -> str:
        """What to do, in one line."""
        return _ADVICE.get(self.reason, "The website's token is not good.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a website vouches for."""

    subject: str
    """The website's own key of them, compared exactly."""
    name: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """What stands for the subject in our records: of one length, and telling nothing."""
        return sha256(self.subject.encode()).hexdigest()


class Verifier:
    """Reads one website's tokens."""

    def __init__(self, identity: Identity) -> None:
        import jwt  # now, and not with the first visitor: it takes a while

        self._jwt = jwt.PyJWT(options={"require": ["exp", "aud", "sub"]})
        self._header = jwt.get_unverified_header
        self._error = jwt.PyJWTError
        self._reasons: tuple[tuple[type[Exception], Reason], ...] = (
            (jwt.InvalidSignatureError, "signature"),  # one kind of DecodeError
            (jwt.ExpiredSignatureError, "expired"),
            (jwt.ImmatureSignatureError, "early"),
            (jwt.InvalidAudienceError, "audience"),
            (jwt.InvalidIssuerError, "issuer"),
            (jwt.MissingRequiredClaimError, "claims"),
            (jwt.exceptions.InvalidSubjectError, "claims"),
            (jwt.exceptions.InvalidIssuedAtError, "claims"),
        )
        self._identity = identity
        self._keys = {key.id: (key, _material(key)) for key in identity.keys}

    def verify(self, token: str) -> Person:
        """Return the person whom a token names.

        Raises:
            NotIdentified: it is not good.
        """
        if len(token) > _LONGEST_TOKEN or not _TOKEN.fullmatch(token):
            raise NotIdentified("malformed")
        try:
            key, material = self._key(self._header(token))
            claims = self._jwt.decode(
                token,
                material,
                algorithms=[key.algorithm],
                audience=self._identity.audience,
                issuer=self._identity.issuer,
                leeway=_LEEWAY,
            )
        except (self._error, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise NotIdentified(self._reason(error)) from None
        _check_life(claims)
        return Person(
            subject=_text(claims, "sub", required=True),
            name=clean_name(_text(claims, "name")),
            email=_email(_text(claims, "email")),
        )

    def _reason(self, error: Exception) -> Reason:
        return next((reason for kind, reason in self._reasons if isinstance(error, kind)), "malformed")

    def _key(self, head: dict[str, Any]) -> tuple[Key, Any]:
        """Return the key that a token's head names; it need not name the only one there is."""
        name = head.get("kid")
        if name is None and len(self._keys) == 1:
            name = next(iter(self._keys))
        found = self._keys.get(name) if isinstance(name, str) else None
        if found is None or "crit" in head or head.get("alg") != found[0].algorithm:
            raise NotIdentified("key")
        return found


def _material(key: Key) -> Any:
    return key.secret.get_secret_value() if key.secret is not None else key.public_key


def _check_life(claims: dict[str, Any]) -> None:
    """Hold a token to 24 hours, by its own dates and by our clock."""
    dates = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    if not all(isinstance(date, int | float) and not isinstance(date, bool) for date in dates):
        raise NotIdentified("claims")
    if not all(0 <= date < _NO_DATE for date in dates):  # also not NaN, and nothing that no float can hold
        raise NotIdentified("claims")
    expires, now = claims["exp"], time()
    if expires - now > _LONGEST_LIFE + _LEEWAY or expires - claims.get("iat", now) > _LONGEST_LIFE + _LEEWAY:
        raise NotIdentified("lifetime")


def _text(claims: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST[name] or _UNPRINTABLE.search(value):
        raise NotIdentified("claims")
    if required and not value.strip():
        raise NotIdentified("claims")
    return value


def _email(address: str) -> str:
    if address and not _EMAIL.fullmatch(address):
        raise NotIdentified("claims")
    return address
