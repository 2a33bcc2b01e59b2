"""Visitors' sessions: an unguessable token for a browser, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from supportbot.ids import new_id, now_ms

if TYPE_CHECKING:
    from supportbot.host import Records
    from supportbot.messages import Assurance
    from supportbot_webhook.identity import Person

_TOKEN = re.compile(r"vst_[A-Za-z0-9_-]{43}")
_DAY = 86_400_000  # ms
_PERSON = "person:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who a token stands for, and the one conversation it opens."""

    visitor_id: str
    conversation: str
    """The channel's key of the conversation: 128 random bits, so that nobody comes upon another's."""
    expires_at: int
    name: str = ""
    email: str = ""
    reply_to: str = ""
    """Where they want to be written to; kept here until there is a conversation."""
    person: str = ""
    """Whom their website vouches for (``Person.key``); empty as long as it does not."""

    @property
    def assurance(self) -> Assurance:
        """How sure we are of who it is."""
        if self.person:
            return "verified"
        return "claimed" if self.name or self.email else "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A session whose visitor is known now."""

    token: str
    session: Session
    adopted: bool = False
    """The conversation that was nobody's became theirs."""
    same: bool = False
    """The session was theirs already, and goes on."""


class Sessions:
    """The sessions of one channel, in its records."""

    def __init__(self, records: Records, *, days: int) -> None:
        self._records = records
        self._lifetime = days * _DAY

    async def open(self, *, name: str = "", email: str = "") -> tuple[str, Session]:
        """Begin a session and return its token (256 random bits) and what it stands for."""
        session = Session(
            visitor_id=new_id("visitor"),
            conversation=_new_conversation(),
            expires_at=now_ms() + self._lifetime,
            name=name,
            email=email,
        )
        return await self._begin(session), session

    async def find(self, token: str) -> Session | None:
        """Return what a token stands for; None when it never did, no longer does, or is no token at all."""
        if not _TOKEN.fullmatch(token):
            return None
        found = await self._records.get(_key(token))
        if found is None or found["expires_at"] <= now_ms():
            return None
        return _session(found)

    async def identify(self, person: Person, token: str, *, lifetime: int) -> Identified:
        """Return a session of a person, and end the one of ``token`` unless it is theirs already.

        The person's conversation is the one they have. Who has none yet brings along the one of ``token``, as
        long as that is nobody's: it was begun on this browser, by whom nobody said. Else a new one is begun.

        Args:
            person: whom their website vouches for.
            token: what the browser has; may be empty or stand for nothing.
            lifetime: of the session, in milliseconds.
        """
        current = await self.find(token)
        expires_at = now_ms() + lifetime
        vouched: dict[str, Any] = {
            "expires_at": expires_at,
            "name": person.name,
            "email": person.email,
            "person": person.key,
        }
        if current is not None and current.person == person.key:
            renewed = await self.learn(token, **vouched)
            if renewed is not None:
                return Identified(token=token, session=renewed, same=True)
            current = None  # ended meanwhile
        theirs, adopted = await self._conversation_of(person, current)
        session = Session(visitor_id=theirs["visitor_id"], conversation=theirs["conversation"], **vouched)
        if adopted:  # first: should we die here, the old token must not open as nobody's what is theirs now
            session = await self.learn(token, **vouched) or session
        fresh = await self._begin(session)
        if current is not None:
            await self.close(token)
        return Identified(token=fresh, session=session, adopted=adopted)

    async def learn(self, token: str, **learnt: Any) -> Session | None:
        """Store what was learnt of a session, beside what other requests learn of it at the same time.

        Returns the session as it is now; None when it is over, and nothing is stored then.
        """
        key = _key(token)
        while (before := await self._records.get(key)) is not None:
            session = _session(before)
            if session.expires_at <= now_ms():
                break
            session = replace(session, **learnt)
            if await self._records.swap(key, before, asdict(session), expires_at=session.expires_at):
                return session
        return None

    async def _conversation_of(self, person: Person, current: Session | None) -> tuple[dict[str, str], bool]:
        """Return a person's visitor id and conversation, and whether they were this session's just now.

        Whoever comes first keeps them: both records are added, never replaced. The owner's is there for two
        people who log in on one browser at the same moment.
        """
        known = await self._records.get(_PERSON + person.key)
        if known is not None:
            return known, False
        adopts = current is not None and not current.person and await self._own(current, person)
        if adopts and current is not None:
            begun = {"visitor_id": current.visitor_id, "conversation": current.conversation}
        else:
            begun = {"visitor_id": new_id("visitor"), "conversation": _new_conversation()}
        if await self._records.add(_PERSON + person.key, begun):
            return begun, adopts
        known = await self._records.get(_PERSON + person.key)
        return known or begun, False

    async def _own(self, session: Session, person: Person) -> bool:
        """Make a conversation a person's; says whether it is."""
        key = "owner:" + session.conversation
        if await self._records.add(key, person.key, expires_at=session.expires_at):
            return True
        return bool(await self._records.get(key) == person.key)

    async def _begin(self, session: Session) -> str:
        token = "vst_" + secrets.token_urlsafe(32)
        await self._records.put(_key(token), asdict(session), expires_at=session.expires_at)
        return token

    async def close(self, token: str) -> None:
        """End a session: its token stands for nothing from now on."""
        await self._records.delete(_key(token))


def _session(found: dict[str, Any]) -> Session:
    """Return what a record holds; a field that is no longer known is passed over."""
    known = {field.name for field in fields(Session)}
    return Session(**{name: value for name, value in found.items() if name in known})


def _new_conversation() -> str:
    return "chat_" + secrets.token_urlsafe(16)


def _key(token: str) -> str:
    return "session:" + hashlib.sha256(token.encode()).hexdigest()
