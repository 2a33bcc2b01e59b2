"""How Alembic runs the steps: on the connection that ``supportbot.schema`` hands it, in its transaction.

That transaction also holds the lock against other processes, so either all steps are in the
database or none is. On SQLite a step that alters a table copies it (batch mode).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic import context
from alembic.script import Script

from supportbot.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from sqlalchemy import Connection


def _run(connection: Connection, report: Callable[[str], None]) -> None:
    def tell(
        ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
    ) -> None:
        revision = step.up_revision
        assert isinstance(revision, Script)
        report(f"{'Applied' if step.is_upgrade else 'Took back'} {revision.revision}: {revision.doc}")

    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,  # so is SQLite's, whatever Alembic assumes, once pysqlite is told BEGIN
        compare_type=True,
        on_version_apply=tell,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"], context.config.attributes["report"])
