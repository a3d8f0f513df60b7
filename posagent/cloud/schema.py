"""Owns the receiver's tables: one description, from which both engines' DDL and the typed arrays of PostgreSQL's bulk inserts are made.

Uniqueness lives in ``stream``, ``grant_key`` and ``contested``; ``event`` is append-only and never decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

SCHEMA_VERSION = 2
APPLICATION_ID = 0x504F5352  # "POSR": tells the receiver's file from a register's journal ("POSA") and from foreign databases

Type = Literal["text", "int", "bytes"]
Merge = Literal["sum", "first", "last", "least", "most"]
"""What a row that is there already makes of another one with its key; "first" keeps a value and fills a NULL."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns in order, their type with "?" where NULL is allowed. ``indexes``: name -> "(columns) WHERE …". ``merges``: of the columns beside
    the key, for `posagent.cloud.engine.Work.merge`; one that is not named takes the last value."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    clustered: bool = True  # SQLite: WITHOUT ROWID; off where rows are wide and arrive in order
    indexes: Mapping[str, str] = field(default_factory=dict)
    merges: Mapping[str, Merge] = field(default_factory=dict)

    def type_of(self, column: str) -> Type:
        """The column's type without its NULL mark."""
        match self.columns[column].rstrip("?"):
            case "text":
                return "text"
            case "int":
                return "int"
            case "bytes":
                return "bytes"
            case other:
                raise ValueError(f"{self.name}.{column}: {other} is no column type")


STREAM = Table(
    "stream",
    {
        "stream_id": "text",
        "tenant": "text",
        "store": "text",
        "register": "text",
        "device_id": "text?",
        "acked": "int",
        "chain": "bytes",
        "first_seen_ms": "int",
        "last_seen_ms": "int",
        "last_event_ms": "int?",
        "pending": "int?",  # as the register last said of itself
        "oldest_pending_ms": "int?",
        "health": "text?",
        "health_ms": "int?",
    },
    ("stream_id",),
    indexes={"stream_place": "(tenant, store, register)"},
)
EVENT = Table(
    "event",
    {
        "stream_id": "text",
        "seq": "int",
        "tenant": "text",
        "store": "text",
        "register": "text",
        "event_id": "text?",
        "idem": "text?",
        "type": "text?",
        "member": "text?",
        "occurred": "text?",  # the register's clock: shown, never an order
        "received_ms": "int",
        "body": "bytes?",  # NULL: withheld by the register; then digest stands for it
        "digest": "bytes?",
        "chain": "bytes",
        "status": "text",
        "problem": "text?",
        "of_stream": "text?",  # duplicate or conflict: the event that was first
        "of_seq": "int?",
        "decided": "text?",  # who decided what, when head office closed a case
    },
    ("stream_id", "seq"),
    clustered=False,
    indexes={
        "event_member": "(tenant, member) WHERE member IS NOT NULL",
        "event_open": "(tenant, status, received_ms) WHERE status IN ('conflict', 'rejected', 'withheld')",
        "event_noted": "(tenant, received_ms) WHERE status = 'applied' AND problem IS NOT NULL AND decided IS NULL",
        "event_unsettled": "(tenant, event_id) WHERE status IN ('conflict', 'rejected')",
    },
)
GRANT_KEY = Table(
    "grant_key",
    {"tenant": "text", "store": "text", "idem": "text", "stream_id": "text", "seq": "int", "digest": "bytes"},
    ("tenant", "store", "idem"),
)
CONTESTED = Table(  # a key's other contents: one quarantined case each, however often a rotated register sends it again
    "contested",
    {"tenant": "text", "store": "text", "idem": "text", "digest": "bytes", "stream_id": "text", "seq": "int"},
    ("tenant", "store", "idem", "digest"),
)
BALANCE = Table(
    "balance",
    {"tenant": "text", "member": "text", "account": "text", "amount": "int"},
    ("tenant", "member", "account"),
    merges={"amount": "sum"},
)
LOT = Table(  # what of a balance was promised until when. What is in no lot never expires: the balance less the sum of its lots
    "lot",
    {
        "tenant": "text",
        "member": "text",
        "account": "text",
        "lot": "text",  # as the register named it, else the last usable day; "" is what was spent without naming a lot
        "amount": "int",
        "expires": "text?",  # last usable business date
        "since": "text",  # first business date that added to it
        "touched": "text",  # newest business date that added or took: the account's last activity
    },
    ("tenant", "member", "account", "lot"),
    merges={"amount": "sum", "expires": "first", "since": "least", "touched": "most"},
)
ACTIVITY = Table(  # what ranks are reckoned from: a member's sales of one business date, less what was voided of them
    "activity",
    {"tenant": "text", "member": "text", "day": "text", "spend": "int", "points": "int", "visits": "int"},
    ("tenant", "member", "day"),
    merges={"spend": "sum", "points": "sum", "visits": "sum"},
)
COUPON = Table(  # one single-use right. Its events arrive in any order: every fact has a column of its own, the state is read from them
    "coupon",
    {
        "tenant": "text",
        "code_hash": "text",
        "definition": "text?",
        "coupon_id": "text?",
        "label": "text?",
        "member": "text?",
        "first_day": "text?",
        "last_day": "text?",
        "reach": "text?",
        "brand": "text?",
        "store": "text?",
        "register": "text?",
        "sale_id": "text?",  # of the sale that issued it
        "issued_ms": "int?",
        "printed_ms": "int?",
        "voided_ms": "int?",
        "used_ms": "int?",
        "used_sale": "text?",
        "used_stream": "text?",
        "used_seq": "int?",
    },
    ("tenant", "code_hash"),
    indexes={
        "coupon_member": "(tenant, member) WHERE member IS NOT NULL",
        "coupon_sale": "(tenant, sale_id) WHERE sale_id IS NOT NULL",
        "coupon_used": "(tenant, used_sale) WHERE used_sale IS NOT NULL",
    },
)
AUTHORISATION = Table(  # what a register asked head office to keep for one sale; it changes no balance
    "authorisation",
    {
        "tenant": "text",
        "hold_id": "text",  # minted by the register
        "asked": "bytes",  # SHA-256 of what was asked: the same id asks the same for ever
        "kind": "text",
        "member": "text?",
        "code_hash": "text?",
        "amount": "int",
        "lots": "text",  # JSON [[account/lot, amount], …]
        "sale_id": "text",
        "store": "text",
        "register": "text",
        "device_id": "text?",
        "state": "text",  # held, refused, committed, released; a held one has expired when its time is over
        "reason": "text?",
        "created_ms": "int",
        "expires_ms": "int",
        "settled_ms": "int?",  # its event was counted
        "freed": "text?",  # who of head office gave it back, and when
    },
    ("tenant", "hold_id"),
    indexes={
        "authorisation_member": "(tenant, member) WHERE settled_ms IS NULL AND state IN ('held', 'committed')",
        "authorisation_sale": "(tenant, sale_id)",
        "authorisation_coupon": "(tenant, code_hash) WHERE settled_ms IS NULL AND state IN ('held', 'committed')",
    },
)
HOLE = Table(  # what a register had already forgotten when the receiver, restored from an old backup, asked for it
    "hole",
    {"stream_id": "text", "first_seq": "int", "last_seq": "int", "chain": "bytes", "noted_ms": "int"},  # chain: the link at last_seq
    ("stream_id", "first_seq"),
)
BRAND = Table("brand", {"tenant": "text", "brand": "text", "name": "text"}, ("tenant", "brand"))
STORE = Table("store", {"tenant": "text", "store": "text", "brand": "text?", "name": "text"}, ("tenant", "store"))
DEVICE = Table(
    "device",
    {
        "device_id": "text",
        "tenant": "text",
        "store": "text",
        "register": "text",
        "secret": "bytes",
        "enrolled_ms": "int",
        "revoked_ms": "int?",
        "last_seen_ms": "int?",
    },
    ("device_id",),
    indexes={"device_place": "(tenant, store, register)"},
)
DEVICE_CERTIFICATE = Table(  # whose client certificate it is: the subject that was shown at enrolment
    "device_certificate",
    {"tenant": "text", "subject": "text", "device_id": "text"},
    ("subject",),
)
ENROLMENT = Table(
    "enrolment",
    {
        "code_id": "text",  # the part of the code that finds the row; may be known
        "secret_hash": "bytes",  # of the part that proves it
        "tenant": "text",
        "store": "text",
        "register": "text",
        "expires_ms": "int",
        "tries_left": "int",
        "used_ms": "int?",
    },
    ("code_id",),
)
PUBLISHED = Table(  # program files and member snapshots, per store ("*": every store of the tenant)
    "published",
    {
        "tenant": "text",
        "kind": "text",
        "store": "text",
        "version": "int",  # strictly increasing per company and kind, over all stores
        "body": "bytes",
        "signature": "bytes",
        "published_ms": "int",
    },
    ("tenant", "kind", "version", "store"),
)
MEMBER = Table(
    "member",
    {
        "tenant": "text",
        "member": "text",  # the token that events carry
        "number_hash": "text",  # keyed hash of the number that is scanned; the number itself is not kept
        "status": "text",
        "rank": "text?",
        "birth_month": "int?",
        "flags": "text",
        "changed_ms": "int",
    },
    ("tenant", "member"),
    indexes={"member_number": "(tenant, number_hash)"},
)
MEMBER_SECRET = Table(  # what time-limited codes are verified with; only for members of whom the issuer gave it
    "member_secret",
    {
        "tenant": "text",
        "member": "text",
        "otp_key": "bytes?",  # RFC 6238
        "number": "text?",  # a signed code is signed over it
    },
    ("tenant", "member"),
    merges={"otp_key": "first", "number": "first"},
)
TIMED_CODE = Table(  # a time-limited code is worth one scan in the whole company
    "timed_code",
    {"tenant": "text", "digest": "text", "scan_id": "text"},
    ("tenant", "digest"),
)
TIMED_SCAN = Table(  # what was found out about a scan; the grant that follows it asks
    "timed_scan",
    {"tenant": "text", "scan_id": "text", "problem": "text"},
    ("tenant", "scan_id"),
    merges={"problem": "first"},
)
META = Table("meta", {"name": "text", "value": "text"}, ("name",))

TABLES = (
    STREAM, EVENT, GRANT_KEY, CONTESTED, BALANCE, LOT, ACTIVITY, COUPON, AUTHORISATION, HOLE, BRAND, STORE, DEVICE, DEVICE_CERTIFICATE,
    ENROLMENT, PUBLISHED, MEMBER, MEMBER_SECRET, TIMED_CODE, TIMED_SCAN, META,
)  # fmt: skip

_SQLITE_TYPES = {"text": "TEXT", "int": "INTEGER", "bytes": "BLOB"}
POSTGRES_TYPES = {"text": "text", "int": "bigint", "bytes": "bytea"}


def merge_clause(table: Table, engine: Literal["sqlite", "postgres"]) -> str:
    """What follows an INSERT so that rows which are there already are merged with."""
    least, most = ("min", "max") if engine == "sqlite" else ("least", "greatest")
    changes = []
    for name in table.columns:
        if name in table.key:
            continue
        old, new = f"{table.name}.{name}", f"excluded.{name}"
        match table.merges.get(name, "last"):
            case "sum":
                value = f"{old} + {new}"
            case "first":
                value = f"coalesce({old}, {new})"
            case "last":
                value = new
            case "least":
                value = f"{least}({old}, {new})"
            case "most":
                value = f"{most}({old}, {new})"
            case other:
                assert_never(other)
        changes.append(f"{name} = {value}")
    return f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {', '.join(changes)}"


def ddl(engine: Literal["sqlite", "postgres"]) -> list[str]:
    """The statements that make an empty database; each may run again without harm."""
    types = _SQLITE_TYPES if engine == "sqlite" else POSTGRES_TYPES
    statements = []
    for table in TABLES:
        columns = ", ".join(
            f"{name} {types[table.type_of(name)]}{'' if kind.endswith('?') else ' NOT NULL'}" for name, kind in table.columns.items()
        )
        options = ""
        if engine == "sqlite":
            options = " STRICT, WITHOUT ROWID" if table.clustered else " STRICT"
        statements.append(f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)})){options}")
        statements += [f"CREATE INDEX IF NOT EXISTS {name} ON {table.name} {rest}" for name, rest in table.indexes.items()]
    return statements
