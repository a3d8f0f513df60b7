"""Owns time-limited member codes: their forms, their time window, replay, and TOTP. PURE: time and memory are passed in.

Two forms, chosen by a code rule's ``timed``:

    window   a text whose pattern names (?P<id>…), (?P<time>…) and perhaps (?P<otp>…). The register holds no member's key: it checks the time,
             remembers the token and leaves the one-time password to the receiver (``verify = deferred``), which may take the grant back.
    signed   V1.<member>.<seconds since 1970>.<scope>.<signature>: Ed25519 over everything before the last dot (ASCII, as scanned), so that
             a public key on the register is enough. The signature is base45 (RFC 9285; 96 characters, the QR alphanumeric set) or base64url
             without padding (86 characters).

A copied screen is the attack: the window bounds its life, the replay memory makes it worth one grant. A register whose clock is not
synchronised does not refuse on time, it flags. Sources: RFC 6238 (TOTP), RFC 4226 5.3 (truncation), RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

WINDOW_S = 90
REMEMBER_S = 600
MOST_REMEMBERED = 10_000

_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138


@dataclass(frozen=True, slots=True)
class Token:
    """``digest`` identifies it in the replay memory: SHA-256, hexadecimal, over its meaning, so that another spelling of the same token is
    the same token. ``signed`` and ``signature`` only with "signed"."""

    member: str
    issued_s: int
    digest: str
    scope: str = ""
    otp: str = ""
    signed: bytes = b""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Seen:
    """The replay memory: digest -> second until which it is remembered. The caller keeps it durable."""

    until_s: Mapping[str, int] = field(default_factory=dict)

    def knows(self, token: Token, now_s: int) -> bool:
        return self.until_s.get(token.digest, now_s) > now_s

    def with_token(self, token: Token, now_s: int, remember_s: int = REMEMBER_S) -> Seen:
        """The memory after the token; what has expired is gone, and beyond the limit the oldest."""
        live = sorted(((until, digest) for digest, until in self.until_s.items() if until > now_s), reverse=True)[: MOST_REMEMBERED - 1]
        return Seen({token.digest: now_s + remember_s} | {digest: until for until, digest in live if digest != token.digest})


Why = Literal["expired", "ahead", "replayed", "scope", "signature"]


@dataclass(frozen=True, slots=True)
class TokenAccepted:
    """``verify``: "verified" by its signature here, "deferred" to the receiver. ``clock_unsure``: its time could not be judged."""

    member: str
    verify: Literal["verified", "deferred"]
    clock_unsure: bool


@dataclass(frozen=True, slots=True)
class TokenRefused:
    why: Why
    ja: str
    en: str


_WORDS: dict[Why, tuple[str, str]] = {
    "expired": ("コードの有効時間が過ぎています。会員証の画面を更新してもらってください。", "The code has expired. Have the screen refreshed."),
    "ahead": ("コードの時刻が進んでいます。スマートフォンの時刻を確認してください。", "The code is from the future. Check the phone's clock."),
    "replayed": ("使用済みのコードです。会員証の画面を更新してもらってください。", "Used already. Have the screen refreshed."),
    "scope": ("他店のコードです。当店の会員証をスキャンしてください。", "A code of another shop. Scan this shop's member card."),
    "signature": ("コードを確認できません。会員証の画面を更新してもらってください。", "It cannot be verified. Have the screen refreshed."),
}


def judge(
    token: Token,
    *,
    now_s: int,
    clock_ok: bool,
    seen: Seen,
    scope: str = "",
    verify: Callable[[bytes, bytes], bool] | None = None,
    window_s: int = WINDOW_S,
) -> TokenAccepted | TokenRefused:
    """Whether the token may be granted on. The caller then makes ``seen.with_token`` durable before it tells anybody.

    ``clock_ok``: the register's clock is synchronised. ``verify(signed, signature)`` is None when the register has no public key: the
    receiver decides later. ``scope``: this shop's; "" accepts any.
    """
    if token.signature and verify is not None and not verify(token.signed, token.signature):
        return _refused("signature")
    if scope and token.scope and token.scope != scope:
        return _refused("scope")
    if clock_ok and now_s - token.issued_s > window_s:
        return _refused("expired")
    if clock_ok and token.issued_s - now_s > window_s:
        return _refused("ahead")
    if seen.knows(token, now_s):
        return _refused("replayed")
    verified = bool(token.signature) and verify is not None
    return TokenAccepted(token.member, "verified" if verified else "deferred", clock_unsure=not clock_ok)


def parse_signed(text: str) -> Token | None:
    """The parts of a signed token; None when it has not the form."""
    found = re.fullmatch(r"([Vv]1\.([0-9A-Za-z_-]{1,64})\.([0-9]{1,13})\.([0-9A-Za-z_-]{0,32}))\.(.{86,96})", text)
    if not found or not text.isascii():
        return None
    signature = _base45(found[5]) if len(found[5]) == 96 else _base64url(found[5])
    if signature is None or len(signature) != 64:
        return None
    return Token(found[2], _seconds(found[3]), _digest(found[2], found[3], found[4]), found[4], signed=found[1].encode(), signature=signature)


def parse_window(text: str, pattern: re.Pattern[str]) -> Token | None:
    """The parts of a token whose pattern names id, time and perhaps otp and scope; None when it has not the form."""
    found = pattern.fullmatch(text)
    if not found:
        return None
    parts = found.groupdict()
    time, otp = parts.get("time") or "", parts.get("otp") or ""
    if not (parts.get("id") and time.isascii() and time.isdigit() and len(time) <= 13):
        return None
    return Token(parts["id"], _seconds(time), _digest(parts["id"], time, otp), parts.get("scope") or "", otp)


Algorithm = Literal["sha1", "sha256", "sha512"]


def totp(key: bytes, at_s: int, *, digits: int = 6, step_s: int = 30, algorithm: Algorithm = "sha1") -> str:
    """RFC 6238: the one-time password of the step that ``at_s`` falls into."""
    mac = hmac.new(key, (at_s // step_s).to_bytes(8, "big"), getattr(hashlib, algorithm)).digest()
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def totp_step(key: bytes, otp: str, at_s: int, *, window: int = 1, step_s: int = 30, algorithm: Algorithm = "sha1") -> int | None:
    """How many steps away from ``at_s`` the password belongs (0 first, then -1, +1, …); None outside ±window. Constant-time comparison."""
    for distance in sorted(range(-window, window + 1), key=lambda step: (abs(step), step)):
        moment = at_s + distance * step_s
        if moment >= 0 and hmac.compare_digest(totp(key, moment, digits=len(otp), step_s=step_s, algorithm=algorithm), otp):
            return distance
    return None


def base45(raw: bytes) -> str:
    """RFC 9285: two bytes are three characters of the QR alphanumeric set; the first is the least significant."""
    text = ""
    for at in range(0, len(raw), 2):
        pair = raw[at : at + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(3 if len(pair) == 2 else 2):
            value, place = divmod(value, 45)
            text += _BASE45[place]
    return text


def _base45(text: str) -> bytes | None:
    places = [_BASE45.find(character) for character in text]
    if len(text) % 3 or -1 in places:
        return None
    triples = [places[at] + 45 * places[at + 1] + 2025 * places[at + 2] for at in range(0, len(places), 3)]
    return b"".join(value.to_bytes(2, "big") for value in triples) if all(value < 65536 for value in triples) else None


def _base64url(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None


def _seconds(text: str) -> int:
    number = int(text)
    return number // 1000 if number >= _MILLISECONDS_FROM else number


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _refused(why: Why) -> TokenRefused:
    return TokenRefused(why, *_WORDS[why])
