"""metrics: what is counted, and that every one is documented."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from supportbot.metrics import Metrics

_PAGE = Path(__file__).parents[1] / "docs" / "operations.md"


def _samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name.removeprefix("supportbot_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_counts_what_it_is_told() -> None:
    """Each method moves its own metric, with its labels."""
    metrics = Metrics()
    metrics.message_accepted("web")
    metrics.message_accepted("web", duplicate=True)
    metrics.message_ignored("mail", "bounce")
    metrics.refused("web", "identity_expired")
    metrics.turn_ended("answered", 0.2)
    metrics.waiting(turns=7, longest=1.5, deliveries=3, withdrawals={"dead": 2})
    metrics.model_called("llama", "ok", 1.5)
    metrics.delivery("web", "reply", "delivered")
    metrics.http_answered("/healthz", 200)
    metrics.store_committed(0.004, 12)
    metrics.notice_passed_over("event")
    samples = _samples(metrics)
    expected = {
        ("messages_accepted_total", (("channel", "web"), ("duplicate", "false"))): 1,
        ("messages_accepted_total", (("channel", "web"), ("duplicate", "true"))): 1,
        ("messages_ignored_total", (("channel", "mail"), ("reason", "bounce"))): 1,
        ("refused_total", (("channel", "web"), ("reason", "identity_expired"))): 1,
        ("turns_total", (("outcome", "answered"),)): 1,
        ("turn_seconds_sum", ()): 0.2,
        ("turns_waiting", ()): 7,
        ("turns_waiting_seconds", ()): 1.5,
        ("model_calls_total", (("model", "llama"), ("outcome", "ok"))): 1,
        ("model_seconds_sum", (("model", "llama"),)): 1.5,
        ("deliveries_total", (("channel", "web"), ("kind", "reply"), ("state", "delivered"))): 1,
        ("deliveries_open", ()): 3,
        ("withdrawals", (("state", "planned"),)): 0,
        ("withdrawals", (("state", "unknown"),)): 0,
        ("withdrawals", (("state", "dead"),)): 2,
        ("http_requests_total", (("route", "/healthz"), ("status", "200"))): 1,
        ("store_commit_seconds_sum", ()): 0.004,
        ("store_group_size_sum", ()): 12,
        ("notices_passed_over_total", (("of", "event"),)): 1,
    }
    assert expected == {key: samples[key] for key in expected}


def test_streams_are_counted_while_they_are_open() -> None:
    """The gauge goes back down, also when the stream ends in an error."""
    metrics = Metrics()
    key = ("sse_streams", ())
    with ExitStack() as streams:
        streams.enter_context(metrics.sse_stream())
        streams.enter_context(metrics.sse_stream())
        assert 2 == _samples(metrics)[key]
    assert 0 == _samples(metrics)[key]
    with suppress(ConnectionResetError), metrics.sse_stream():
        raise ConnectionResetError
    assert 0 == _samples(metrics)[key]


def test_two_bots_do_not_mix() -> None:
    """Each has a registry of its own."""
    one, two = Metrics(), Metrics()
    one.waiting(turns=5, longest=0.0, deliveries=0, withdrawals={})
    assert 0 == _samples(two)[("turns_waiting", ())]


def test_every_metric_is_documented() -> None:
    """docs/operations.md has a row for every metric, and none for one that is not there."""
    rows = [
        line.split("`")[1] for line in _PAGE.read_text().splitlines() if line.startswith("| `supportbot_")
    ]
    assert Metrics().names() == sorted(row.partition("{")[0] for row in rows)
