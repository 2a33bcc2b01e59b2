"""What the user of a PostgreSQL database may do with our tables, and what their owner grants for the rest.

It is read from the catalogue, which everybody may read: also whoever may not look into a single table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supportbot.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

VERSION_TABLE = "alembic_version"

NO_SCHEMA = "none of the schemas in its user's search_path is there and may be used by that user"
IN_WORDS = (
    "Let the owner of the tables grant this user USAGE on their schema and on the schema supportbot_queue, "
    f"SELECT on {VERSION_TABLE}, SELECT, INSERT, UPDATE and DELETE on all other tables of the bot, and USAGE "
    "on their sequences. If there are no tables yet, let the owner of the database grant USAGE and CREATE on "
    "the schema."
)
"""What to grant where the names of the tables cannot be found out."""

_RIGHTS = """
    WITH ours AS (
        SELECT oid, relname, relnamespace FROM pg_class
        WHERE relkind IN ('r', 'p') AND (relnamespace = to_regnamespace('supportbot_queue')
            OR relnamespace = quote_ident(current_schema())::regnamespace AND relname = ANY (%(ours)s))
    ), within AS (  -- and not in the schema that is ours alone
        SELECT oid FROM ours WHERE relnamespace = quote_ident(current_schema())::regnamespace
    ), version AS (
        SELECT oid, relname FROM pg_class
        WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relname = %(version)s
    )
    SELECT
        current_user AS user, quote_ident(current_user) AS grantee, quote_ident(current_schema()) AS schema,
        current_setting('transaction_read_only') = 'on' AS only_reading,
        EXISTS (SELECT FROM within) AS is_there,
        (SELECT format('%%I.%%I', current_schema(), relname) FROM version) AS version_table,
        coalesce((SELECT has_table_privilege(oid, 'SELECT') FROM version), false) AS may_see_version,
        ARRAY(
            SELECT relname::text FROM ours
            WHERE NOT (has_schema_privilege(relnamespace, 'USAGE')
                AND has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
            ORDER BY relname) AS shut,
        ARRAY(
            SELECT format('%%I.%%I', current_schema(), relname) FROM ours
            WHERE oid IN (SELECT oid FROM within) ORDER BY relname) AS tables,
        ARRAY(
            SELECT format('%%I.%%I', current_schema(), relname)
            FROM pg_depend JOIN pg_class ON pg_class.oid = objid
            WHERE classid = 'pg_class'::regclass AND relkind = 'S' AND refobjid IN (SELECT oid FROM within)
            ORDER BY relname) AS sequences
"""
_GRANT = """Let the owner of the tables say:
    GRANT USAGE ON SCHEMA {schema}, supportbot_queue TO {grantee};
    GRANT SELECT ON {version_table} TO {grantee};
    GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {grantee};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA supportbot_queue TO {grantee};
    GRANT USAGE ON SEQUENCE {sequences} TO {grantee};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA supportbot_queue TO {grantee};
"""


def has_schema(connection: Connection) -> bool:
    """Say whether the user may use any schema of its search path: without one, every database looks empty."""
    return connection.exec_driver_sql("SELECT current_schema() IS NOT NULL").scalar_one() is True


def rights_on(connection: Connection) -> Row[Any]:
    """Return who the user is, and what it may not do with our tables; one field for each column above."""
    names = {"ours": list(metadata.tables), "version": VERSION_TABLE}
    return connection.exec_driver_sql(_RIGHTS, names).one()


def to_grant(rights: Row[Any]) -> str:
    """Return what the owner of our tables may say; it is not about those of others beside them."""
    lists = {name: ", ".join(getattr(rights, name)) for name in ("tables", "sequences")}
    named = {name: getattr(rights, name) for name in ("schema", "grantee", "version_table")}
    return _GRANT.strip().format(**named, **lists)
