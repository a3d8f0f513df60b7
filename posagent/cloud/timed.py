"""Owns what becomes of time-limited member codes at head office: one that a register could not judge is verified here, and one that was shown
at two registers is found out.

A register records the scan (``member.seen`` under the key ``token/REGISTER/DIGEST``, with ``verify`` and, where that is ``deferred``, a
``proof``), then the grant, which names the scan. What fails makes the grant a case for people; what nobody can check is counted and marked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posagent import events
from posagent.cloud import lots, schema
from posagent.cloud.engine import Work
from posagent.cloud.reading import Reading
from posagent.cloud.told import Told
from posagent.token_codes import totp_step

MOST_KEYS = 10
_KEY = re.compile(r"token/[^/]{1,64}/([0-9a-f]{64})")
_UNCHECKED = "unchecked: "


@dataclass(frozen=True, slots=True)
class Failed:
    """The event is a case for people."""

    problem: str


def check(work: Work, told: Sequence[Told]) -> dict[int, Failed | str]:
    """In the order of the events; by seq, what is wrong, or a note."""
    found: dict[int, Failed | str] = {}
    for one in told:
        reading = one.reading
        if reading.said.get("verify") not in ("deferred", "verified"):
            continue
        if reading.type == events.MEMBER_SEEN:
            _scanned(work, reading)
        elif reading.type == events.SALE_GRANTED:
            problem = _problem_of(work, reading)
            if problem.startswith(_UNCHECKED):
                found[one.seq] = problem
            elif problem:
                found[one.seq] = Failed(problem)
    return found


def _scanned(work: Work, reading: Reading) -> None:
    """Keeps what is wrong with a scanned code for the grant that follows."""
    tenant, scan_id = reading.place.tenant, reading.said.get("scan_id")
    match = _KEY.fullmatch(reading.idem or "")
    if not isinstance(scan_id, str) or not 0 < len(scan_id) <= 64 or not scan_id.isprintable() or match is None:
        return
    work.run("INSERT INTO timed_code (tenant, digest, scan_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", tenant, match[1], scan_id)
    first = work.rows("SELECT scan_id FROM timed_code WHERE tenant = ? AND digest = ?", tenant, match[1])[0][0]
    problem = "the member's code had been shown at another register" if first != scan_id else ""
    if not problem and reading.said["verify"] == "deferred":
        problem = _unverified(work, reading)
    work.merge(schema.TIMED_SCAN, [(tenant, scan_id, problem)])


def _problem_of(work: Work, reading: Reading) -> str:
    trace = reading.said.get("trace")
    scan_id = trace.get("scan_id") if isinstance(trace, dict) else None
    rows = (
        work.rows("SELECT problem FROM timed_scan WHERE tenant = ? AND scan_id = ?", reading.place.tenant, scan_id)
        if isinstance(scan_id, str) and "\x00" not in scan_id
        else []
    )
    if rows:
        return str(rows[0][0])
    return f"{_UNCHECKED}the scan of the member's code has not come" if reading.said["verify"] == "deferred" else ""


def _unverified(work: Work, reading: Reading) -> str:
    """Why the proof does not stand; empty when it does."""
    proof, issued_s = reading.said.get("proof"), reading.said.get("issued_s")
    if not isinstance(proof, dict) or type(issued_s) is not int or not 0 <= issued_s < 1 << 40:
        return "the member's code came without its proof"
    tenant, names = reading.place.tenant, lots.names_of(work, reading.place.tenant, reading.member or "")
    rows = work.rows("SELECT otp_key, number FROM member_secret WHERE tenant = ? AND member = ?", tenant, names[0])
    otp_key, number = rows[0] if rows else (None, None)
    match proof.get("form"):
        case "window":
            otp = proof.get("otp")
            if otp_key is None:
                return f"{_UNCHECKED}no key for one-time passwords is known of this member"
            if isinstance(otp, str) and re.fullmatch(r"[0-9]{4,10}", otp) and totp_step(bytes(otp_key), otp, issued_s) is not None:
                return ""
            return "the member's one-time password is wrong"
        case "signed":
            keys = token_keys(work, tenant)
            if number is None or not keys:
                return f"{_UNCHECKED}the number of this member or the issuer's public key is not known"
            return "" if _signed(proof, number, keys) else "the signature of the member's code is wrong"
        case _:
            return "the member's code came with a proof of unknown form"


def _signed(proof: Mapping[str, Any], number: str, keys: Sequence[bytes]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    parts = [proof.get(name) for name in ("version", "stamp", "scope", "signature")]
    if not all(isinstance(part, str) and part.isascii() and len(part) <= 128 for part in parts):
        return False
    version, stamp, scope, signature = (str(part) for part in parts)
    try:
        made = bytes.fromhex(signature)
    except ValueError:
        return False
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(made, f"{version}.{number}.{stamp}.{scope}".encode())
        except InvalidSignature:
            continue
        return True
    return False


def token_keys(work: Work, tenant: str) -> list[bytes]:
    """The issuer's public keys for signed codes."""
    rows = work.rows("SELECT value FROM meta WHERE name = ?", f"token_keys:{tenant}")
    return [bytes.fromhex(text) for text in rows[0][0].split()] if rows else []


def set_token_keys(work: Work, tenant: str, texts: Sequence[str]) -> str:
    """Replaces them; "" when done, else why not."""
    if len(texts) > MOST_KEYS or not all(re.fullmatch(r"[0-9a-f]{64}", text) for text in texts):
        return f"keys is a list of at most {MOST_KEYS} public keys of 64 hexadecimal digits"
    work.merge(schema.META, [(f"token_keys:{tenant}", " ".join(texts))])
    return ""
