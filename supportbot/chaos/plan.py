"""What a trial is to go through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A trial. It ends when everything asked for has happened: what is written, killed, frozen, restarted."""

    conversations: int = 10
    """Customers who write at once; half of them website visitors, half of them programs."""
    messages: int = 40
    """Messages of each; who is done before the trial is begins a new conversation."""
    processes: int = 1
    kills: int = 20
    """How often a process is ended as by kill -9; now and then while it starts."""
    freezes: int = 2
    """How often a process is stopped for three leases, and then goes on as if nothing had been."""
    stops: int = 2
    """How often a process is stopped by SIGTERM and started again, as for a new version."""
    restarts: int = 0
    """How often the database is crashed and started again; only a server of the trial's own is."""
    seconds: float = 0.0
    """How long it lasts at least; kills and restarts go on until then."""
    seed: int = 1
    """Decides what chance decides. What the machine decides, such as who comes first, no seed repeats."""
    repeats: float = 0.1
    swaps: float = 0.1
    """How likely a message comes again later, and how likely it is overtaken by the next."""
    model_faults: float = 0.1
    """How likely the model fails at a request: 429, 500, a hang, a break, an answer that is cut off."""
    platform_faults: float = 0.15
    """How likely a platform fails at a reply that it took: 429, 500, 503, a hang, a broken connection."""
    attempts: int = 20
    """The bot's ``turns.attempts``. From its third on, the death of a turn's process may cost one."""

    @property
    def is_calm(self) -> bool:
        """Nothing is made to fail: then nothing is excused either."""
        befalls = self.kills or self.freezes or self.stops or self.restarts
        return not (befalls or self.model_faults or self.platform_faults)


@dataclass(slots=True)
class Done:
    """How far a trial is."""

    accepted: int = 0
    kills: int = 0
    freezes: int = 0
    stops: int = 0
    restarts: int = 0
    seconds: float = 0.0
