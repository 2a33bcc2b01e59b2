"""What the bot counts, in its own Prometheus registry: two bots in one process do not mix.

Labels have few values by construction: route templates and never paths, outcomes and never messages.
``docs/operations.md`` explains every metric; a test holds the two together.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from supportbot.usage import Spent

_TURN_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)
_COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_CHANGED_BUCKETS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1)
_GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """One bot's counters. Each method tells of one thing that happened."""

    content_type = CONTENT_TYPE_LATEST
    """Content-Type of what ``exposition`` returns."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._messages_accepted = Counter(
            "supportbot_messages_accepted_total",
            "Messages stored, or found to be stored already.",
            ["channel", "duplicate"],
            registry=registry,
        )
        self._messages_ignored = Counter(
            "supportbot_messages_ignored_total",
            "Messages that get no answer, and why.",
            ["channel", "reason"],
            registry=registry,
        )
        self._refused = Counter(
            "supportbot_refused_total",
            "What a channel did not let in, and why.",
            ["channel", "reason"],
            registry=registry,
        )
        self._turns = Counter(
            "supportbot_turns_total", "Tries at turns that ended.", ["outcome"], registry=registry
        )
        self._turn_seconds = Histogram(
            "supportbot_turn_seconds",
            "Time of one try at a turn, from its claim.",
            buckets=_TURN_BUCKETS,
            registry=registry,
        )
        self._turns_waiting = Gauge(
            "supportbot_turns_waiting", "Turns that are due and not yet claimed.", registry=registry
        )
        self._turns_waiting_seconds = Gauge(
            "supportbot_turns_waiting_seconds", "For how long the first of them has been.", registry=registry
        )
        self._model_calls = Counter(
            "supportbot_model_calls_total", "Requests to a model.", ["model", "outcome"], registry=registry
        )
        self._model_seconds = Histogram(
            "supportbot_model_seconds",
            "Time of one request to a model, to its last word.",
            ["model"],
            buckets=_TURN_BUCKETS,
            registry=registry,
        )
        self._model_wait_seconds = Histogram(
            "supportbot_model_wait_seconds",
            "Time that one request waited until the model's limits let it through.",
            ["model"],
            buckets=_TURN_BUCKETS,
            registry=registry,
        )
        self._limit_denied = Counter(
            "supportbot_limit_denied_total", "What a limit refused.", ["limit"], registry=registry
        )
        self._limits_unshared = Counter(
            "supportbot_limits_unshared_total",
            "Times that a process kept a limit by itself, because the database did not answer in time.",
            registry=registry,
        )
        self._model_tokens = Counter(
            "supportbot_model_tokens_total",
            "Tokens that requests to a model used.",
            ["model", "kind"],
            registry=registry,
        )
        self._model_cost = Counter(
            "supportbot_model_cost_total",
            "What requests to a model cost.",
            ["model", "currency"],
            registry=registry,
        )
        self._spending_refused = Counter(
            "supportbot_spending_refused_total",
            "Requests that a cap kept from being made.",
            ["cap"],
            registry=registry,
        )
        self._tool_calls = Counter(
            "supportbot_tool_calls_total",
            "Tool calls, by what became of them.",
            ["tool", "outcome"],
            registry=registry,
        )
        self._moderations = Counter(
            "supportbot_moderations_total",
            "Verdicts of moderation.",
            ["of", "outcome"],
            registry=registry,
        )
        self._triages = Counter(
            "supportbot_triages_total",
            "Questions by what a model says they are.",
            ["topic", "sentiment", "urgency", "wants_person"],
            registry=registry,
        )
        self._triages_failed = Counter(
            "supportbot_triages_failed_total", "Questions that no model could sort.", registry=registry
        )
        self._ratings = Counter(
            "supportbot_ratings_total",
            "What people thought of answers.",
            ["channel", "verdict"],
            registry=registry,
        )
        self._drafts = Counter(
            "supportbot_drafts_total",
            "Drafts by what became of them.",
            ["channel", "topic", "outcome"],
            registry=registry,
        )
        self._draft_changed = Histogram(
            "supportbot_draft_changed_ratio",
            "How much of a draft was changed before it was sent.",
            ["channel"],
            buckets=_CHANGED_BUCKETS,
            registry=registry,
        )
        self._scores = Counter(
            "supportbot_scores_total",
            "What people thought of conversations, 1 to 5.",
            ["channel", "score"],
            registry=registry,
        )
        self._deliveries = Counter(
            "supportbot_deliveries_total",
            "Deliveries that reached their end.",
            ["channel", "kind", "state"],
            registry=registry,
        )
        self._links_cut = Counter(
            "supportbot_links_cut_total",
            "Links in delivered answers from which something was cut.",
            ["channel"],
            registry=registry,
        )
        self._follow_ups = Counter(
            "supportbot_follow_ups_total",
            "Mails planned for what visitors who left have missed.",
            ["channel"],
            registry=registry,
        )
        self._deliveries_open = Gauge(
            "supportbot_deliveries_open", "Deliveries that are planned or being sent.", registry=registry
        )
        self._withdrawals = Gauge(
            "supportbot_withdrawals",
            "Posts that may hold words of deleted conversations.",
            ["state"],
            registry=registry,
        )
        self._http_requests = Counter(
            "supportbot_http_requests_total",
            "HTTP requests answered, by route template.",
            ["route", "status"],
            registry=registry,
        )
        self._store_commit_seconds = Histogram(
            "supportbot_store_commit_seconds",
            "Time of one commit of the session store.",
            buckets=_COMMIT_BUCKETS,
            registry=registry,
        )
        self._store_group_size = Histogram(
            "supportbot_store_group_size",
            "Units of work that shared one commit.",
            buckets=_GROUP_BUCKETS,
            registry=registry,
        )
        self._notices_passed_over = Counter(
            "supportbot_notices_passed_over_total",
            "What another process told and this release does not understand.",
            ["of"],
            registry=registry,
        )
        self._sse_streams = Gauge("supportbot_sse_streams", "Event streams that are open.", registry=registry)

    def message_accepted(self, channel: str, *, duplicate: bool = False) -> None:
        """A message was stored, or was found to be stored already."""
        self._messages_accepted.labels(channel, "true" if duplicate else "false").inc()

    def message_ignored(self, channel: str, reason: str) -> None:
        """A message gets no answer. ``reason`` is a word of ours, such as ``auto_reply``."""
        self._messages_ignored.labels(channel, reason).inc()

    def refused(self, channel: str, reason: str) -> None:
        """A channel did not let something in. ``reason`` is a word of ours, such as ``identity_expired``."""
        self._refused.labels(channel, reason).inc()

    def turn_ended(self, outcome: str, seconds: float) -> None:
        """A try at a turn ended: ``answered``, ``failed`` (it is tried again), ``dead``, ``superseded``
        (taken over, or a person speaks now), ``released`` (the bot stops, or its lease ended)."""
        self._turns.labels(outcome).inc()
        self._turn_seconds.observe(seconds)

    def model_called(self, model: str, outcome: str, seconds: float | None) -> None:
        """A request to a model ended: ``ok``, ``refused``, ``failed``, ``cut``; or it was ``skipped``, in no
        time."""
        self._model_calls.labels(model, outcome).inc()
        if seconds is not None:
            self._model_seconds.labels(model).observe(seconds)

    def model_waited(self, model: str, seconds: float) -> None:
        """A request to a model was let through, after so long."""
        self._model_wait_seconds.labels(model).observe(seconds)

    def limit_denied(self, limit: str) -> None:
        """A limit refused something. ``limit`` is a channel's name and the limit's."""
        self._limit_denied.labels(limit).inc()

    def limits_unshared(self) -> None:
        """The database did not answer in time: this process kept a limit by itself."""
        self._limits_unshared.inc()

    def model_spent(self, spent: Spent, currency: str) -> None:
        """A request to a model used something: ``input``, ``cached_input``, ``output`` tokens, and money."""
        tokens = self._model_tokens
        tokens.labels(spent.model, "input").inc(spent.prompt_tokens - spent.cached_tokens)
        tokens.labels(spent.model, "cached_input").inc(spent.cached_tokens)
        tokens.labels(spent.model, "output").inc(spent.completion_tokens)
        if spent.cost is not None:
            self._model_cost.labels(spent.model, currency).inc(spent.cost / 1e9)

    def spending_refused(self, cap: str) -> None:
        """A model was not asked: the ``conversation`` or the ``day`` has reached its cap."""
        self._spending_refused.labels(cap).inc()

    def tool_called(self, tool: str, outcome: str) -> None:
        """A tool call came to an outcome: ``done``, ``failed``, ``unknown``, ``refused``, ``invalid``; or
        ``asked``, and then ``confirmed``, ``cancelled`` or ``expired``. ``tool`` is one of bot.yaml's, or
        ``(unknown)``."""
        self._tool_calls.labels(tool, outcome).inc()

    def moderated(self, of: str, outcome: str) -> None:
        """The ``input`` or the ``output`` of a model was judged: ``passed``, ``flagged`` or ``error``."""
        self._moderations.labels(of, outcome).inc()

    def triaged(self, topic: str, sentiment: str, urgency: str, *, wants_person: bool) -> None:
        """A question was sorted. ``topic`` is one of bot.yaml's, or ``other``."""
        self._triages.labels(topic, sentiment, urgency, "true" if wants_person else "false").inc()

    def triage_failed(self) -> None:
        """A question could not be sorted."""
        self._triages_failed.inc()

    def answer_rated(self, channel: str, verdict: str) -> None:
        """Somebody found an answer ``good`` or ``bad``; who changes their mind is counted again."""
        self._ratings.labels(channel, verdict).inc()

    def draft(self, channel: str, topic: str, outcome: str, changed: float | None) -> None:
        """A draft was left (``open``), or it ended, and so much of it was changed (1: all of it) if it was
        sent. ``topic`` is one of bot.yaml's, ``other``, or empty where nothing was sorted."""
        self._drafts.labels(channel, topic, outcome).inc()
        if changed is not None:
            self._draft_changed.labels(channel).observe(changed)

    def conversation_scored(self, channel: str, score: int) -> None:
        """Somebody gave a conversation 1 to 5; who changes their mind is counted again."""
        self._scores.labels(channel, str(score)).inc()

    def delivery(self, channel: str, kind: str, state: str) -> None:
        """A delivery reached its end: ``delivered``, ``unknown`` or ``dead``. ``kind`` is ``reply``,
        ``follow_up``, ``notice`` or ``withdrawal``."""
        self._deliveries.labels(channel, kind, state).inc()

    def links_cut(self, channel: str, number: int) -> None:
        """In a reply that was delivered, so many links said more than they need to, and do not any more."""
        self._links_cut.labels(channel).inc(number)

    def follow_up(self, channel: str) -> None:
        """What somebody missed in a channel is about to be told in another."""
        self._follow_ups.labels(channel).inc()

    def waiting(self, *, turns: int, longest: float, deliveries: int, withdrawals: Mapping[str, int]) -> None:
        """So many turns are due and not yet claimed, the first of them for so many seconds; so many
        deliveries are planned or being sent; so many posts may hold words of deleted conversations, by
        state: ``planned``, ``unknown``, ``dead``."""
        self._turns_waiting.set(turns)
        self._turns_waiting_seconds.set(longest)
        self._deliveries_open.set(deliveries)
        for state in ("planned", "unknown", "dead"):
            self._withdrawals.labels(state).set(withdrawals.get(state, 0))

    def http_answered(self, route: str, status: int) -> None:
        """A request was answered. ``route`` is the route's template, never the path that was asked for."""
        self._http_requests.labels(route, str(status)).inc()

    def store_committed(self, seconds: float, units: int) -> None:
        """The store committed ``units`` units of work at once."""
        self._store_commit_seconds.observe(seconds)
        self._store_group_size.observe(units)

    def notice_passed_over(self, of: str) -> None:
        """Another process told a whole ``notice``, or an ``event`` in one, that was not understood."""
        self._notices_passed_over.labels(of).inc()

    @contextmanager
    def sse_stream(self) -> Iterator[None]:
        """Count an event stream as open for as long as the block runs."""
        self._sse_streams.inc()
        try:
            yield
        finally:
            self._sse_streams.dec()

    def names(self) -> list[str]:
        """The names of all metrics, as an exposition shows them, sorted."""
        return sorted(
            family.name + ("_total" if family.type == "counter" else "")
            for family in self._registry.collect()
        )

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format."""
        return generate_latest(self._registry)
