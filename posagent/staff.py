"""Owns who works here and their PINs: the [[staff]] tables, how a PIN is stored (scrypt, RFC 7914), and the check that gives nothing away."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import scrypt
from pathlib import Path
from typing import Literal

from posagent.errors import SettingsError
from posagent.strict import Table

StaffRole = Literal["cashier", "manager"]
PIN = re.compile(r"[0-9]{4,12}", re.ASCII)
_CODE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"
_SALT_BYTES, _HASH_BYTES = 16, 32
_N, _R, _P = 1 << 14, 8, 1
"""scrypt's costs: 16 MB and some 50 ms for each try. Ten thousand PINs are soon tried by whoever has the file: it belongs to root."""
_LARGEST_MEMORY = 64 << 20
_STORED = re.compile(r"scrypt:([0-9]{1,7}):([0-9]{1,2}):([0-9]{1,2}):([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Staff:
    """One person of the register. ``pin``: as `store_pin` makes it."""

    code: str
    role: StaffRole
    pin: str


def store_pin(pin: str) -> str:
    """ "scrypt:N:r:p:salt:hash" (base64url without padding) for the settings. Raises ValueError for what is no PIN of 4 to 12 digits."""
    if not PIN.fullmatch(pin):
        raise ValueError("a PIN has 4 to 12 digits")
    if len(set(pin)) == 1 or pin in "01234567890123" or pin in "98765432109876":
        raise ValueError("this PIN is the first that anybody tries; take another")
    salt = os.urandom(_SALT_BYTES)
    return f"scrypt:{_N}:{_R}:{_P}:{_base64(salt)}:{_base64(_derived(pin, salt, _N, _R, _P))}"


_NOBODY = f"scrypt:{_N}:{_R}:{_P}:{'A' * 22}:{'A' * 43}"


def who_is(staff: Sequence[Staff], code: str, pin: str) -> Staff | None:
    """The person with this code and PIN. Takes as long for a code that nobody has as for a wrong PIN."""
    found = next((one for one in staff if one.code == code), None)
    fits = _fits(found.pin if found else _NOBODY, pin)
    return found if fits and found is not None else None


def _fits(stored: str, pin: str) -> bool:
    parts = _STORED.fullmatch(stored)
    assert parts, "checked when it was read"  # noqa: S101
    n, r, p = int(parts[1]), int(parts[2]), int(parts[3])
    return hmac.compare_digest(_derived(pin, _plain(parts[4]), n, r, p), _plain(parts[5]))


def _derived(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return scrypt(pin.encode("ascii"), salt=salt, n=n, r=r, p=p, maxmem=_LARGEST_MEMORY, dklen=_HASH_BYTES)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ---------------------------------------------------------------- reading


def read_staff(tables: Sequence[Table]) -> tuple[Staff, ...]:
    """The [[staff]] tables; what is wrong becomes problems of the tables."""
    staff: list[Staff] = []
    for table in tables:
        code = table.text("code", pattern=_CODE, wanted="a short code of letters and digits, like M01")
        role = table.text("role", choices=("cashier", "manager"))
        pin = table.raw("pin")
        if complaint := _complaint(pin if isinstance(pin, str) else ""):
            table.complain("pin", complaint)
            pin = _NOBODY
        if any(one.code == code for one in staff):
            table.complain("code", f"'{code}' is somebody else's code already; every person needs their own")
        table.finish()
        staff.append(Staff(code, role, pin))
    return tuple(staff)


def _complaint(stored: str) -> str:
    """Why this is no stored PIN. Never repeats it: somebody may have written the PIN itself."""
    parts = _STORED.fullmatch(stored)
    if parts is None:
        return "must be what `posagent staff pin` prints (scrypt:…); a PIN itself never stands in a file"
    n, r, p = int(parts[1]), int(parts[2]), int(parts[3])
    if n < _N or n & (n - 1) or not 1 <= r <= 32 or not 1 <= p <= 16 or 128 * n * r >= _LARGEST_MEMORY:
        return "has costs that are not taken here; make it anew: posagent staff pin"
    try:
        _plain(parts[4]), _plain(parts[5])
    except binascii.Error:
        return "is damaged; make it anew: posagent staff pin"
    return ""


def staff_file(path: Path) -> tuple[Staff, ...]:
    """A file of its own with [[staff]] tables. Raises SettingsError, also where somebody else than root or the agent may write it."""
    try:
        with path.open("rb") as opened:
            state = os.fstat(opened.fileno())
            raw = opened.read(1 << 20)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        raise SettingsError(f"{path}: the staff's PINs cannot be read: {trouble}; it must be UTF-8 text, readable by this user") from trouble
    if state.st_uid not in {0, os.geteuid()} or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"{path}: others may change the staff's PINs; run: chown root {path} && chmod 640 {path}")
    top = Table.parse(text)
    staff = read_staff(top.tables("staff"))
    top.finish()
    if top.problems:
        raise SettingsError(f"{path}: the staff's PINs have problems:", [f"  {problem}" for problem in top.problems])
    return staff
