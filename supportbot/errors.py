"""Every error raised on purpose. The docstring is the message: it says what to do next.

``{name}`` in a docstring is filled from the keyword arguments the error was raised with.
"""

from __future__ import annotations

from math import isnan
from typing import Any


class SupportBotError(Exception):
    """Something in SupportBot failed."""

    def __init__(self, **details: Any) -> None:
        self.details = details
        super().__init__(" ".join((type(self).__doc__ or "").split()).format_map(details))


class ConfigError(SupportBotError):
    """{problems}"""


class UnknownChannel(SupportBotError):
    """Channel '{name}' is not installed. Known: {known}. Fix the channel's 'type' in bot.yaml, or install
    the package that brings it."""


class ChannelDependencyMissing(SupportBotError):
    """Channel '{name}' needs '{module}', which is not installed. Install its extra; for a channel of
    SupportBot's own, in your clone: pip install '.[{name}]'."""


# -- store -------------------------------------------------------------------------------------


class StoreUnavailable(SupportBotError):
    """The session store cannot be used: {cause}. {remedy}."""

    def __init__(self, *, cause: str, remedy: str = "") -> None:
        """Take why, and what the operator should do about this cause; without it, look at the database."""
        known = remedy or "Look whether the database of bot.yaml runs, can be reached and has room"
        super().__init__(cause=cause, remedy=known)
        self.what = f"{cause}: {remedy}" if remedy else cause
        """Both in one line, for where it is plain that the store is meant."""


class StoreInUse(SupportBotError):
    """Another bot is running on {path} (process {pid}). Stop it first, give this one its own 'database' in
    bot.yaml, or use PostgreSQL to run several."""


class UnknownSchema(SupportBotError):
    """The database {database} is at schema version '{found}', which no release of SupportBot has: sources
    between two releases made it. Work on with those, or give the bot a new database in bot.yaml ('database');
    nothing was changed."""


class NewerSchema(UnknownSchema):
    """The database {database} was migrated by a newer SupportBot: it is at schema version '{found}', and this
    one knows up to '{known}'. Install the newer one (supportbot --version says which this is). Or, to stay
    with this one, take the database back first, with the newer one: supportbot migrate {known}. Nothing was
    changed."""


class SchemaBehind(SupportBotError):
    """The database is at schema version '{found}' and this release needs '{needed}'. Run:
    supportbot migrate"""


class SchemaDiffers(SupportBotError):
    """The database {database} says it is at schema version '{found}', but its tables are not those of that
    version ({differences}): a version that was never released made it. Give the bot a new database in
    bot.yaml ('database'), or work on with what made this one; nothing was changed."""


class ForeignDatabase(SupportBotError):
    """The database {database} holds tables that SupportBot did not make ({tables}). Give the bot an empty
    database of its own in bot.yaml ('database'); nothing was changed."""


class DatabaseUnusable(SupportBotError):
    """The database {database} cannot be used: {cause}. Check 'database' in bot.yaml, and that the server runs
    or that the file and its folder may be written; nothing was changed."""


class DatabaseAway(DatabaseUnusable):
    """The database {database} does not answer: {cause}. {remedy}; nothing was changed."""


class DatabaseReadOnly(DatabaseUnusable):
    """The database {database} cannot be written: {cause}; nothing was changed. {remedy}"""


class DatabaseShut(DatabaseUnusable):
    """The database {database} does not let its user look into it: {cause}; nothing was changed. {remedy}"""


class BotsAtWork(SupportBotError):
    """Bots work on the database {database}: {processes}. Stop them first; one that was killed is forgotten
    after 30 seconds, and 'supportbot processes' lists them. Nothing was changed."""


class DatabaseForbids(SupportBotError):
    """The database {database} does not let its user set it up: {cause}. Let its owner say 'GRANT CREATE ON
    DATABASE "…" TO "…"' and 'GRANT CREATE, USAGE ON SCHEMA "…" TO "…"', with the names of the database, the
    schema (public, unless the user has another search_path) and the user. If SupportBot's tables are there
    already, name their owner in bot.yaml ('database'). Nothing was changed."""


class EmptyRole(SupportBotError):
    """'--roles {given}' has an empty entry: take out the comma that is too many, or name the role that is
    missing there. Known: {known}."""


class IdleRoles(SupportBotError):
    """A process with '--roles {given}' would do nothing, as no channel of bot.yaml needs that. This bot needs
    {needed}: name one of them, or add the channel to bot.yaml."""


class NoRole(SupportBotError):
    """'--roles' names no role. Give one or several of {known}, separated by commas; leave the option out for
    all of them."""


class UnknownRole(SupportBotError):
    """There is no role '{role}'. Known: {known}."""


class UnknownRoleNeeded(SupportBotError):
    """Channel '{name}', of the type '{type}', needs the role '{role}', which there is not. Known: {known}.
    Whoever wrote that type has to correct what its roles() returns."""


class RolesNeedServer(SupportBotError):
    """One process alone works on a SQLite file, so it must do everything: leave out --roles, or set
    'database' in bot.yaml to a PostgreSQL server, which several processes can share."""


class DatabaseDriverMissing(SupportBotError):
    """PostgreSQL needs '{module}', which is not installed. Install its extra, in your clone:
    pip install '.[postgres]'."""


class NoStoreYet(SupportBotError):
    """There is no store at {database} yet: the bot has not run on it. Start it: supportbot serve. If it has
    run, correct 'database' in bot.yaml: this one is empty, or not there."""


class NotFound(SupportBotError):
    """There is no {what} '{id}'."""


class OriginalSealed(SupportBotError):
    """The original of the message '{id}' is encrypted, and no key of 'encryption_keys' opens it."""


class NoEncryptionKeys(SupportBotError):
    """There is no key to encrypt with. Make one with: openssl rand -base64 32 | tr '+/' '-_'. Put it into the
    environment, as BOT_KEY, and into bot.yaml, beside 'database': encryption_keys: ["${{BOT_KEY}}"]"""


class NoSuchChannel(SupportBotError):
    """There is no channel '{name}' in bot.yaml, and nothing is kept of one. Known: {known}."""


class ConversationDeleted(NotFound):
    """The conversation of {id} was deleted. What the team was told of it is not taken back yet; look at:
    supportbot deliveries list --kind withdrawal."""


class NotInState(SupportBotError):
    """{what} {id} is {state}, not {wanted}."""


# -- a turn ------------------------------------------------------------------------------------


class Fenced(SupportBotError):
    """Turn '{turn}' is no longer ours: it was taken over, or a person is now speaking in the conversation."""


class NotAccepting(SupportBotError):
    """The bot is stopping and takes no new messages. Whoever sent this one is told to send it again."""


class PromptError(SupportBotError):
    """{file}:{line}: {problem}"""


# -- the knowledge -----------------------------------------------------------------------------


class FullTextSearchMissing(SupportBotError):
    """This Python's SQLite ({version}) was built without FTS5, which searching the knowledge needs. Run
    SupportBot with a Python whose sqlite3 has it, such as one from python.org, uv or your distribution."""


# -- a model -----------------------------------------------------------------------------------


class ModelError(SupportBotError):
    """The model '{model}' did not answer: {cause}"""

    retryable = True


class ModelRefused(ModelError):
    """The model endpoint '{model}' refused the request ({status}): {cause}"""

    retryable = False


class ModelOverBudget(ModelError):
    """The model '{model}' is not asked: {cause}"""

    retryable = False


class ModelUnusable(ModelError):
    """The model '{model}' gave nothing that a customer could be shown: {cause}"""

    retryable = False


class NoModelToAsk(SupportBotError):
    """There is no {wanted} to ask in bot.yaml. {known}"""


# -- tools -------------------------------------------------------------------------------------


class BadTool(SupportBotError):
    """The tool '{tool}' {problem}: {fix}"""


class ToolFailed(SupportBotError):
    """{reason}"""

    def __init__(self, reason: str) -> None:
        """For a tool to raise: it has done nothing, for this ``reason``, which the model gets to read."""
        super().__init__(reason=reason)


class BadArguments(SupportBotError):
    """The arguments do not fit: {problems}"""


# -- a delivery --------------------------------------------------------------------------------


class DeliveryError(SupportBotError):
    """The delivery failed: {cause}"""


class Refused(DeliveryError):
    """The platform refused the delivery and will go on refusing it: {cause}"""


class RetryAfter(DeliveryError):
    """The platform did not take the delivery, and may take it later: {cause}"""

    @property
    def seconds(self) -> float | None:
        """How long to wait before the next attempt; None when it is not known, or no number was given."""
        try:
            seconds = float(self.details["seconds"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return None if isnan(seconds) else seconds


class Unclear(DeliveryError):
    """Nobody can say whether the platform took the delivery: {cause}"""


class NeverClear(Unclear):
    """Nobody will ever be able to say whether the platform took the delivery: {cause}"""


class SendUnseen(NeverClear):
    """Nobody can say whether the platform took the delivery, and the channel is configured to post it again:
    {cause}"""


# -- the server --------------------------------------------------------------------------------


class CannotListen(SupportBotError):
    """Cannot listen on {address}: {cause}. Set another 'server.port' or 'server.host' in bot.yaml, or stop
    the program that has this one."""


# -- the terminal ------------------------------------------------------------------------------


class NoTerminalChannel(SupportBotError):
    """The bot that runs at {url} has no channel of type 'terminal' to chat through. Add one to 'channels' in
    bot.yaml and start it again."""


class ChatRefused(SupportBotError):
    """The bot did not take the message ({status}): {cause}"""


class BotDidNotStart(SupportBotError):
    """The throwaway bot did not start: {cause}"""


class BotMisbehaved(SupportBotError):
    """The bot on trial did what it must not: {cause}"""


class TrialBroke(SupportBotError):
    """The trial could not be held: {cause}"""


class BotGone(SupportBotError):
    """The bot does not answer: {cause}. A message that it took is answered when it runs again
    (supportbot serve); to read the answer: {reading}"""
