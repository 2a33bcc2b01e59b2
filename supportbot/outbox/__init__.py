"""Record a reply, then hand it to its channel; settle what is unclear.

    planned -> sending -> delivered | unknown | dead

A reply and its delivery are one commit, and only if the turn is still ours and the bot may still
speak. What happens between the hand-over to the platform and our own record of it can be unclear (a
reset, a time-out, our death); then we look on the platform before anything is posted again, and where
nobody can look, the delivery ends as ``unknown``, in sight of the operator, never as a second post.
"""

from __future__ import annotations

from supportbot.outbox.answers import Outbox

__all__ = ["Outbox"]
