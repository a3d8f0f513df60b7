"""Owns whether a program may be applied here and today, and what is left of it after its last day. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from posagent.loyalty.rules import Program

GRACE_DAYS = 7  # a stale campaign must end, but a store whose link is down keeps granting its base rule for a week

State = Literal["ok", "grace", "not_yet", "ended", "scope", "approval"]


@dataclass(frozen=True, slots=True)
class Standing:
    """``ok``: all of it holds. ``grace``: base rules only, no boosts, no new coupons. Everything else: scan members, grant nothing.
    ``reason`` says why, for people; empty when ok."""

    state: State
    reason: str = ""

    @property
    def grants(self) -> bool:
        """Whether anything is granted."""
        return self.state in ("ok", "grace")


OK = Standing("ok")


def applicable(program: Program, day: date, store: str, company: str = "", brand: str = "") -> Standing:
    """What holds in a store on a business date. Empty ``company`` or ``brand``: not compared. The file's signature is not checked here."""
    name = program.reference
    scope = program.scope
    for word, wanted, here in (("company", scope.company, company), ("brand", scope.brand, brand)):
        if wanted and here and wanted != here:
            return Standing("scope", f"program {name} is for {word} '{wanted}', not '{here}'; install the program of '{here}'")
    if "*" not in scope.stores and store not in scope.stores:
        return Standing("scope", f"program {name} holds in {', '.join(scope.stores)}, not in '{store}'; install the store's own program")
    if problem := approval_problem(program):
        return Standing("approval", f"program {name} {problem}; head office must approve it")
    return in_time(program, day)


def in_time(program: Program, day: date) -> Standing:
    """What the dates alone say."""
    name = f"program {program.reference}"
    if program.first_day and day < program.first_day:
        return Standing("not_yet", f"{name} begins on {program.first_day}; until then the version before it holds")
    if program.last_day and day > program.last_day:
        end = program.last_day + timedelta(days=GRACE_DAYS)
        if day <= end:
            return Standing("grace", f"{name} ended on {program.last_day}; base rules only until {end}, no boosts, no new coupons")
        return Standing("ended", f"{name} ended on {program.last_day}; members are recognised, nothing is granted; install its successor")
    return OK


def approval_problem(program: Program) -> str:
    """What is missing among the approvals; empty when they suffice. The last decision of a level counts."""
    decisions = {approval.level: approval.decision for approval in sorted(program.approvals, key=lambda each: each.at)}
    refused = sorted(level for level, decision in decisions.items() if decision == "rejected")
    if refused:
        return f"was rejected at level {refused[0]}"
    missing = [level for level in range(1, program.approvals_required + 1) if level not in decisions]
    if missing:
        return f"needs {program.approvals_required} approvals and lacks level {', '.join(map(str, missing))}"
    return ""
