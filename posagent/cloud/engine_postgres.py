"""Owns the database of several processes: PostgreSQL, or an engine that speaks its wire protocol and its READ COMMITTED (YugabyteDB).

Each worker thread keeps one connection. A batch is a handful of statements whatever its size: rows travel as typed arrays through ``unnest``.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from posagent.cloud import schema
from posagent.cloud.engine import Row
from posagent.cloud.schema import Table
from posagent.errors import StorageError

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

_TRIES = 12
_FIRST_PAUSE_S = 0.002
_SCHEMA_LOCK = 0x504F5352  # advisory lock: two processes that start on one empty database make the tables one after the other


class _PostgresWork:
    """A transaction on one connection."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(_percent(sql), values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(_percent(sql), values).rowcount

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.execute(_bulk(table), _arrays(table, rows))

    def insert_absent(self, table: Table, rows: Sequence[Row]) -> set[int]:
        if not rows:
            return set()
        order = ", ".join((*table.key, "seq") if "seq" not in table.key else table.key)
        sql = f"{_bulk(table)} ORDER BY {order} ON CONFLICT DO NOTHING RETURNING seq"
        return {seq for (seq,) in self._connection.execute(sql, _arrays(table, rows)).fetchall()}

    def merge(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            order = ", ".join(table.key)
            self._connection.execute(f"{_bulk(table)} ORDER BY {order}{_merge(table)}", _arrays(table, rows))


@cache
def _percent(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


@cache
def _bulk(table: Table) -> str:
    arrays = ", ".join(f"%s::{schema.POSTGRES_TYPES[table.type_of(name)]}[]" for name in table.columns)
    names = ", ".join(table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM unnest({arrays}) AS new({names})"  # noqa: S608 - names are ours


@cache
def _merge(table: Table) -> str:
    return schema.merge_clause(table, "postgres")


def _arrays(table: Table, rows: Sequence[Row]) -> list[str]:
    """The columns as array literals (PostgreSQL manual, 8.15.2). psycopg's own dumper, which is Python, takes three times as long; and half of
    a batch's columns hold one value throughout."""
    return [_array(table.type_of(name), column) for name, column in zip(table.columns, zip(*rows, strict=True), strict=True)]


def _array(kind: schema.Type, column: tuple[Any, ...]) -> str:
    one, count = column[0], len(column)
    if column.count(one) == count:
        return "{" + (_element(kind, one) + ",") * (count - 1) + _element(kind, one) + "}"
    return "{" + ",".join([_element(kind, value) for value in column]) + "}"


def _element(kind: schema.Type, value: Any) -> str:
    if value is None:
        return "NULL"
    if kind == "text":
        return f'"{_escaped(value)}"'
    return f'"\\\\x{value.hex()}"' if kind == "bytes" else str(int(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"') if "\\" in text or '"' in text else text


class PostgresEngine:
    """See `posagent.cloud.engine.Engine`."""

    name: Literal["sqlite", "postgres"] = "postgres"

    def __init__(self, url: str) -> None:
        import psycopg  # heavy, and absent where only SQLite is used

        self._psycopg = psycopg
        self._url = url
        parts = urlsplit(url)
        self._shown = f"{parts.scheme}://{parts.hostname or 'local'}{parts.path}"  # never the password
        self._local = threading.local()
        self._all: list[psycopg.Connection[Row]] = []
        self._guard = threading.Lock()
        try:
            self.write(_make_tables)
        except BaseException:
            self.close()
            raise

    def _connection(self) -> psycopg.Connection[Row]:
        connection: psycopg.Connection[Row] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            try:
                connection = self._psycopg.connect(self._url, connect_timeout=5, application_name="posagent-receiver")
            except self._psycopg.Error as trouble:
                raise StorageError(f"receiver database {self._shown}: {trouble}; is the server running and may this user connect?") from trouble
            connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
            connection.prepare_threshold = 2
            self._local.connection = connection
            with self._guard:
                self._all = [one for one in self._all if not one.closed]
                self._all.append(connection)
        return connection

    def write(self, body: Callable[[_PostgresWork], T]) -> T:
        lost_race = (self._psycopg.errors.SerializationFailure, self._psycopg.errors.DeadlockDetected)
        for attempt in range(1, _TRIES + 1):
            connection = self._connection()
            at_commit = False
            try:
                with connection.transaction():
                    result = body(_PostgresWork(connection))
                    at_commit = True
                return result
            except lost_race as trouble:
                if attempt == _TRIES:
                    raise StorageError(f"receiver database {self._shown}: lost {_TRIES} races in a row ({trouble})") from trouble
                sleep(random.uniform(0, _FIRST_PAUSE_S * 2 ** min(attempt, 7)))
            except self._psycopg.Error as trouble:
                gone = connection.broken
                connection.close()
                if gone and not at_commit and attempt == 1:
                    continue  # the link died while nobody used it (a failover, a restart); certainly nothing is committed
                # Whether a commit whose answer was lost took place is not known: the register asks again, and that is harmless.
                raise StorageError(f"receiver database {self._shown}: {trouble}") from trouble
        raise AssertionError("unreachable: the last try returned or raised")

    def read(self, body: Callable[[_PostgresWork], T]) -> T:
        return self.write(body)

    def backup(self, target: Path) -> None:
        raise StorageError(f"receiver database {self._shown}: use pg_dump or pg_basebackup (docs/receiver.md), not {target}")

    def close(self) -> None:
        with self._guard:
            for connection in self._all:
                connection.close()
            self._all.clear()


def _make_tables(work: _PostgresWork) -> None:
    work.rows("SELECT pg_advisory_xact_lock(?)", _SCHEMA_LOCK)
    there = work.rows("SELECT to_regclass('meta')::text")[0][0]
    if there:
        found = int(work.rows("SELECT value FROM meta WHERE name = 'schema'")[0][0])
        if found > schema.SCHEMA_VERSION:
            raise StorageError(f"receiver database: written by a newer version (schema {found}); start that version")
        if found == schema.SCHEMA_VERSION:
            return
    for statement in schema.ddl("postgres"):  # every version so far only added tables
        work.run(statement)
    work.merge(schema.META, [("schema", str(schema.SCHEMA_VERSION))])
