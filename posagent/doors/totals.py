"""Owns the search for a receipt's total: candidates by their labels, and the receipt's own arithmetic as the judge between them. PURE."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from posagent.doors import words as w
from posagent.doors.amounts import QUANTITY, Amount, Line, squeeze
from posagent.doors.profiles import Profile

MOST_CANDIDATES = 60
Rank = Literal[1, 2, 3, 4, 5]
MOST_CHANGES = 8
"""Discounts, taxes and points whose sums are tried against a difference (256 sums)."""


@dataclass(frozen=True, slots=True)
class Total:
    """The amount, and how it was found."""

    value: int
    confidence: Literal["high", "medium"]
    why: tuple[str, ...]
    label_kind: Literal["total", "copy"] = "total"


@dataclass(frozen=True, slots=True)
class NoTotal:
    """No amount that one could answer for."""

    why: str
    ask: bool = True  # there are amounts that could be the total: a person must say


@dataclass(frozen=True, slots=True)
class _Candidate:
    rank: Rank
    value: int
    at: int  # line number
    label: str
    doubtful: bool  # stands beside another number that could be meant


def find_total(lines: tuple[Line, ...], profile: Profile) -> Total | NoTotal:
    """The total of one receipt."""
    proofs = _proofs(lines)
    candidates = _candidates(lines, profile, proofs)
    if len(candidates) > MOST_CANDIDATES:
        return NoTotal("more totals stand on it than on any receipt")
    candidates = [one for one in candidates if one.rank > 1] or candidates
    if not candidates:
        return _by_change(lines) or NoTotal("no line says what the total is (合計, お会計, TOTAL …)", ask=False)
    if not profile.decimals and any(amount.decimals and amount.value == candidates[-1].value for line in lines for amount in line.amounts):
        return NoTotal("amounts with decimals: this is not yen; set decimals = 2 in the profile if hundredths are meant")
    sure = [one for one in candidates if not one.doubtful or one.value in proofs]
    if not sure:
        beside = ", ".join(str(one.value) for one in candidates)
        return NoTotal(f"two numbers stand beside {candidates[0].label}: {beside}")
    if _is_twice(lines):
        return NoTotal("two receipts in one document: change was given twice")
    best = _best(sure, proofs, _changes(lines))
    return best if isinstance(best, NoTotal) else _counted(lines, best, profile, proofs)


def _best(candidates: list[_Candidate], proofs: set[int], changes: list[int]) -> _Candidate | NoTotal:
    """The last of the best labels, where all that says otherwise is explained (tax, discount, points) or disproved by the payment."""
    top = [one for one in candidates if one.rank == max(one.rank for one in candidates)]
    proven = [one for one in top if one.value in proofs]
    best = proven[-1] if len({one.value for one in proven}) == 1 else top[-1]
    for other in candidates:
        if other.value == best.value:
            continue
        explained = _is_explained(other.value - best.value, changes)
        if not explained and best.value not in proofs:
            if other.value not in proofs:
                return NoTotal(f"{other.label} {other.value:,} and {best.label} {best.value:,} differ, and nothing on the receipt says why")
            best = other
        elif not explained and (other.rank, other.label) == (best.rank, best.label):
            return NoTotal(f"{best.label} stands there twice: {other.value:,} and {best.value:,}; two receipts in one document?")
    return best


def _counted(lines: tuple[Line, ...], best: _Candidate, profile: Profile, proofs: set[int]) -> Total | NoTotal:
    value, points_why = _by_points_rule(lines, best, profile, proofs)
    if value is None:
        return NoTotal(points_why)
    why = [f"{best.label} says {best.value:,}", *([points_why] if points_why else [])]
    confirmed = best.value in proofs or value in proofs
    if confirmed:
        why.append("payment, change or subtotal and tax agree")
    if not confirmed and (contradiction := _contradiction(lines, value, proofs)):
        return NoTotal(f"{best.label} says {best.value:,}, but {contradiction}")
    kind: Literal["total", "copy"] = "copy" if best.label.startswith("領収") else "total"
    return Total(value, "high" if confirmed or best.rank == 5 else "medium", tuple(why), kind)


def _by_change(lines: tuple[Line, ...]) -> Total | None:
    """Nothing names the total, but money was handed over, change was given, and the difference stands on the receipt (ticket machines)."""
    handed = {amount.value for _, amount in _labelled(lines, w.DEPOSIT) if amount.value}
    back = {amount.value for _, amount in _labelled(lines, w.CHANGE)}
    if len(handed) != 1 or len(back) != 1:
        return None
    value = next(iter(handed)) - next(iter(back))
    if value <= 0 or not any(amount.value == value for line in lines for amount in line.amounts):
        return None
    return Total(value, "medium", (f"no line is named total; {next(iter(handed)):,} was handed over and {next(iter(back)):,} given back",))


# ---------------------------------------------------------------- candidates


def _candidates(lines: tuple[Line, ...], profile: Profile, proofs: set[int]) -> list[_Candidate]:
    own = {squeeze(word) for word in profile.total}
    never = {squeeze(word) for word in profile.not_total}
    found: list[_Candidate] = []
    for number, line in enumerate(lines):
        for place, amount in enumerate(line.amounts):
            rank = _rank(amount.label, own, never)
            if rank is None and w.FEE.fullmatch(amount.label) and amount.value in proofs:
                rank = 1
            if rank and not (amount.value == 0 and w.REST.fullmatch(amount.label)):  # nothing is left to pay
                found += _beside(rank, number, line.amounts[place:])
        if not any(amount.sure for amount in line.amounts) and number + 1 < len(lines):
            label = _label_alone(line)
            rank = _rank(label, own, never) if label else None
            below = lines[number + 1].amounts
            if rank and rank > 1 and below and _bare(below[0].label) == "" and not any(one.at == number for one in found):
                found += _beside(rank, number, (Amount(label, below[0].value, below[0].sure), *below[1:]))
    return found


def _label_alone(line: Line) -> str:
    """A line of words, with at most a quantity behind them, whose amount stands on the next line."""
    if line.amounts:
        return ""
    return squeeze(QUANTITY.sub("", line.text))


def _bare(label: str) -> str:
    return w.TAX_NOTE.sub("", label)


def _rank(label: str, own: set[str], never: set[str]) -> Rank | None:
    if not label or label in never:
        return None
    if label in own:
        return 5
    bare = _bare(label)
    if w.SUB.fullmatch(label) or w.SUB.fullmatch(bare):
        return None
    for rank, pattern in ((4, w.PAY), (3, w.GRAND), (2, w.TOTAL), (1, w.WEAK)):
        if pattern.fullmatch(label) or (bare and pattern.fullmatch(bare)):
            return rank  # type: ignore[return-value]  # a literal of the tuple above
    return None


def _beside(rank: Rank, number: int, amounts: tuple[Amount, ...]) -> list[_Candidate]:
    """The amount that a label means, where a quantity or another column may stand before it."""
    label = amounts[0].label
    row = [amounts[0], *(one for one in amounts[1:] if one.label == "")]
    sure = [one for one in row if one.sure] or row
    larger = not sure[0].sure and any(one.sure and one.value > sure[0].value for one in amounts[1:])
    doubtful = larger or len({one.value for one in sure}) > 1
    return [_Candidate(rank, one.value, number, label, doubtful) for one in sure]


# ---------------------------------------------------------------- arithmetic


def _labelled(lines: tuple[Line, ...], pattern: re.Pattern[str]) -> list[tuple[int, Amount]]:
    return [(number, amount) for number, line in enumerate(lines) for amount in line.amounts if pattern.fullmatch(amount.label)]


def _proofs(lines: tuple[Line, ...]) -> set[int]:
    """Totals that the rest of the receipt speaks for: paid minus change, one payment, all payments, subtotal plus tax."""
    deposits = [amount.value for _, amount in _labelled(lines, w.DEPOSIT) if amount.value]
    change = [amount.value for _, amount in _labelled(lines, w.CHANGE)]
    payments = [
        amount.value
        for line in lines
        for amount in line.amounts
        if amount.value and w.PAYMENT.search(amount.label) and not w.CHANGE.fullmatch(amount.label) and not w.PAY.fullmatch(amount.label)
    ]
    proofs = {paid - back for paid in deposits for back in change}
    proofs |= {sum(payments) - back for back in change} if payments else set()
    if not change:
        proofs |= set(payments) | ({sum(payments)} if payments else set())
    subs = [amount.value for _, amount in _labelled(lines, w.SUB)]
    taxes = [
        amount.value
        for line in lines
        for amount in line.amounts
        if w.MORE.search(amount.label) and "内" not in amount.label and "対象" not in amount.label
    ]
    proofs |= {sub + extra for sub in subs for extra in _sums(taxes[:4]) if extra}
    return proofs


def _changes(lines: tuple[Line, ...]) -> list[int]:
    """Amounts that make two totals of one receipt differ: taxes, discounts, points, charges."""
    return [
        abs(amount.value)
        for line in lines
        for amount in line.amounts
        if amount.value and (w.LESS.search(amount.label) or w.MORE.search(amount.label) or w.POINTS_USED.search(amount.label))
    ][:MOST_CHANGES]


def _contradiction(lines: tuple[Line, ...], value: int, proofs: set[int]) -> str:
    """What was handed over, less the change, where it is another amount than the total and no discount or points explain it."""
    handed = [amount.value for _, amount in _labelled(lines, w.DEPOSIT) if amount.value]
    change = [amount.value for _, amount in _labelled(lines, w.CHANGE)]
    explained = _changes(lines)
    if len(set(handed)) == len(set(change)) == 1 and not _is_explained(value - (handed[0] - change[0]), explained):
        return f"{handed[0]:,} was handed over and {change[0]:,} given back"
    other = [
        amount.value
        for line in lines
        for amount in line.amounts
        if amount.value > 0 and w.PAYMENT.search(amount.label) and not w.NOT_PAID.search(amount.label) and not _asks(amount.label)
    ]
    if other and not change and sum(other) < value and not _is_explained(value - sum(other), explained):
        return f"{sum(other):,} was paid"
    return ""


def _asks(label: str) -> bool:
    """お支払額 and the like ask for money; what pays it stands on another line."""
    return bool(w.PAY.fullmatch(label) or w.WEAK.fullmatch(label))


def _sums(values: Iterable[int]) -> set[int]:
    sums = {0}
    for value in values:
        sums |= {value + other for other in sums}
    return sums


def _is_explained(difference: int, changes: list[int]) -> bool:
    reachable = {0}
    for value in changes:
        reachable |= {other + value for other in reachable} | {other - value for other in reachable}
    return difference in reachable


def _is_twice(lines: tuple[Line, ...]) -> bool:
    """Change given on two lines that are not one below the other (a large print of the same line)."""
    at = [(number, amount.value) for number, amount in _labelled(lines, w.CHANGE)]
    return len({value for _, value in at}) > 1 or (len(at) > 1 and at[-1][0] - at[0][0] > 6)


def _by_points_rule(lines: tuple[Line, ...], best: _Candidate, profile: Profile, proofs: set[int]) -> tuple[int | None, str]:
    """The total before or after points that were used, as the profile says."""
    used = [
        (number, abs(amount.value))
        for number, line in enumerate(lines)
        for amount in line.amounts
        if amount.value and w.POINTS_USED.search(amount.label) and (amount.label != "ポイント" or amount.value < 0)
    ]
    used = used or [
        (number, int(spent["points"].replace(",", ""))) for number, line in enumerate(lines) if (spent := w.POINTS_IN_WORDS.search(line.text))
    ]
    used = [(number, points) for number, points in used if points]
    if not used:
        return best.value, ""
    points = used[-1][1]
    contains = used[-1][0] > best.at  # the label stands above the points: they are still in it
    before, after = (best.value, best.value - points) if contains else (best.value + points, best.value)
    if contains and best.value in proofs and after not in proofs:
        before, after = best.value, best.value  # what was paid in money is the total: the points belong to something else
        return best.value, ""
    if after < 0:
        return None, f"points used {points:,} are more than {best.label} {best.value:,}"
    if profile.points_used == "before":
        return before, f"{points:,} in points were used; the profile counts the amount before them"
    return after, f"{points:,} in points were used; counted is what was left to pay (points_used = \"after\")"
