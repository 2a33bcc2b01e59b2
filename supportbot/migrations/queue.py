"""The queue of version 0001: procrastinate 3.10.0 in a schema of its own.

Frozen, like every step, although the SQL is procrastinate's: pyproject.toml names that one release, and
``tests/test_schema_migrations.py`` holds its words to what they were. A newer one whose SQL is another comes
with a step of its own, and this one is given the old SQL to keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

_QUEUE = "supportbot_queue"


def install(connection: Connection) -> None:
    """Make its tables and functions, and give the functions the path to them wherever they are called."""
    from procrastinate.schema import SchemaManager

    driver: Any = connection.connection.driver_connection
    before = driver.execute("SELECT current_setting('search_path')").fetchone()[0]
    driver.execute(f"CREATE SCHEMA {_QUEUE}")
    driver.execute(f"SET LOCAL search_path = {_QUEUE}")
    driver.execute(SchemaManager.get_schema())
    driver.execute(
        """
        DO $$ DECLARE each regprocedure; BEGIN
            FOR each IN SELECT oid FROM pg_proc WHERE pronamespace = 'supportbot_queue'::regnamespace LOOP
                EXECUTE format('ALTER FUNCTION %s SET search_path = supportbot_queue, pg_catalog', each);
            END LOOP;
        END $$
        """
    )
    # It looks for other jobs of a conversation whenever it hands one out.
    driver.execute(
        "CREATE INDEX supportbot_jobs_of_conversation ON procrastinate_jobs (lock)"
        " WHERE status IN ('todo', 'doing')"
    )
    driver.execute("SELECT set_config('search_path', %s, true)", (before,))


def remove(connection: Connection) -> None:
    """Drop all of it. What waits there waits in ``conversations`` too."""
    connection.exec_driver_sql(f"DROP SCHEMA {_QUEUE} CASCADE")
