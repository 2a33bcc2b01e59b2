"""In which order jobs of the queue are taken up when there are more of them than can be worked off.

What has just come goes first: after an outage, whoever writes now does not wait behind ten thousand others.
What has waited for longer follows in its order, and a share of it is put in front again and again, so that
it is worked off also where new messages alone would keep every process busy.

procrastinate takes jobs by their priority, then by their age.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Integer, bindparam, text

from supportbot.store import Statement

if TYPE_CHECKING:
    from supportbot.store import Tx

NEW_FOR = 10.0
"""Seconds after which a job that still waits is no new one any more."""

_MOST = 5_000
"""So many jobs are given their place at once."""

_NEW, _OLD, _FOREMOST = 0, -1, 1


class Order:
    """Sorts what waits in a queue; one process at a time does that."""

    def __init__(self, schema: str, share: int) -> None:
        """Take the queue's schema, and how many jobs that have waited are put in front at once."""
        self._share = share
        self._newest: deque[tuple[float, int]] = deque()  # when, and the newest job there was
        self._old = 0  # the newest job that is no new one
        jobs = f"{schema}.procrastinate_jobs"
        self._last = Statement(text(f"SELECT max(id) FROM {jobs}"))  # noqa: S608 - constants, as below
        self._put_back = Statement(
            text(
                f"""
                UPDATE {jobs} SET priority = {_OLD} WHERE id IN (
                    SELECT id FROM {jobs} WHERE status = 'todo' AND priority = {_NEW} AND id <= :old
                    ORDER BY id LIMIT {_MOST} FOR UPDATE SKIP LOCKED)
                """  # noqa: S608
            ).bindparams(bindparam("old", type_=BigInteger))
        )
        self._put_in_front = Statement(
            text(
                f"""
                UPDATE {jobs} SET priority = {_FOREMOST} WHERE id IN (
                    SELECT id FROM {jobs} WHERE status = 'todo' AND priority = {_OLD}
                        AND {_NEW} = (SELECT priority FROM {jobs} WHERE status = 'todo'
                            ORDER BY priority DESC, id LIMIT 1)
                    ORDER BY priority DESC, id LIMIT :share FOR UPDATE SKIP LOCKED)
                """  # noqa: S608
            ).bindparams(bindparam("share", type_=Integer))
        )

    def arrange(self, tx: Tx, now: float) -> None:
        """Give each job its place; to be called again and again.

        What waits at the first call has waited already: nobody says for how long.

        Args:
            tx: where.
            now: in seconds, on a clock that only this process reads.
        """
        row = tx.row(self._last)
        last = 0 if row is None or row[0] is None else int(row[0])
        if not self._newest:
            self._old = last
        self._newest.append((now, last))
        while self._newest[0][0] <= now - NEW_FOR:
            self._old = self._newest.popleft()[1]
        tx.send(self._put_back, old=self._old)
        tx.send(self._put_in_front, share=self._share)
