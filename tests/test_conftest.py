"""The shared fixtures give what they promise."""

from __future__ import annotations

from sqlalchemy import create_engine, inspect, text


def test_a_database_is_there_and_empty(database_url: str) -> None:
    """Each test begins with a database of its own that can be written and holds no table."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert [] == inspect(connection).get_table_names()
        connection.execute(text("CREATE TABLE leftover (id INTEGER)"))
    engine.dispose()


def test_nothing_is_left_over(database_url: str) -> None:
    """What the test before wrote is gone."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert [] == inspect(connection).get_table_names()
    engine.dispose()
