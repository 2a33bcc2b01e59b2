"""The books of an endpoint that several processes ask: arithmetic, with a clock that is only a number."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import orjson
from hypothesis import given
from hypothesis import strategies as st

from supportbot.limits.service import Amounts, Ask, Granted, Service, Waiting
from supportbot.model.allowance import Standing

MINUTE = 60.0
PART = 1.0


@dataclass
class Books:
    """The row of a database, and its clock."""

    requests: float | None = None
    tokens: float | None = None
    now: float = 1_000_000.0
    state: bytes = b"{}"

    def ask(self, owner: str, *needs: Waiting, **more: object) -> Granted:
        service = Service(requests=self.requests, tokens=self.tokens, minute=MINUTE)
        service.load(orjson.loads(self.state), self.now)
        granted = service.settle(Ask(owner=owner, needs=needs, **more), self.now)  # type: ignore[arg-type]
        self.state = orjson.dumps(service.dump())
        return granted


def waiting(*seconds: float, tokens: float = 1) -> tuple[Waiting, ...]:
    return tuple(Waiting(tokens, each) for each in seconds)


def test_what_one_takes_another_has_not() -> None:
    """Three may go in a minute: two of one process, and the first of the other's two."""
    books = Books(requests=3)
    first, second = books.ask("a", *waiting(0, 0)), books.ask("b", *waiting(0, 0))
    assert (2, ()) == (first.permits.requests, first.waits)
    assert (1, 1) == (second.permits.requests, len(second.waits))
    assert MINUTE + PART <= second.waits[0] <= MINUTE + 2 * PART
    books.now += second.waits[0]
    assert 1 == books.ask("b", *waiting(second.waits[0])).permits.requests


def test_permits_count_from_the_last_moment_of_their_use() -> None:
    """One or two parts of a minute they are good, and a minute after that they are history."""
    books = Books(requests=1)
    granted = books.ask("a", *waiting(0))
    assert PART <= granted.lasts <= 2 * PART
    books.now += granted.lasts + MINUTE - 0.001
    assert 0 == books.ask("b", *waiting(0)).permits.requests
    books.now += 0.001
    assert 1 == books.ask("b", *waiting(0)).permits.requests


def test_without_a_limit_nothing_is_counted() -> None:
    """Permits have no end, and nobody waits."""
    books = Books()
    granted = books.ask("a", *waiting(*range(100), tokens=10_000))
    assert (Amounts(math.inf, math.inf), ()) == (granted.permits, granted.waits)


def test_the_oldest_is_next_in_whichever_process() -> None:
    """What came earlier elsewhere is not overtaken, as long as its process asks for it."""
    books = Books(requests=1)
    books.ask("a", *waiting(0))
    wait = books.ask("b", *waiting(5)).waits[0]
    assert wait < books.ask("a", *waiting(1)).waits[0]  # it waits for the minute after
    books.now += wait - 1
    assert 1 == len(books.ask("b", *waiting(5 + wait - 1)).waits)
    books.now += 1
    assert 0 == books.ask("a", *waiting(1 + wait)).permits.requests
    assert 1 == books.ask("b", *waiting(5 + wait)).permits.requests


def test_a_large_request_is_not_starved_by_small_ones() -> None:
    """The room that it needs is kept free by those who came later."""
    books = Books(tokens=100)
    books.ask("a", *waiting(0, tokens=60))
    assert 1 == len(books.ask("b", *waiting(3, tokens=90)).waits)
    assert 0 == books.ask("c", *waiting(1, tokens=10)).permits.tokens
    books.now += MINUTE + 2 * PART
    books.ask("c", *waiting(63, tokens=10))
    assert 90 == books.ask("b", *waiting(65, tokens=90)).permits.tokens


def test_whoever_falls_silent_loses_their_turn() -> None:
    """A process that was killed or stopped while something waited there holds nobody up."""
    books = Books(requests=2)
    books.ask("a", *waiting(0, 0))
    assert 1 == len(books.ask("dead", *waiting(50)).waits)
    books.now += MINUTE + 2 * PART
    assert 2 == books.ask("a", *waiting(0, 0)).permits.requests


def test_permits_of_the_dead_come_back() -> None:
    """When they can have been used no more, and a minute after that."""
    books = Books(requests=10)
    books.ask("dead", *waiting(*[0] * 10))
    assert 0 == books.ask("b", *waiting(0)).permits.requests
    books.now += MINUTE + 2 * PART
    assert 10 == books.ask("b", *waiting(*[0] * 10)).permits.requests


def test_what_was_not_used_is_there_again() -> None:
    """Permits that were left, and tokens of an answer that was shorter than it might have been."""
    books = Books(requests=10, tokens=100)
    granted = books.ask("a", *waiting(0, 0, tokens=50))
    assert 0 == books.ask("b", *waiting(0, tokens=50)).permits.tokens
    books.ask("a", corrections={granted.booked: Amounts(-1, -80)})
    assert Amounts(1, 50) == books.ask("b", *waiting(0, tokens=50)).permits


def test_more_was_used_than_was_taken() -> None:
    """And what was sent without asking, while the database was slow."""
    books = Books(tokens=100)
    granted = books.ask("a", *waiting(0, tokens=50))
    books.ask("a", corrections={granted.booked: Amounts(0, 30)})
    books.ask("b", unasked=Amounts(1, 15))
    assert (0, 5) == tuple(books.ask("c", *waiting(0, tokens=n)).permits.tokens for n in (6, 5))


def test_a_correction_that_comes_too_late_changes_nothing() -> None:
    """What it corrects is history."""
    books = Books(tokens=100)
    granted = books.ask("a", *waiting(0, tokens=50))
    books.now += 2 * MINUTE
    assert (
        100
        == books.ask(
            "a", *waiting(0, tokens=100), corrections={granted.booked: Amounts(0, 1000)}
        ).permits.tokens
    )


def test_who_is_brisk_gets_a_few_more() -> None:
    """While there is plenty and nobody waits; not when there is little."""
    books = Books(requests=100, tokens=1000)
    more = Amounts(40, 400)
    assert Amounts(1 + 24, 10 + 247) == books.ask("a", *waiting(0, tokens=10), more=more).permits
    books = Books(requests=3, tokens=1000)
    assert Amounts(1, 10) == books.ask("a", *waiting(0, tokens=10), more=more).permits


def test_a_pause_holds_everybody() -> None:
    """The endpoint asked one process to wait; the longest wish counts."""
    books = Books()
    books.ask("a", pause=30)
    books.ask("b", pause=10)
    granted = books.ask("c", *waiting(0))
    assert (30.0, (30.0,)) == (granted.closed, granted.waits)
    books.now += 30
    assert () == books.ask("c", *waiting(30)).waits


def test_what_the_endpoint_says_is_true_for_all() -> None:
    """A limit that nobody wrote into bot.yaml, and what strangers use of it."""
    books = Books()
    books.ask("a", said=(Standing(10, 4, None), Standing(None, None, None)))
    granted = books.ask("b", *waiting(*[0] * 5))
    assert (4, 1, 10) == (granted.permits.requests, len(granted.waits), granted.most.requests)


def test_a_request_larger_than_all_goes_alone() -> None:
    """It could never go otherwise."""
    books = Books(tokens=10)
    assert 10 == books.ask("a", *waiting(0, tokens=1000)).permits.tokens


def test_processes_are_counted() -> None:
    """Those that asked within the last minute."""
    books = Books(requests=10)
    assert [1, 2, 2] == [books.ask(owner).processes for owner in ("a", "b", "a")]
    books.now += MINUTE + 1
    assert 1 == books.ask("c").processes


def test_a_clock_that_was_set_back_does_not_block_for_so_long() -> None:
    """Another server took over, whose clock is an hour behind: what counts, counts for a minute from now."""
    books = Books()
    books.ask("a", *waiting(0), pause=1)
    books.now -= 3600
    assert books.ask("a", *waiting(0)).waits[0] <= 600
    books = Books(requests=1)
    books.ask("a", *waiting(0))
    books.now -= 3600
    assert books.ask("a", *waiting(0)).waits[0] <= MINUTE + 3 * PART


@dataclass
class Process:
    """Uses what it was granted when it likes, within the time; or never."""

    owner: str
    left: float = 0.0
    good_until: float = 0.0
    booked: float = 0.0
    waiting: int = 0
    corrections: dict[float, Amounts] = field(default_factory=dict)


STEP = st.tuples(
    st.floats(0, 20),  # seconds that pass
    st.integers(0, 2),  # whose step it is
    st.sampled_from(["ask", "use", "use", "give back", "die"]),
    st.integers(0, 6),  # how many new requests, or how many are used
)


@given(limit=st.integers(1, 12), steps=st.lists(STEP, max_size=80))
def test_never_more_than_the_limit_in_any_minute(
    limit: int, steps: list[tuple[float, int, str, int]]
) -> None:
    """Whatever three processes do: use permits late, give them back, die with them and begin anew."""
    books = Books(requests=limit)
    processes = [Process(owner) for owner in "abc"]
    sent: list[float] = []
    for passes, who, what, number in steps:
        books.now += passes
        process = processes[who]
        match what:
            case "use":
                use = min(number, int(process.left)) if books.now < process.good_until else 0
                process.left -= use
                sent += [books.now] * use
            case "die":
                processes[who] = Process(process.owner + "'")
            case "give back" | "ask":
                needs = waiting(*[0.0] * (number if what == "ask" else 0))
                if process.left:
                    process.corrections[process.booked] = Amounts(-process.left, 0)
                granted = books.ask(
                    process.owner, *needs, corrections=process.corrections, more=Amounts(number, 0)
                )
                process.corrections = {}
                process.left, process.booked = granted.permits.requests, granted.booked
                process.good_until = books.now + granted.lasts
    for begin in sent:
        assert limit >= sum(begin <= when < begin + MINUTE for when in sent)
