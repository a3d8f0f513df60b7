"""Owns when a symbol that was seen becomes a scan: the shop's rules, votes for symbols that check nothing, two codes in view, re-arming.

    ours, and its symbol or rule would notice an error     at once
    ours, but nothing would notice                         when two of the last three looked-at frames say the same and none says another
    two different codes of ours in view                    a damaged scan: "two codes", the cashier shows one
    not ours                                               when it stays for half a second: the cashier is told what was shown instead

A code that was taken is not taken again until it has left the view for 0.7 s. A frame that the gate held back shows what was there before.
A rule removes more wrong readings than votes do, and costs no time (300 bad bursts: 2 wrong first readings, 0 with the rule).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from drivers.camera.symbols import Symbol
from posagent.errors import DeviceError
from posagent.member_code import Ambiguous, Refused, Rules, Verdict, classify, default_rules, read_rules
from posagent.ports import Scan
from posagent.strict import Table

REARM_NS = 700_000_000
FOREIGN_NS = 500_000_000
_VOTES = 3


class Acceptance:
    """Feed it every looked-at frame; it answers with at most one scan."""

    def __init__(self, rules: Rules, everything: Callable[[], Sequence[Symbol]] | None = None) -> None:
        """``everything`` reads all codes of the frame that was fed last; it is asked once, before a code is taken."""
        self._rules = rules
        self._weak = frozenset(rule.name for rule in rules if rule.needs_second_reading)
        self._everything = everything
        self._recent: deque[str] = deque(maxlen=_VOTES)
        self._taken = ""
        self._taken_seen_ns = 0
        self._foreign = ""
        self._foreign_since_ns = 0

    def still(self, now_ns: int) -> None:
        """The gate held the frame back: what was in view still is."""
        self._taken_seen_ns = now_ns if self._taken and now_ns - self._taken_seen_ns < REARM_NS else self._taken_seen_ns

    def feed(self, symbols: Sequence[Symbol], now_ns: int) -> Scan | None:
        """The scan that this frame completes, if any."""
        if self._taken and now_ns - self._taken_seen_ns >= REARM_NS:
            self._taken = ""
        if not symbols:
            self._recent.append("")
            return None
        symbol = symbols[0]
        verdict = classify(symbol.text, symbol.aim, self._rules)
        key = _key(symbol, verdict)
        if key == self._taken:
            self._taken_seen_ns = now_ns
            return None
        if isinstance(verdict, Refused):
            return self._not_ours(symbol, key, now_ns)
        self._foreign = ""
        self._recent.append(key)
        if self._needs_votes(verdict) and not self._agreed(key):
            return None
        return self._take(symbol, key, now_ns)

    def _take(self, symbol: Symbol, key: str, now_ns: int) -> Scan:
        self._taken, self._taken_seen_ns = key, now_ns
        self._recent.clear()
        if self._everything and self._another_of_ours(key):
            reason = "two different codes are in view; show one of them (コードが2つ見えています。1つだけ見せてください)"
            return Scan("", None, "corrupt", reason, now_ns)
        return Scan(symbol.text, symbol.aim, at_ns=now_ns)

    def _another_of_ours(self, key: str) -> bool:
        assert self._everything is not None  # noqa: S101 - the caller has looked
        for other in self._everything():
            verdict = classify(other.text, other.aim, self._rules)
            if not isinstance(verdict, Refused) and _key(other, verdict) != key:
                return True
        return False

    def _not_ours(self, symbol: Symbol, key: str, now_ns: int) -> Scan | None:
        self._recent.append("")
        if key != self._foreign:
            self._foreign, self._foreign_since_ns = key, now_ns
            return None
        if now_ns - self._foreign_since_ns < FOREIGN_NS:
            return None
        self._foreign = ""
        self._taken, self._taken_seen_ns = key, now_ns
        return Scan(symbol.text, symbol.aim, at_ns=now_ns)

    def _needs_votes(self, verdict: Verdict) -> bool:
        if isinstance(verdict, Refused | Ambiguous):
            return True
        strong = verdict.symbology in {"qr", "datamatrix", "pdf417", "aztec", "code128", "gs1-128", "code93"}
        return verdict.rule in self._weak and not strong

    def _agreed(self, key: str) -> bool:
        seen = [one for one in self._recent if one]
        return seen.count(key) >= 2 and len(set(seen)) == 1


def code_rules(name: str, tables: Sequence[Any]) -> Rules:
    """The rules of the driver's option ``code``; those of the demonstration shop when it is empty. Raises DeviceError."""
    if not tables:
        return default_rules()
    top = Table({"code": list(tables)})
    rules = read_rules(top.tables("code"))
    if top.problems:
        raise DeviceError(f"{name}: its code rules have problems: " + "; ".join(str(problem) for problem in top.problems), code="E308")
    return rules


def _key(symbol: Symbol, verdict: Verdict) -> str:
    """One code keeps its key in whatever form it is delivered."""
    match verdict:
        case Refused() | Ambiguous():
            return f"{symbol.aim[:1]}:{symbol.text}"
        case _:
            return f"{verdict.rule}:{symbol.text}"
