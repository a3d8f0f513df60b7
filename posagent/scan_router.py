"""Owns who gets what the counter's one scanner reads: the shop's own codes are ours, everything else is typed on into the POS. PURE.

The scanner is grabbed by the reader process, which judges each scan by the shop's code rules and types it on itself
(`posagent.held_scans`). A scan that was typed on is never ours as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from posagent.member_code import Ambiguous, Coupon, Member, Product, Refused, Rules, Staff, classify
from posagent.member_code.rules import rule_of
from posagent.strict import Table

End = Literal["as-sent", "enter", "tab", "none"]
_KEYBOARD = r"uinput|unix:/.+"


@dataclass(frozen=True, slots=True)
class Route:
    """A scanner's ``route`` table. ``keyboard``: "uinput", or "unix:PATH" for a POS of trials. ``layout`` is the POS's. ``end``: what is
    typed behind the code; "as-sent": what the scanner sent there. ``key_ms``: pause behind each key; 0: as fast as a scanner. ``answer_ms``:
    where the agent is asked, how long the POS waits for its answer."""

    keyboard: str = "uinput"
    layout: Literal["us", "jis"] = "us"
    end: End = "as-sent"
    key_ms: int = 0
    answer_ms: int = 50


def read_route(scanner: Table, *, types_keys: bool, camera: bool) -> Route | None:
    """The ``route`` of a [[scanner]] table, None without one. ``types_keys``: the scanner is a keyboard itself, so that there is a key which
    ends its codes."""
    if "route" not in scanner:
        return None
    table = scanner.table("route")
    if camera:
        scanner.complain("route", "is for scanners that type into the POS without us; take it out of a camera's table")
    found = Route(
        keyboard=table.text("keyboard", "uinput", pattern=_KEYBOARD, wanted='"uinput" or "unix:/a/path"'),
        layout=table.text("layout", "us", choices=("us", "jis")),
        end=table.text("end", "as-sent", choices=("as-sent", "enter", "tab", "none")),
        key_ms=table.integer("key_ms", 0, minimum=0, maximum=50),
        answer_ms=table.integer("answer_ms", 50, minimum=5, maximum=500),
    )
    if found.end == "as-sent" and not types_keys and not camera:
        table.complain("end", 'is missing; give "enter", "tab" or "none": this scanner sends no key that could be typed on')
    table.finish()
    return found


def routed_options(options: Mapping[str, Any], route: Route | None) -> Mapping[str, Any]:
    """A routed scanner's options. Two equal goods scanned one after the other are two, so nothing is taken for a double read; the counter
    tells a member's second scan itself."""
    return options if route is None else {**options, "double_read_ms": 0}


def is_ours(text: str, aim: str | None, rules: Rules) -> bool:
    """Whether the agent wants a code: members, coupons, staff, and what is one of these or a product (the cashier is asked)."""
    match classify(text, aim, rules):
        case Member() | Coupon() | Staff():
            return True
        case Ambiguous(candidates):
            return any(not isinstance(one, Product) for one in candidates)
        case Product() | Refused():
            return False


def judge_of(tables: Sequence[Mapping[str, Any]]) -> Callable[[str, str | None], bool]:
    """`is_ours` for the reader process, by rules that came as JSON (`posagent.member_code.rules.as_table`)."""
    rules = tuple(rule_of(table) for table in tables)
    return lambda text, aim: is_ours(text, aim, rules)
