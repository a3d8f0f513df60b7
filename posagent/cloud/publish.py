"""Owns what goes down to the stores: program files and member snapshots, with strictly increasing versions and an Ed25519 signature.

Form and signature are `offline_queue.signed_file`'s. A register takes only what is newer than what it has, and keeps the last good one.
"""

from __future__ import annotations

import json
import secrets
from hmac import new as new_hmac
from typing import Literal

from offline_queue.signed_file import SignedFile, sign_file
from posagent.cloud import schema, snapshot
from posagent.cloud.engine import Work
from posagent.cloud.reading import Place
from posagent.errors import ProgramError

Kind = Literal["program", "members"]
EVERY_STORE = "*"
SNAPSHOT_AGE_MS = 15 * 60 * 1000


def public_key(work: Work) -> tuple[str, bytes]:
    """The key that registers verify with: its name, and 32 raw bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.from_private_bytes(_secret(work, "signing_key")).public_key().public_bytes_raw()
    return f"head-office-{public.hex()[:8]}", public


def member_key(work: Work, tenant: str) -> bytes:
    """The company's key for the hashes of member numbers (32 bytes)."""
    return _secret(work, f"member_key:{tenant}")


def number_hash(key: bytes, number: str) -> str:
    """What stands for a member's number in events and snapshots: 32 hex digits of HMAC-SHA256, as the register makes it."""
    return new_hmac(key, number.encode(), "sha256").hexdigest()[:32]


def publish_program(work: Work, tenant: str, store: str, text: str, now_ms: int) -> int:
    """Hands a program file down to a store, or to ``*``. Raises ProgramError when it cannot be read or its version is not newer."""
    from posagent.loyalty.program import read_program

    program, problems = read_program(text)
    if problems:
        raise ProgramError("the program file cannot be published", [str(one) for one in problems])
    _publish(work, "program", tenant, store, program.version, text.encode(), now_ms)
    return program.version


def latest(work: Work, kind: Kind, tenant: str, store: str) -> SignedFile | None:
    """What a register of that store gets: the newest of its own and of every store's."""
    rows = work.rows(
        "SELECT version, body, signature FROM published WHERE tenant = ? AND kind = ? AND store IN (?, ?) ORDER BY version DESC LIMIT 1",
        tenant, kind, store, EVERY_STORE,
    )  # fmt: skip
    if not rows:
        return None
    version, body, signature = rows[0]
    return SignedFile(kind, version, public_key(work)[0], bytes(signature), bytes(body))


def members(work: Work, place: Place, now_ms: int) -> SignedFile:
    """The store's members as the receiver knows them; made anew when the last one is a quarter of an hour old."""
    rows = work.rows(
        "SELECT max(published_ms) FROM published WHERE tenant = ? AND kind = 'members' AND store = ?", place.tenant, place.store
    )
    if rows[0][0] is None or rows[0][0] <= now_ms - SNAPSHOT_AGE_MS:
        work.run("DELETE FROM published WHERE tenant = ? AND kind = 'members' AND store = ?", place.tenant, place.store)
        body = json.dumps(snapshot.members(work, place, now_ms), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        _publish(work, "members", place.tenant, place.store, now_ms, body, now_ms)
    found = latest(work, "members", place.tenant, place.store)
    if found is None:
        raise ProgramError(f"store {place.store}: no member snapshot could be made")
    return found


def _publish(work: Work, kind: Kind, tenant: str, store: str, version: int, body: bytes, now_ms: int) -> None:
    if kind == "program":
        newest = work.rows("SELECT max(version) FROM published WHERE tenant = ? AND kind = ?", tenant, kind)[0][0]
        if newest is not None and version <= newest:
            raise ProgramError(f"version {version} is not newer than {newest}, which was published already; raise program.version")
    signed = sign_file(kind, version, body, public_key(work)[0], _secret(work, "signing_key"))
    work.insert(schema.PUBLISHED, [(tenant, kind, store, version, body, signed.signature, now_ms)])


def _secret(work: Work, name: str) -> bytes:
    """32 random bytes that are made at their first use."""
    work.run("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, secrets.token_hex(32))
    return bytes.fromhex(work.rows("SELECT value FROM meta WHERE name = ?", name)[0][0])
