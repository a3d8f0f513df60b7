"""Owns the embedded database: one file, one writing connection on the machine, readers beside it.

Several writing connections to one WAL file can lose commits in SQLite 3.7.0 to 3.51.2 (sqlite.org/wal.html, "the WAL-reset bug"), so a lock
file keeps a second receiver out and writers queue for the one connection. Readers are read-only and therefore never checkpoint.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from posagent.cloud import schema
from posagent.cloud.engine import Row
from posagent.cloud.schema import Table
from posagent.errors import AlreadyRunning, StorageError

T = TypeVar("T")

_CACHE_KB = 64_000
_CHECKPOINT_PAGES = 4_000


class _SqliteWork:
    """A transaction on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(sql.replace(" FOR UPDATE", ""), values).fetchall()

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        self._connection.executemany(_insert(table), rows)

    def insert_absent(self, table: Table, rows: Sequence[Row]) -> set[int]:
        names = list(table.columns)
        stream, seq = names.index("stream_id"), names.index("seq")
        before = self._connection.total_changes
        self._connection.executemany(_insert(table) + " ON CONFLICT DO NOTHING", rows)
        if self._connection.total_changes - before == len(rows):
            return {row[seq] for row in rows}
        keys = [names.index(name) for name in table.key]  # some were there: whose is each now?
        question = f"SELECT stream_id, seq FROM {table.name} WHERE {' AND '.join(f'{name} = ?' for name in table.key)}"  # noqa: S608 - names are ours
        execute = self._connection.execute
        return {row[seq] for row in rows if execute(question, [row[at] for at in keys]).fetchone() == (row[stream], row[seq])}

    def merge(self, table: Table, rows: Sequence[Row]) -> None:
        self._connection.executemany(_merge(table), rows)


@cache
def _merge(table: Table) -> str:
    return _insert(table) + schema.merge_clause(table, "sqlite")


@cache
def _insert(table: Table) -> str:
    return f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - names are ours


class SqliteEngine:
    """See `posagent.cloud.engine.Engine`."""

    name: Literal["sqlite", "postgres"] = "sqlite"

    def __init__(self, path: str, *, look: bool = False) -> None:
        self._path = Path(path).absolute()
        self._turn = threading.Lock()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._writer: sqlite3.Connection | None = None
        if look:
            if not self._path.is_file():
                raise StorageError(f"receiver database {self._path}: is not there")
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as trouble:
            raise StorageError(f"receiver database {self._path}: {trouble.strerror}; give a directory that this user may write to") from trouble
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as trouble:
            os.close(self._lock_file)
            raise AlreadyRunning(
                f"receiver database {self._path}: another receiver has it open;"
                " stop that one, ask it over HTTP, or use PostgreSQL for several processes"
            ) from trouble
        try:
            self._writer = self._open()
        except BaseException:
            os.close(self._lock_file)
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as trouble:
            raise StorageError(f"receiver database {self._path}: {trouble}") from trouble
        try:
            _prepare(connection, self._path)
        except sqlite3.DatabaseError as trouble:
            connection.close()
            raise StorageError(
                f"receiver database {self._path}: {trouble};"
                " if it is damaged, restore the last backup (docs/receiver.md): registers send again what is missing"
            ) from trouble
        except StorageError:
            connection.close()
            raise
        return connection

    def write(self, body: Callable[[_SqliteWork], T]) -> T:
        writer = self._writer
        if writer is None:
            raise StorageError(f"receiver database {self._path}: was opened to look only")
        with self._turn:
            try:
                writer.execute("BEGIN IMMEDIATE")
                result = body(_SqliteWork(writer))
                writer.execute("COMMIT")
                return result
            except sqlite3.DatabaseError as trouble:
                raise StorageError(f"receiver database {self._path}: {trouble}; nothing of this request was kept") from trouble
            finally:
                if writer.in_transaction:
                    with suppress(sqlite3.Error):  # the first error is the one to tell; an unfinished transaction ends with the connection
                        writer.execute("ROLLBACK")

    def read(self, body: Callable[[_SqliteWork], T]) -> T:
        connection = self._reader()
        try:
            connection.execute("BEGIN")
            return body(_SqliteWork(connection))
        except sqlite3.DatabaseError as trouble:
            raise StorageError(f"receiver database {self._path}: {trouble}") from trouble
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def backup(self, target: Path) -> None:
        try:
            self._reader().execute("VACUUM INTO ?", (str(target),))
        except sqlite3.Error as trouble:
            raise StorageError(f"receiver database {self._path}: no copy at {target}: {trouble}") from trouble

    def _reader(self) -> sqlite3.Connection:
        """This thread's own reading connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            try:
                connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
                connection.execute("PRAGMA busy_timeout=2000")
            except sqlite3.Error as trouble:
                raise StorageError(f"receiver database {self._path}: {trouble}") from trouble
            self._local.connection = connection
            self._readers.append(connection)
        return connection

    def close(self) -> None:
        with self._turn:
            if self._closed:
                return
            self._closed = True
            for reader in self._readers:
                reader.close()
            if self._writer is not None:
                self._writer.close()
                os.close(self._lock_file)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Sets the pragmas that durability rests on, reads them back, and makes the tables of an empty file."""
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=5000",
        "trusted_schema=OFF",
        f"cache_size=-{_CACHE_KB}",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    names = ("journal_mode", "synchronous", "application_id", "user_version")
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    if (found["journal_mode"], found["synchronous"]) != ("wal", 2):
        raise StorageError(f"receiver database {path}: WAL with synchronous=FULL is refused here (a network file system?); use a local disk")
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not empty and found["application_id"] != schema.APPLICATION_ID:
        raise StorageError(f"receiver database {path}: this is another program's database; give an own file")
    if found["user_version"] > schema.SCHEMA_VERSION:
        raise StorageError(f"receiver database {path}: written by a newer version (schema {found['user_version']}); start that version")
    if found["user_version"] < schema.SCHEMA_VERSION:  # empty, or from before: every version so far only added tables
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema.ddl("sqlite"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
        connection.execute("COMMIT")
