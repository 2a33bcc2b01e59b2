"""Whether the tables of a database are those that the bot works with, column by column.

A version number does not tell all: a database made from the sources between two releases has the
number of the one that was being made, and tables as they were that day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_QUEUE = ("supportbot_queue", "procrastinate_jobs")
"""The schema of the turns' queue on PostgreSQL, and what stands for all that is in it."""

SQLITE = """
    SELECT t.name, c.name, c."notnull" AND c.dflt_value IS NULL
    FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'
"""
POSTGRES = """
    SELECT relname, attname, attnotnull AND NOT atthasdef AND attidentity = ''
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relkind IN ('r', 'p')
      AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'supportbot_queue', relname, false FROM pg_class
    WHERE relnamespace = to_regnamespace('supportbot_queue') AND relkind = 'r'
"""


def differences(query: Callable[[str], Iterable[Any]], *, sqlite: bool) -> list[str]:
    """Return what keeps the bot from working with these tables, as ``table.column``, in order.

    Columns that are lacking, and those of our tables that we do not know and that want a value. Whatever
    else was added is nobody's concern.
    """
    found = {
        (str(table), str(column)): bool(wants) for table, column, wants in query((POSTGRES, SQLITE)[sqlite])
    }
    needed = {(table.name, column.name) for table in metadata.tables.values() for column in table.columns}
    if not sqlite:
        needed.add(_QUEUE)
    lacking = [f"{table}.{column} is missing" for table, column in needed - found.keys()]
    unknown = [
        f"{table}.{column} is unknown"
        for (table, column), wants in found.items()
        if wants and table in metadata.tables and (table, column) not in needed
    ]
    return sorted(lacking + unknown)
