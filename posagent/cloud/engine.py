"""Owns the seam between the receiver's one algorithm and its two engines: what a transaction offers, and what a URL opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from posagent.cloud.schema import Table
from posagent.errors import StorageError

T = TypeVar("T")
Row = tuple[Any, ...]


class Work(Protocol):
    """One open transaction. SQL is written with ``?``; the words ``FOR UPDATE`` are there for PostgreSQL and dropped for SQLite, whose
    writing transaction holds the whole file."""

    def rows(self, sql: str, *values: object) -> list[Row]:
        """Every row of a question."""

    def run(self, sql: str, *values: object) -> int:
        """Does it; how many rows it touched."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds rows, all columns in the table's order."""

    def insert_absent(self, table: Table, rows: Sequence[Row]) -> set[int]:
        """Adds the rows whose primary key is not there yet, first come first served within ``rows``; the ``seq`` of those added.
        ``rows`` must be sorted by primary key, so that two transactions lock in the same order and cannot deadlock."""

    def merge(self, table: Table, rows: Sequence[Row]) -> None:
        """Adds rows, or merges them into those of the same key as the table says; one row per key, sorted by it."""


class Engine(Protocol):
    """A database. Safe to share between threads."""

    name: Literal["sqlite", "postgres"]

    def write(self, body: Callable[[Work], T]) -> T:
        """Runs ``body`` in one READ COMMITTED transaction and commits; again from the start when the engine says that it lost a race.
        ``body`` must therefore have no effect beside its transaction. Raises StorageError when the database cannot be used."""

    def read(self, body: Callable[[Work], T]) -> T:
        """Runs ``body`` in a transaction that writes nothing."""

    def backup(self, target: Path) -> None:
        """Writes a whole, consistent copy, also while the receiver runs. Raises StorageError."""

    def close(self) -> None:
        """Gives every connection back."""


def open_engine(url: str, *, look: bool = False) -> Engine:
    """``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://…``; makes the tables of an empty database. ``look``: reads only,
    also while a receiver has the file open. Raises StorageError."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        from posagent.cloud.engine_sqlite import SqliteEngine

        if not rest.startswith("///") or len(rest) == 3:
            raise StorageError(f"database {url}: write sqlite:///file.db (relative) or sqlite:////path/file.db (absolute)")
        return SqliteEngine(rest[3:], look=look)
    if scheme in {"postgresql", "postgres"}:
        from posagent.cloud.engine_postgres import PostgresEngine

        return PostgresEngine(url)
    raise StorageError(f"database {url}: the receiver knows sqlite:///… and postgresql://…")
