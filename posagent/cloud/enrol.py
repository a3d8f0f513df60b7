"""Owns how a register gets its key: a one-time code from head office, typed once at the register; and how the key is taken away again.

A code is ``FIND-PROV-EPRO``: four characters find the row, eight prove it (40 random bits against five tries and one day). The alphabet is
Crockford's base 32: no I, L, O, U, and what is typed for them is understood.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from posagent.cloud import schema
from posagent.cloud.engine import Work
from posagent.cloud.publish import member_key, public_key
from posagent.cloud.reading import Place

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TRIES = 5
VALID_MS = 24 * 3600 * 1000
_FIND, _PROVE = 4, 8
_HEARD = str.maketrans("ILOU", "110V")


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a register learns once. ``secret`` (32 bytes) signs its requests; ``member_key`` hashes member numbers alike in the whole company;
    ``file_key`` (name, Ed25519 public key) proves programs and snapshots."""

    device_id: str
    secret: bytes
    place: Place
    member_key: bytes
    file_key: tuple[str, bytes]
    others: tuple[str, ...] = ()
    """Keys that speak for the same register and are still accepted: of the machine before this one, or of a second one that sells today."""

    def fields(self) -> dict[str, Any]:
        """As JSON; but for ``others`` it is also the register's credentials file."""
        return {
            "device": self.device_id,
            "key": self.secret.hex(),
            "company": self.place.tenant,
            "store": self.place.store,
            "register": self.place.register,
            "member_key": self.member_key.hex(),
            "file_keys": {self.file_key[0]: self.file_key[1].hex()},
            "others": list(self.others),
        }


def new_code(work: Work, place: Place, now_ms: int) -> str:
    """A code for one register; earlier unused codes for it die."""
    work.run(
        "UPDATE enrolment SET tries_left = 0 WHERE tenant = ? AND store = ? AND register = ? AND used_ms IS NULL",
        place.tenant, place.store, place.register,
    )  # fmt: skip
    while True:
        find = "".join(secrets.choice(ALPHABET) for _ in range(_FIND))
        prove = "".join(secrets.choice(ALPHABET) for _ in range(_PROVE))
        added = work.run(
            "INSERT INTO enrolment (code_id, secret_hash, tenant, store, register, expires_ms, tries_left, used_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING",
            find, _hash(find, prove), place.tenant, place.store, place.register, now_ms + VALID_MS, TRIES,
        )  # fmt: skip
        if added == 1:
            return f"{find}-{prove[:4]}-{prove[4:]}"


def enrol(work: Work, typed: str, now_ms: int, certificate: str = "") -> Enrolled | str:
    """Takes a code; a text is the reason why not. A wrong code costs a try, so the caller commits in both cases. ``certificate``: subject of
    the client certificate that was shown; from now on it is this register's."""
    code = "".join(mark for mark in typed.upper().translate(_HEARD) if mark in ALPHABET)
    find, prove = code[:_FIND], code[_FIND:]
    columns = "secret_hash, tenant, store, register, expires_ms, tries_left, used_ms"
    rows = work.rows(f"SELECT {columns} FROM enrolment WHERE code_id = ? FOR UPDATE", find)  # noqa: S608 - ours
    if not rows or len(code) != _FIND + _PROVE:
        return "this code is not known; ask head office for a new one"
    secret_hash, tenant, store, register, expires_ms, tries_left, used_ms = rows[0]
    if used_ms is not None:
        return "this code was used already; ask head office for a new one"
    if tries_left < 1 or now_ms > expires_ms:
        return "this code has expired; ask head office for a new one"
    if not compare_digest(_hash(find, prove), bytes(secret_hash)):
        work.run("UPDATE enrolment SET tries_left = tries_left - 1 WHERE code_id = ?", find)
        return f"this code is wrong; {tries_left - 1} tries are left"
    work.run("UPDATE enrolment SET used_ms = ? WHERE code_id = ?", now_ms, find)
    place = Place(tenant, store, register)
    device_id, secret = f"dev-{store}-{register}-{secrets.token_hex(4)}", secrets.token_bytes(32)
    same = "tenant = ? AND store = ? AND register = ? AND revoked_ms IS NULL ORDER BY enrolled_ms DESC, device_id LIMIT 20"
    others = work.rows(f"SELECT device_id FROM device WHERE {same}", tenant, store, register)  # noqa: S608 - ours
    if certificate:
        work.merge(schema.DEVICE_CERTIFICATE, [(tenant, certificate, device_id)])
    work.insert(schema.DEVICE, [(device_id, tenant, store, register, secret, now_ms, None, None)])
    work.run("INSERT INTO store (tenant, store, brand, name) VALUES (?, ?, NULL, ?) ON CONFLICT DO NOTHING", tenant, store, store)
    return Enrolled(device_id, secret, place, member_key(work, tenant), public_key(work), tuple(str(row[0]) for row in others))


def revoke(work: Work, tenant: str, device_id: str, now_ms: int) -> bool:
    """The key is refused from now on; False where there is no such register."""
    return work.run("UPDATE device SET revoked_ms = coalesce(revoked_ms, ?) WHERE tenant = ? AND device_id = ?", now_ms, tenant, device_id) == 1


def _hash(find: str, prove: str) -> bytes:
    return sha256(f"posagent/enrolment/1\n{find}\n{prove}".encode()).digest()
