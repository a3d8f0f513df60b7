"""Owns who a scanned number is: a member of the snapshot that the receiver handed down, or an unverified one under a keyed hash.

The number itself goes no further than this module: the journal carries the member's token, or ``?`` and a hash that only the holder of the
company's key can compare. Snapshot file: ``{"as_of": RFC 3339, "members": {HASH: {"token", "status", "rank", "birth_month", "first",
"flags", "balances", "coupons": [{"key", "def", "first_day", "last_day", "reach"}]}}}``.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from posagent.errors import SettingsError
from posagent.loyalty.model import Coupon, Member

_log = logging.getLogger(__name__)
KEY_BYTES = 32


def code_hash(key: bytes, number: str) -> str:
    """What stands for a number outside of the scan: 32 hex digits of HMAC-SHA256."""
    return hmac.new(key, number.encode(), sha256).hexdigest()[:32]


def read_key(path: Path) -> bytes:
    """The company's key, made at the first start where enrolment has not brought one. Raises SettingsError."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        key = secrets.token_bytes(KEY_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(key.hex() + "\n", "ascii")
    except (OSError, ValueError) as trouble:
        what = f"{path}: the key for member numbers cannot be read ({trouble}); enrol the register again"
        raise SettingsError(what, code="E103") from trouble
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{path}: the key for member numbers must be {KEY_BYTES} bytes in hex; enrol the register again", code="E103")
    return key


MOST_COUPONS = 50


def _coupons(known: Mapping[str, Any]) -> tuple[Coupon, ...]:
    """The member's coupons; one that cannot be read is left out. Head office hands down only those that can be used in this store."""
    found = []
    for one in known.get("coupons", ())[:MOST_COUPONS]:
        try:
            first, last = one.get("first_day"), one.get("last_day")
            days = (date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)
            if one["reach"] != "register":  # honoured by the register alone that printed it: there it is scanned from its paper
                found.append(Coupon(one["key"], one["def"], *days, "brand", "issued", known["token"]))
        except (KeyError, TypeError, ValueError, AttributeError) as trouble:
            _log.warning("a coupon in the member snapshot cannot be read: %r", trouble)
    return tuple(found)


class MemberDirectory:
    """Looks numbers up. Reloads its snapshot when the file was replaced."""

    def __init__(self, key: bytes, snapshot: Path | None) -> None:
        self._key = key
        self._path = snapshot
        self._stamp: tuple[int, int] | None = None
        self._members: Mapping[str, Mapping[str, Any]] = {}
        self.as_of: datetime | None = None

    def find(self, number: str) -> Member:
        """The member of a number; ``status="unverified"`` where the snapshot does not know it."""
        self._refresh()
        hashed = code_hash(self._key, number)
        known = self._members.get(hashed)
        if known is None:
            return Member(token=f"?{hashed}", status="unverified")
        return Member(
            token=known["token"],
            status=known.get("status", "active"),
            rank=known.get("rank"),
            birth_month=known.get("birth_month"),
            first=known.get("first", False),
            flags=tuple(known.get("flags", ())),
            balances=known.get("balances", {}),
            coupons=_coupons(known),
            as_of=self.as_of,
        )

    def _refresh(self) -> None:
        if self._path is None:
            return
        stamp = None
        try:
            seen = self._path.stat()
            stamp = (seen.st_mtime_ns, seen.st_size)
            if stamp == self._stamp:
                return
            content = json.loads(self._path.read_text("utf-8"))
            self._members, self.as_of = content["members"], datetime.fromisoformat(content["as_of"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as trouble:
            _log.warning("member snapshot %s cannot be used (%s); the one before stays", self._path, trouble)
        self._stamp = stamp
