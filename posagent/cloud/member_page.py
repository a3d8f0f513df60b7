"""Owns head office's page of a member: balances and lots, what sales hold, coupons, the newest events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

from posagent.cloud.account import Account, CouponRow, HoldRow, LotRow
from posagent.cloud.office import LedgerRow
from posagent.cloud.pages import STATUS, age, empty, iso, kind_of, page, problem_words, table, when

_KINDS = {"coupon": "クーポン coupon", "points": "ポイント points", "value": "残高 value", "charge": "チャージ charge"}
_STATES = {
    "held": "確保中 held", "committed": "確定・未着 committed", "issued": "発行 issued", "printed": "印刷済 printed", "used": "使用済 used",
    "void": "無効 void", "expired": "期限切れ expired",
}  # fmt: skip


def members(
    company: str, token: str, balances: Mapping[str, int], rows: Sequence[LedgerRow], known: Account | None, now_ms: int, trouble: str = ""
) -> str:
    """Everything of a member; without a token only the question."""
    hidden = f'<input type="hidden" name="tenant" value="{escape(company)}">' if company else ""
    form = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
    form += (
        f'<form class="ask" action="/office/members">{hidden}<label>会員トークン Member token '
        f'<input name="token" value="{escape(token)}" maxlength="200" autofocus></label><button>表示 Show</button></form>'
    )
    if not token:
        return page("会員 Member", company, "/office/members", form)
    if not balances and not rows and not (known and (known.coupons or known.holds)):
        return page("会員 Member", company, "/office/members", form + empty("記録がありません。 Nothing was ever recorded for this member."))
    parts = [f'<div class="sums">{"".join(_sum(name, amount, known) for name, amount in balances.items())}</div>']
    if known and known.lots:
        parts += ["<h2>期限 Until when</h2>", table(("勘定 Account", "残り Left", "最終日 Last day"), [_lot(one) for one in known.lots])]
    if known and known.holds:
        heads = ("内容 What", "数量 Amount", "状態 State", "店舗/レジ Place", "取引 Sale", "期限 Until", "")
        parts += ["<h2>確保中 Held by sales</h2>", table(heads, [_hold(company, token, one, now_ms) for one in known.holds])]
    if known and known.coupons:
        columns = ("クーポン Coupon", "状態 State", "最終日 Last day", "範囲 Reach", "発行 Issued at", "使用した取引 Used in")
        parts += ["<h2>クーポン Coupons</h2>", table(columns, [_coupon(one) for one in known.coupons])]
    events = ("受信 Received", "取引時刻 At the register", "店舗/レジ Place", "種類 Type", "増減 Entries", "状態 State", "備考 Note")
    parts += ["<h2>取引 Events</h2>", table(events, [_event(one, now_ms) for one in rows])]
    return page(f"会員 Member {token}", company, "/office/members", form + "".join(parts))


def _sum(name: str, amount: int, known: Account | None) -> str:
    """Below nothing is shown as nothing with what is missing; the ledger keeps the true figure. What may be used stands where it is less."""
    shown = f"{amount:,}" if amount >= 0 else f"0 <small>不足 short {-amount:,}</small>"
    usable = known.available.get(name, amount) if known else amount
    less = f"<small>利用可 usable {max(0, usable):,}</small>" if usable < amount else ""
    return f"<div><span>{escape(name)}</span><b>{shown}</b>{less}</div>"


def _row(cells: Sequence[str], state: str = "") -> str:
    return f'<tr class="{escape(state)}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _lot(one: LotRow) -> str:
    last = escape(one.expires or "無期限 never") + (" <b>期限切れ expired</b>" if one.expired else "")
    return _row((escape(one.account), f"{one.left:,}", last))


def _hold(company: str, token: str, one: HoldRow, now_ms: int) -> str:
    amount = one.code_hash[:8] if one.code_hash else f"{one.amount:,}"
    hidden = f'<input type="hidden" name="tenant" value="{escape(company)}">' if company else ""
    form = (
        f'<form class="inline" method="post" action="/office/holds/{quote(one.id, safe="")}/release">{hidden}'
        f'<input type="hidden" name="token" value="{escape(token)}"><label>担当者 By <input name="by" required maxlength="64"></label>'
        "<button>解放 Free it</button></form>"
    )
    left_s = max(0, one.expires_ms - now_ms) // 1000
    until = f"あと{left_s}秒 {left_s} s" if one.state == "held" else "取引の着信 its event"
    place = f"{one.store} / {one.register}"
    return _row(
        (_KINDS.get(one.kind, escape(one.kind)), escape(amount), _STATES.get(one.state, escape(one.state)), escape(place), escape(one.sale_id),
         escape(until), form)
    )  # fmt: skip


def _coupon(one: CouponRow) -> str:
    name = f"{escape(one.label or one.definition or '—')}<small>{escape(one.definition or '')}</small>"
    issued = f"{one.store or '—'} / {one.register or '—'}"
    return _row(
        (name, _STATES.get(one.state, escape(one.state)), escape(one.last_day or "無期限 never"), escape(one.reach or "—"), escape(issued),
         escape(one.used_sale or ""))
    )  # fmt: skip


def _event(row: LedgerRow, now_ms: int) -> str:
    entries = ", ".join(f"{account} {delta:+d}" for account, delta in row.entries.items())
    note = row.decided or problem_words(row.problem or "")
    cells = (
        f'<time datetime="{iso(row.received_ms)}">{age(now_ms - row.received_ms)}</time>', escape(when(row.occurred)),
        escape(f"{row.store} / {row.register}"), escape(kind_of(row.type)), escape(entries), escape(STATUS.get(row.status, row.status)),
        escape(note),
    )  # fmt: skip
    return _row(cells, row.status)
