"""Owns the report of a business date, 点検 (X, the day goes on) and 精算 (Z, the day is closed): figures, words, event and slip. PURE.

`posagent.loyalty.totals` adds up; here stand what differs between its events and the journal's, and what people read. A sale is on record
several times (seen, granted, granted again after a void): it counts once, by its ``sale_id``. The record of a report, as it stands in the
event's data under ``totals``::

    {"sales": {"seen", "with_member", "yen"}, "charges", "coupons": {"issued", "printed", …},
     "accounts": {NAME: {"label", "granted", "voided", …, "net"}}, "operators": {CODE: {"grants", "voids", …}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from posagent import events as ev
from posagent.checkout import Now, Rules
from posagent.events import Draft, Role, draft
from posagent.loyalty.totals import DayTotals, OperatorTotals, day_totals
from posagent.slip_texts import Head, Section, report_slip, yen
from posagent.slips import Lang, to_json

Kind = Literal["x", "z"]
MOST_OPERATORS = 40
OTHERS = "…"
"""All operators beyond the limit together: the till names them, so their number is not ours to trust."""

_EXTRA = ("copy", "result", "discount", "coupons_back", "coupons_back_yen")
_KEPT = ("business_date", "operator", "member", "entries", "sale_id", "amount", "paid", "joins", *_EXTRA)


@dataclass(frozen=True, slots=True)
class DayEvent:
    """A stored event, as far as a report needs it. ``kind`` is its type without prefix and version: "sale.granted"."""

    seq: int
    kind: str
    envelope: Mapping[str, Any]


def day_event(seq: int, type_: str, envelope: Mapping[str, Any]) -> DayEvent:
    """From the journal: number, type and ``data``."""
    kind = type_.removeprefix("posagent.").removesuffix(".v1")
    return DayEvent(seq, kind, {key: envelope[key] for key in _KEPT if key in envelope})


@dataclass(frozen=True, slots=True)
class Journal:
    """How the journal stood when the report was taken. ``chain`` is the link of event ``last_seq``, in hexadecimal."""

    last_seq: int
    chain: str
    unsynced: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants which report. ``key`` makes one wish: the same again is the same report."""

    kind: Kind
    business_date: str
    operator: str
    role: Role
    key: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A report ready to be stored: its event, and its slip where there is a printer: (serial, document)."""

    draft: Draft
    slip: tuple[str, bytes] | None


# ---------------------------------------------------------------- figures


def totals_of(events: Iterable[DayEvent], business_date: str, journal: Journal) -> DayTotals:
    """The figures of one business date. ``first_seq`` is the date's first event, ``last_seq`` the journal's last: the chain's link is there."""
    kept = [event for event in events if event.envelope.get("business_date") == business_date]
    totals = day_totals(
        (_counted(event) for event in kept if event.kind != "sale.seen"),
        business_date,
        unsynced=journal.unsynced,
        rejected=journal.rejected,
        chain_head=journal.chain,
    )
    sales: dict[str, tuple[int, bool]] = {}
    for event in kept:
        sale_id, amount = str(event.envelope.get("sale_id")), int(event.envelope.get("amount", 0))
        if event.kind == "sale.granted":
            sales[sale_id] = (amount, True)
        elif event.kind == "sale.seen" and event.envelope.get("paid") and "joins" not in event.envelope:
            # neither an open bill nor a sale that a second door tells
            sales.setdefault(sale_id, (amount, False))
    totals.sales_seen = len(sales)
    totals.sales_with_member = sum(member for _, member in sales.values())
    totals.sales_yen = sum(amount for amount, _ in sales.values())
    totals.first_seq = min((event.seq for event in kept), default=journal.last_seq)
    totals.last_seq = journal.last_seq
    _limit_operators(totals)
    return totals


def _counted(event: DayEvent) -> dict[str, Any]:
    """As `day_totals` wants it: the slip's outcome is "ok" there where the print lane says "printed"."""
    extra = {key: event.envelope[key] for key in _EXTRA if key in event.envelope}
    if extra.get("result") == "printed":
        extra["result"] = "ok"
    return {**event.envelope, "seq": event.seq, "type": event.kind, "data": extra}


def _limit_operators(totals: DayTotals) -> None:
    """The busiest by name, the rest together; names from a till are made printable."""
    named: dict[str, OperatorTotals] = {}
    busiest = sorted(totals.operators.items(), key=lambda item: (-sum(asdict(item[1]).values()), item[0]))
    for place, (operator, counts) in enumerate(busiest):
        name = "".join(mark if mark.isprintable() else "?" for mark in operator[:32]) if place < MOST_OPERATORS else OTHERS
        mine = named.setdefault(name, OperatorTotals())
        for what, count in asdict(counts).items():
            setattr(mine, what, getattr(mine, what) + count)
    totals.operators = named


def record_of(totals: DayTotals, labels: Mapping[str, str]) -> dict[str, Any]:
    """The figures as JSON values (see the module's first lines). ``labels``: account -> what people call it."""
    return {
        "sales": {"seen": totals.sales_seen, "with_member": totals.sales_with_member, "yen": totals.sales_yen},
        "charges": totals.charges,
        "accounts": {
            name: {"label": labels.get(name, name), **asdict(account), "net": account.net} for name, account in sorted(totals.accounts.items())
        },
        "coupons": asdict(totals.coupons),
        "operators": {name: asdict(counts) for name, counts in sorted(totals.operators.items())},
    }


# ---------------------------------------------------------------- words

_TITLES = {
    "sales": ("会計", "Sales"), "coupons": ("クーポン", "Coupons"),
    "operators": ("担当者別", "By operator"), "sending": ("送信", "Head office"),
}  # fmt: skip
_ROWS = {
    "seen": ("会計数", "Number"), "with_member": ("うち会員", "with a member"), "yen": ("会計金額", "Amount"),
    "charges": ("チャージ", "Charges"),
    "granted": ("付与", "Granted"), "voided": ("取消", "Voided"), "redeemed": ("利用", "Redeemed"), "returned": ("返還", "Returned"),
    "added": ("加算", "Added"), "removed": ("減算", "Removed"), "net": ("増減", "Net"),
    "issued": ("発行", "Issued"), "printed": ("印刷", "Printed"), "reprinted": ("再発行", "Reprinted"),
    "not_printed": ("印刷不明", "Not certain"),
    "redeemed_yen": ("利用金額", "Redeemed, amount"),
    "given_back": ("利用の取消", "Given back"), "given_back_yen": ("取消金額", "Given back, amount"),
    "grants": ("付与", "grants"), "voids": ("取消", "voids"), "refunds": ("返品", "refunds"), "adjustments": ("調整", "adjustments"),
    "reprints": ("再発行", "reprints"),
    "unsynced": ("未送信", "Not sent yet"), "rejected": ("本部が拒否", "Refused"),
}  # fmt: skip
_MONEY = {"yen", "redeemed_yen", "given_back_yen"}
_ONLY_WHEN = {"charges", "returned", "added", "removed", "not_printed", "redeemed_yen", "given_back", "given_back_yen"}
"""Rows that most days do not have: left out while they are 0."""


def sections(envelope: Mapping[str, Any], lang: Lang) -> tuple[Section, ...]:
    """A stored report's figures for people: of slip, page and command line alike. ``envelope``: the data of a day event."""
    totals = envelope["totals"]
    side = 0 if lang == "ja" else 1

    def rows(counts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (_ROWS[what][side], yen(count, lang) if what in _MONEY else f"{count:,}")
            for what, count in counts.items()
            if what in _ROWS and (count or what not in _ONLY_WHEN)
        )

    found = [Section(_TITLES["sales"][side], rows({**totals["sales"], "charges": totals["charges"]}))]
    found += [Section(account["label"], rows(account)) for account in totals["accounts"].values()]
    found.append(Section(_TITLES["coupons"][side], rows(totals["coupons"])))
    by_name = tuple(
        (f"{name} {_ROWS[what][side]}", f"{count:,}") for name, counts in totals["operators"].items() for what, count in counts.items() if count
    )
    if by_name:
        found.append(Section(_TITLES["operators"][side], by_name))
    found.append(Section(_TITLES["sending"][side], rows({key: envelope[key] for key in ("unsynced", "rejected")})))
    return tuple(found)


def remark(envelope: Mapping[str, Any], lang: Lang) -> str:
    """What the figures do not say by themselves; "" when there is nothing."""
    ja = lang == "ja"
    said = []
    if closed := envelope.get("closed"):
        at = datetime.fromisoformat(closed["at"])
        if ja:
            said.append(f"この営業日は {at:%m/%d %H:%M} に精算済みです(連番 {closed['seq']:,})。")
        else:
            said.append(f"This business date was closed on {at:%d %b %H:%M} (number {closed['seq']:,}).")
    if envelope["unsynced"]:
        said.append("未送信の記録は自動で送られます。" if ja else "What is not sent yet leaves by itself.")
    return "\n".join(said)


# ---------------------------------------------------------------- event and slip


def close_key(business_date: str, register: str) -> str:
    """The business key of a date's closing: a date is closed once."""
    return f"{business_date}/{register}/close"


def draw(order: Order, totals: DayTotals, closed: Mapping[str, Any] | None, now: Now, rules: Rules) -> Drawn:
    """The report as event and slip. ``closed``: {"at", "seq"} of the date's closing where an X looks at a closed date."""
    stationery, register = rules.stationery, rules.place.register
    labels = {account.name: account.label for account in rules.program.accounts} if rules.program else {}
    at = now.at.isoformat(timespec="milliseconds")
    last_seq = totals.last_seq or 0
    mark = "Z" if order.kind == "z" else f"X{last_seq}"
    serial = f"{rules.place.store}-{register}-{order.business_date.replace('-', '')}-{mark}"
    figures: dict[str, Any] = {
        "totals": record_of(totals, labels),
        "first_seq": totals.first_seq or 0,
        "last_seq": last_seq,
        "chain": totals.chain_head,
        "unsynced": totals.unsynced,
        "rejected": totals.rejected,
    }
    if stationery:
        figures["serial"] = serial
    if closed:
        figures["closed"] = dict(closed)
    drawn = draft(
        ev.DAY_CLOSED if order.kind == "z" else ev.DAY_CHECKED,
        place=rules.place,
        idemkey=close_key(order.business_date, register) if order.kind == "z" else f"{order.business_date}/{register}/check/{order.key}",
        at=at,
        business_date=order.business_date,
        operator=order.operator,
        role=order.role,
        program=rules.register.program,
        offline=now.offline,
        data=figures,
        trace={"at": at},
    )
    if stationery is None:
        return Drawn(drawn, None)
    slip = report_slip(
        Head(serial, stationery.store_name, stationery.register, now.at, stationery.lang, order.operator),
        kind=order.kind,
        business_date=date.fromisoformat(order.business_date),
        sections=sections(figures, stationery.lang),
        first_seq=figures["first_seq"],
        last_seq=last_seq,
        chain=totals.chain_head,
        remark=remark(figures, stationery.lang),
    )
    return Drawn(drawn, (serial, to_json(slip)))
