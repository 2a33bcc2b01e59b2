"""A database that the bot may read and not write: looking into it works, a bot does not start on it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from pwd import getpwnam
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError

from supportbot import schema
from supportbot.chaos import postgres
from supportbot.errors import DatabaseForbids, DatabaseReadOnly, DatabaseShut
from supportbot.store.probe import probe
from tests.databases import execute, rows
from tests.durable import opened

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def filled_sqlite() -> None:
    """Files are filled for real here."""


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of this user's own; rights count in it also where the tests are run by root."""
    folder = Path(tempfile.mkdtemp(prefix="supportbot-rights-"))
    is_root = os.geteuid() == 0
    if is_root:
        nobody = getpwnam("nobody").pw_uid
        os.chown(folder, nobody, -1)
        os.seteuid(nobody)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        shutil.rmtree(folder)


@pytest.fixture(params=["public", 'Support "Desk"'])
def reader(postgres_database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database, filled in one schema or another, with a user who may only read it."""
    name, within = f'"Reader_{uuid4().hex}"', _quoted(request.param)
    schema.prepare(postgres_database)
    if request.param != "public":
        execute(
            postgres_database,
            f"ALTER SCHEMA public RENAME TO {within}",
            f'ALTER DATABASE "{make_url(postgres_database).database}" SET search_path = {within}',
        )
    execute(
        postgres_database,
        f"CREATE ROLE {name} LOGIN",
        f"GRANT USAGE ON SCHEMA {within} TO {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {within} TO {name}",
    )
    yield make_url(postgres_database).set(username=name.strip('"')).render_as_string(hide_password=False)
    execute(postgres_database, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def test_a_user_who_may_only_read_may_look_and_is_told_what_to_grant(
    reader: str, postgres_database: str
) -> None:
    """Looking needs no more; a bot does not start, what it says to grant is enough, and no more."""
    schema.prepare(reader)
    execute(postgres_database, "CREATE TABLE payroll (id serial)")  # another program's, and its concern
    with pytest.raises(DatabaseReadOnly) as refused:
        schema.check_writable(reader)
    said = str(refused.value)
    assert (
        f"cannot be written: its user '{make_url(reader).username}' may not change contacts, conversations, "
        in said
    )
    granted = re.findall(r"GRANT [^;]*", said)
    execute(postgres_database, *granted)
    schema.check_writable(reader)
    for theirs in ("SELECT * FROM payroll", "SELECT nextval('payroll_id_seq')"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            execute(reader, theirs)
    with pytest.raises(IntegrityError, match="foreign key"):  # it got as far as that
        execute(
            reader, "INSERT INTO events (conversation_id, kind, actor, at, data) VALUES ('', '', '', 0, '{}')"
        )


def test_a_user_who_may_not_even_look_is_told_what_to_grant(reader: str, postgres_database: str) -> None:
    """Whoever finds the tables of another owner: the list is whole, and with it a bot can start."""
    within = _schema(postgres_database)
    grantee = _quoted(str(make_url(reader).username))
    execute(postgres_database, f"REVOKE ALL ON ALL TABLES IN SCHEMA {within} FROM {grantee}")
    with pytest.raises(DatabaseShut) as refused:
        schema.is_empty(reader)
    said = str(refused.value)
    assert "does not let its user look into it: permission denied for table alembic_version" in said
    assert "GRANT CREATE" not in said
    execute(postgres_database, *re.findall(r"GRANT [^;]*", said))
    assert not schema.is_empty(reader)
    schema.prepare(reader)
    schema.check_writable(reader)


def test_a_user_who_may_use_no_schema_is_told_so_in_words(reader: str, postgres_database: str) -> None:
    """The database looks empty to them, and is not."""
    within = _schema(postgres_database)
    grantee = _quoted(str(make_url(reader).username))
    execute(postgres_database, f"REVOKE ALL ON SCHEMA {within} FROM {grantee}, PUBLIC")
    with pytest.raises(DatabaseShut, match=r"search_path.* SELECT on alembic_version"):
        schema.is_empty(reader)


def test_an_empty_database_that_may_not_be_filled_wants_other_rights(reader: str, postgres_url: str) -> None:
    """Nothing of ours is there to be granted."""
    with postgres.own_database(postgres_url) as url:
        name = make_url(reader).username
        mine = make_url(url).set(username=name).render_as_string(hide_password=False)
        with pytest.raises(DatabaseForbids, match="GRANT CREATE ON"):
            schema.prepare(mine)


def _schema(url: str) -> str:
    """Return the schema that our tables are in, as SQL writes it."""
    return str(rows(url, "SELECT quote_ident(current_schema())")[0][0])


def test_a_schema_may_have_any_name(postgres_url: str) -> None:
    """It is filled, and looked at, whatever the search path names."""
    with postgres.own_database(postgres_url) as url:
        execute(
            url,
            'CREATE SCHEMA "Support Desk"',
            f'ALTER DATABASE "{make_url(url).database}" SET search_path = "Support Desk"',
        )
        for _ in range(2):
            schema.prepare(url)
        schema.check_writable(url)


async def test_a_unit_without_the_right_says_so(reader: str) -> None:
    """A command that changes something is told by the store; it is no mistake of ours."""
    async with opened(reader) as store:
        said = await probe(store)
    assert said.startswith(
        "not writable: permission denied for table tenants: Let the owner of the tables grant"
    )


def test_a_server_that_only_reads_is_named(postgres_database: str) -> None:
    """As a standby does: the primary is to be named instead."""
    schema.prepare(postgres_database)
    name = make_url(postgres_database).database
    execute(postgres_database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    schema.prepare(postgres_database)
    with pytest.raises(DatabaseReadOnly, match=r"only reads.*Name the primary .* in bot\.yaml"):
        schema.check_writable(postgres_database)


def test_an_empty_database_on_a_server_that_only_reads_is_no_mistake_in_its_name(
    postgres_url: str,
) -> None:
    """What cannot be filled says why, and not that the server might not run."""
    with postgres.own_database(postgres_url) as url:
        name = make_url(url).database
        execute(url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        with pytest.raises(DatabaseReadOnly, match="Name the primary"):
            schema.prepare(url)


def test_a_file_without_the_right_to_write_is_named(as_nobody: Path) -> None:
    """Looking needs none; a bot does not start, and says whose right is missing."""
    url = f"sqlite:///{as_nobody}/bot.db"
    schema.prepare(url)
    schema.check_writable(url)
    (as_nobody / "bot.db").chmod(0o444)
    schema.prepare(url)
    with pytest.raises(DatabaseReadOnly, match=r"bot\.db cannot be written: .*the right to write the file"):
        schema.check_writable(url)
