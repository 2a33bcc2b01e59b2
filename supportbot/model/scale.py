"""How far our estimate of a prompt's size is from what an endpoint counts."""

from __future__ import annotations

_WEIGHT = 0.1  # of the newest reply: after some twenty of them, what was believed before is forgotten
_LEAST, _MOST = 0.75, 2.0
_ODD = 4.0  # an endpoint whose figure differs more than so many times counts something else
_TOO_SMALL = 100  # tokens: below that, the wrapping that an endpoint counts too would decide


class Scale:
    """A model's tokens for one of ours: a moving mean over what the endpoint reported, within bounds.

    Kept in memory only. It is learnt anew from the first answers after a start, and until then an
    endpoint's refusal of a prompt that is too long has it shortened.
    """

    def __init__(self) -> None:
        """Begin with the estimate as it is."""
        self.factor = 1.0

    def learn(self, estimated: int, reported: int | None) -> None:
        """Take in what the endpoint says a prompt cost."""
        if reported is None or min(estimated, reported) < _TOO_SMALL:
            return
        ratio = reported / estimated
        if 1 / _ODD <= ratio <= _ODD:
            self.factor += _WEIGHT * (min(max(ratio, _LEAST), _MOST) - self.factor)

    def estimated(self, tokens: int) -> int:
        """Return how many of our tokens so many of the model's are."""
        return int(tokens / self.factor)
