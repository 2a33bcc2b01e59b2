"""The feed's ears: called instead of having a queue."""

from __future__ import annotations

from structlog.testing import capture_logs

from supportbot.feed import Delta, Event, Feed, Lagged, StateChanged, Typing
from supportbot.ids import made_at, new_id, now_ms


def test_an_ear_hears_everything_at_once() -> None:
    """What is being written first, then each event, until it is taken away."""
    feed, heard = Feed(), list[Event]()
    feed.publish("c1", Typing("t1"))
    feed.publish("c1", Delta("t1", 0, "Hel"))
    stop = feed.hear("c1", heard.append)
    feed.publish("c1", Delta("t1", 3, "lo"))
    feed.publish("c2", Typing("t2"))
    assert 1 == feed.listeners("c1")
    stop()
    stop()
    feed.publish("c1", Delta("t1", 5, "!"))
    assert [Typing("t1"), Delta("t1", 0, "Hel"), Delta("t1", 3, "lo")] == heard
    assert 0 == feed.listeners("c1")


def test_an_ear_may_go_while_it_hears() -> None:
    """The others hear the event all the same."""
    feed, heard = Feed(), list[Event]()
    stop = feed.hear("c1", lambda _: stop())
    feed.hear("c1", heard.append)
    feed.publish("c1", Typing("t1"))
    feed.publish("c1", Typing("t2"))
    assert [Typing("t1"), Typing("t2")] == heard


def test_an_identifier_says_when_it_was_made() -> None:
    """To the millisecond; what is none says nothing."""
    before = now_ms()
    assert before <= made_at(new_id("turn")) <= now_ms()
    assert [0, 0, 0] == [made_at(other) for other in ("", "turn_", "turn_uuuuuuuuuuuu")]


def test_an_ear_that_raises_robs_nobody() -> None:
    """Those behind it hear everything, whoever publishes goes on, and the log tells of it once."""
    feed, heard = Feed(), list[Event]()

    def bad(_event: Event) -> None:
        raise ValueError("the words of a customer")

    with capture_logs() as logs:
        feed.publish("c1", Typing("t0"))
        feed.hear("c1", bad)
        feed.hear("c1", heard.append)
        feed.publish("c1", Typing("t1"))
        feed.repeat("c1", StateChanged("human"))
        feed.lag()
    assert [Typing("t0"), Typing("t1"), StateChanged("human"), Lagged()] == heard
    told = {
        "event": "feed.ear_failed",
        "ear": f"{__name__}.test_an_ear_that_raises_robs_nobody.<locals>.bad",
        "error": "ValueError",
        "log_level": "warning",
    }
    assert [told] == logs
