"""One SQLite FTS5 table in memory: which section holds a phrase, and how strongly.

BM25 adds up over the phrases of a query (https://www.sqlite.org/fts5.html#the_bm25_function), so asking
for one phrase at a time gives the same ranking as asking for all, and shows what each contributed.
"""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from math import log
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from weakref import finalize

from supportbot.errors import FullTextSearchMissing
from supportbot.knowledge.language import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TOKENIZER = "porter unicode61 remove_diacritics 2"
_OVERALL = "3.0, 2.5, 4.0, 1.0"  # the columns' weights: title, also, heading, body
_OWN = "0.0, 0.0, 4.0, 1.0"  # the same without what all sections of an article have in common
_FIND = (
    f"SELECT rowid, -bm25(sections, {_OVERALL}), -bm25(sections, {_OWN}) "  # noqa: S608  constants only
    "FROM sections WHERE sections MATCH ?"
)
_K1 = 1.2  # fixed in FTS5
_MOST_STRANGE = 4096  # words of customers that are in no article, and whose stems are remembered
_FLOOR = 1e-6  # what FTS5 takes for an idf that is not positive


class Strength(NamedTuple):
    """How strongly a section has a phrase, from 0 to 1.

    The part of BM25 that depends on the section: near 1 for a word of the title or the heading, below
    0.5 for one that stands once in the text.
    """

    overall: float
    own: float
    """In its own heading and text, apart from the article's title and ``also``."""


class Index:
    """Finds phrases. May be used from several threads; a phrase costs tens of microseconds."""

    def __init__(self, rows: Iterable[tuple[str, str, str, str]], fillers: frozenset[str]) -> None:
        """Index the rows: (title, also, heading, body), numbered from 0; without the fillers, as if *send it
        back* were *send back*.

        Raises:
            FullTextSearchMissing: SQLite was built without FTS5.
        """
        self._lock = Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        finalize(self, self._db.close)
        try:
            self._db.execute(
                "CREATE VIRTUAL TABLE sections USING fts5"
                f"(title, also, heading, body, content='', tokenize='{_TOKENIZER}')"
            )
        except sqlite3.OperationalError as error:
            raise FullTextSearchMissing(version=sqlite3.sqlite_version) from error
        self._db.execute(f"CREATE VIRTUAL TABLE scratch USING fts5(word, tokenize='{_TOKENIZER}')")
        self._db.execute("CREATE VIRTUAL TABLE scratch_terms USING fts5vocab(scratch, instance)")
        rows = list(rows)
        texts = {
            text: [word for word in words(text) if word not in fillers]
            for text in {text for row in rows for text in row}
        }
        self._size = len(rows)
        self._write(
            "INSERT INTO sections (rowid, title, also, heading, body) VALUES (?, ?, ?, ?, ?)",
            ((number, *(" ".join(texts[text]) for text in row)) for number, row in enumerate(rows)),
        )
        self.vocabulary = frozenset(word for text in texts.values() for word in text)
        """The words of the rows."""
        self._known = dict(zip(self.vocabulary, self._stems(list(self.vocabulary)), strict=True))
        self._strange: dict[str, str] = {}
        self._side_by_side = frozenset(
            (self._known[a], self._known[b]) for text in texts.values() for a, b in pairwise(text)
        )

    def stems(self, spoken: Sequence[str]) -> list[str]:
        """The stem of each word, as the table itself makes it: ``returned`` is ``return``."""
        strange = [word for word in spoken if word not in self._known and word not in self._strange]
        if strange:
            if len(self._strange) > _MOST_STRANGE:
                self._strange.clear()
            self._strange.update(zip(strange, self._stems(strange), strict=True))
        return [self._known.get(word) or self._strange[word] for word in spoken]

    def side_by_side(self, a: str, b: str) -> bool:
        """Whether two stems follow one another anywhere."""
        return (a, b) in self._side_by_side

    def find(self, phrase: tuple[str, ...]) -> dict[int, Strength]:
        """Which sections hold the words side by side, and how strongly."""
        # `words` leaves letters and digits only, so a quote cannot occur; doubling it costs nothing.
        quoted = '"' + " ".join(phrase).replace('"', '""') + '"'
        with self._lock:
            rows = self._db.execute(_FIND, (quoted,)).fetchall()
        idf = log((self._size - len(rows) + 0.5) / (len(rows) + 0.5))
        most = (idf if idf > 0 else _FLOOR) * (_K1 + 1)
        return {n: Strength(min(1.0, overall / most), min(1.0, own / most)) for n, overall, own in rows}

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Insert the rows in one transaction: FTS5 ends every one of them by sorting what it wrote."""
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    def _stems(self, spoken: Sequence[str]) -> list[str]:
        """Ask the table, but for what has a digit: numbers and codes are the same in every form."""
        words = [word for word in spoken if not any(map(str.isdigit, word))]
        found = dict(zip(words, self._asked(words), strict=True)) if words else {}
        return [found.get(word, word) for word in spoken]

    def _asked(self, spoken: Sequence[str]) -> list[str]:
        with self._lock:
            self._write("INSERT INTO scratch (rowid, word) VALUES (?, ?)", enumerate(spoken))
            found = dict(self._db.execute("SELECT doc, term FROM scratch_terms").fetchall())
            self._db.execute("DELETE FROM scratch")
        return [found.get(number, word) for number, word in enumerate(spoken)]
