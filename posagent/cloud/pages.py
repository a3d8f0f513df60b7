"""Owns head office's pages: plain HTML made here, every value escaped, no script. One style sheet, `static/office.css`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote, urlencode

from posagent.cloud.office import Case, LedgerRow, RegisterRow

SILENT_MS = 60 * 60 * 1000  # four missed heartbeats
MOST_ROWS = 1_000
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATUS = {
    "applied": "計上 counted",
    "duplicate": "重複 duplicate",
    "conflict": "要確認 conflict",
    "rejected": "計上不可 rejected",
    "withheld": "本文未着 withheld",
}

_PROBLEMS = {
    "the same business key": "同じ取引キーで内容が異なります。",
    "it corrects an event": "計上されていない取引の訂正です。",
    "unknown event type": "未対応の種類です。",
    "amount out of range": "数値が範囲外です。",
    "malformed": "形式が正しくありません。",
    "the register keeps": "レジが本文を保留しています。",
    "of a case": "確認待ちの取引と同じものです。",
    "the coupon was used": "使用済みのクーポンです。",
    "the member's code had": "会員コードは別のレジでも提示されています。",
    "the member's": "会員コードを確認できませんでした。",
    "the signature": "会員コードの署名が正しくありません。",
    "unchecked": "会員コードは未確認です。",
    "late": "承認の期限後、または承認と異なる利用です。",
}


def _page(title: str, company: str, here: str, main: str) -> str:
    links = [("/office", "店舗とレジ Stores"), ("/office/members", "会員 Members"), ("/office/conflicts", "要確認 To decide")]
    query = f"?{urlencode({'tenant': company})}" if company else ""
    menu = "".join(
        f'<a href="{path}{escape(query)}"{" aria-current=page" if path == here else ""}>{escape(text)}</a>' for path, text in links
    )
    return (
        '<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)} · posagent</title><link rel="stylesheet" href="/office/office.css">'
        f"<header><strong>posagent</strong><span>{escape(company)}</span><nav>{menu}</nav></header>"
        f"<main><h1>{escape(title)}</h1>{main}</main></html>"
    )


def stores(company: str, rows: Sequence[RegisterRow], now_ms: int, store: str = "") -> str:
    """Registers with their last contact and backlog, those of one store where one is named; at most MOST_ROWS of them."""
    hidden = f'<input type="hidden" name="tenant" value="{escape(company)}">' if company else ""
    form = (
        f'<form class="ask" action="/office">{hidden}<label>店舗 Store <input name="store" value="{escape(store)}" maxlength="64"></label>'
        "<button>表示 Show</button></form>"
    )
    rows = [row for row in rows if not store or store in (row.store, row.store_name)]
    if not rows:
        return _page("店舗とレジ Stores and registers", company, "/office", form + _empty("まだ受信がありません。 Nothing was received yet."))
    silent_count = sum(now_ms - row.last_seen_ms > SILENT_MS for row in rows)
    summary = f"レジ Registers {len(rows):,} · 1時間以上接続なし Silent for an hour {silent_count:,}"
    if len(rows) > MOST_ROWS:
        summary += f" · 先頭 first {MOST_ROWS:,}"
    body = []
    for row in rows[:MOST_ROWS]:
        silent = now_ms - row.last_seen_ms > SILENT_MS
        marks = []
        if row.revoked:
            marks.append("失効 revoked")
        if row.streams > 1:
            marks.append(f"ストリーム streams {row.streams}")
        if row.holes:
            marks.append(f"欠落 holes {row.holes}")
        backlog = "—" if row.pending is None else str(row.pending)
        if row.pending and row.oldest_pending_ms is not None:
            backlog += f" ({_age(now_ms - row.oldest_pending_ms)})"
        cells = [
            escape(row.brand or "—"),
            f"{escape(row.store_name)}<small>{escape(row.store)}</small>" if row.store_name != row.store else escape(row.store),
            escape(row.register),
            f'<time datetime="{_iso(row.last_seen_ms)}">{_age(now_ms - row.last_seen_ms)}</time>',
            "—" if row.last_event_ms is None else _age(now_ms - row.last_event_ms),
            backlog,
            str(row.acked),
            f"<b>{row.open_cases}</b>" if row.open_cases else "0",
            escape(" · ".join(marks)),
        ]
        body.append(f'<tr class="{"silent" if silent else "fresh"}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = ("ブランド Brand", "店舗 Store", "レジ Register", "最終接続 Last contact", "最終取引 Last event", "未送信 Backlog", "受信 Received",
             "要確認 To decide", "")  # fmt: skip
    return _page("店舗とレジ Stores and registers", company, "/office", f"{form}<p>{escape(summary)}</p>" + _table(heads, body))


def members(company: str, token: str, balances: Mapping[str, int], rows: Sequence[LedgerRow], now_ms: int) -> str:
    """A member's balances and newest events; without a token only the question."""
    hidden = f'<input type="hidden" name="tenant" value="{escape(company)}">' if company else ""
    form = (
        f'<form class="ask" action="/office/members">{hidden}<label>会員トークン Member token '
        f'<input name="token" value="{escape(token)}" maxlength="200" autofocus></label><button>表示 Show</button></form>'
    )
    if not token:
        return _page("会員 Member", company, "/office/members", form)
    if not balances and not rows:
        return _page("会員 Member", company, "/office/members", form + _empty("記録がありません。 Nothing was ever recorded for this member."))
    sums = "".join(f"<div><span>{escape(account)}</span><b>{_points(amount)}</b></div>" for account, amount in balances.items())
    body = []
    for row in rows:
        entries = ", ".join(f"{account} {delta:+d}" for account, delta in row.entries.items())
        note = row.decided or _problem(row.problem or "")
        cells = [
            f'<time datetime="{_iso(row.received_ms)}">{_age(now_ms - row.received_ms)}</time>', escape(_when(row.occurred)),
            escape(f"{row.store} / {row.register}"), escape(_kind(row.type)), escape(entries), escape(_STATUS.get(row.status, row.status)),
            escape(note),
        ]  # fmt: skip
        body.append(f'<tr class="{escape(row.status)}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = ("受信 Received", "取引時刻 At the register", "店舗/レジ Place", "種類 Type", "増減 Entries", "状態 State", "備考 Note")
    return _page(f"会員 Member {token}", company, "/office/members", form + f'<div class="sums">{sums}</div>' + _table(heads, body))


def conflicts(company: str, cases: Sequence[Case], noted: Sequence[Case], now_ms: int, trouble: str = "") -> str:
    """What waits for people, each with what it stands against and two buttons; and what was counted and is only to be looked at."""
    parts = [f'<p class="trouble" role="alert">{escape(trouble)}</p>'] if trouble else []
    if not cases:
        parts.append(_empty("確認待ちはありません。 Nothing waits for a decision."))
    parts += [_case(company, case, now_ms) for case in cases]
    if noted:
        parts.append("<h2>計上済み・要確認 Counted, to be looked at</h2>")
    parts += [_case(company, case, now_ms) for case in noted]
    return _page("要確認 To decide", company, "/office/conflicts", "".join(parts))


def _case(company: str, case: Case, now_ms: int) -> str:
    facts, others = _facts(case.body), _facts(case.against_body)
    both = _figure("このイベント This event", facts, others, case.body)
    if case.against_body is not None:
        both += _figure("計上済み Counted already", others, facts, case.against_body)
    hidden = f'<input type="hidden" name="tenant" value="{escape(company)}">' if company else ""
    if case.status == "applied":
        buttons = '<button name="decision" value="note">確認しました Seen</button>'
    else:
        buttons = "" if case.body is None else '<button name="decision" value="apply">計上する Count it</button>'
        buttons += '<button name="decision" value="dismiss">計上しない Leave it out</button>'
    return (
        f'<section class="case"><h2>{escape(_STATUS.get(case.status, case.status))} · {escape(case.store)} / {escape(case.register)}'
        f" · {_age(now_ms - case.received_ms)}</h2><p>{escape(_problem(case.problem or ''))}</p><div class=\"both\">{both}</div>"
        f'<form method="post" action="/office/conflicts/{quote(case.case, safe="")}/decide">{hidden}'
        f'<label>担当者 Who decides <input name="by" required maxlength="64"></label>{buttons}</form></section>'
    )


def login(trouble: str = "") -> str:
    """Asks for the company's token."""
    note = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
    return _page("ログイン Sign in", "", "/office/login",
        f'{note}<form class="ask" method="post" action="/office/login"><label>トークン Token <input name="token" type="password" required '
        'autocomplete="current-password"></label><button>ログイン Sign in</button></form>')  # fmt: skip


def _table(heads: Sequence[str], body: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _empty(text: str) -> str:
    return f'<p class="empty">{escape(text)}</p>'


def _problem(text: str) -> str:
    """The reasons that people meet most, in Japanese as well."""
    for start, words in _PROBLEMS.items():
        if text.startswith(start):
            return f"{words} {text}"
    return text


def _when(text: str | None) -> str:
    """The register's clock, to the second."""
    return (text or "—")[:19].replace("T", " ")


def _facts(body: str | None) -> dict[str, str]:
    """What decides a case, from a body that may be anything; nothing where there is none."""
    if body is None:
        return {}
    try:
        event = json.loads(body)
        said = event.get("data", {})
        entries = ", ".join(f"{one['account']} {one['delta']:+d}" for one in said.get("entries", []))
        sale = sum(line["amount"] for line in said.get("lines", []) if isinstance(line.get("amount"), int))
        return {
            "会員 Member": str(said.get("member", "—")),
            "増減 Entries": entries or "—",
            "会計 Sale": f"{sale:,}" if sale else "—",
            "取引時刻 At the register": _when(str(event.get("time", "—"))),
            "場所 Place": str(event.get("source", "—")),
            "担当 Operator": str(said.get("operator", "—")),
            "種類 Type": _kind(str(event.get("type", "—"))),
            "取引キー Business key": str(event.get("idemkey", "—")),
        }
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return {}


def _figure(caption: str, facts: Mapping[str, str], others: Mapping[str, str], body: str | None) -> str:
    rows = "".join(
        f'<tr{" class=differs" if others and others.get(name) != value else ""}><th>{escape(name)}</th><td>{escape(value[:200])}</td></tr>'
        for name, value in facts.items()
    )
    raw = f"<details><summary>全文 Whole event</summary><pre>{_pretty(body)}</pre></details>"
    return f"<figure><figcaption>{escape(caption)}</figcaption><table>{rows}</table>{raw}</figure>"


def _kind(text: str | None) -> str:
    return (text or "—").removeprefix("posagent.").removesuffix(".v1")


def _points(amount: int) -> str:
    """Below nothing is shown as nothing with what is missing; the ledger keeps the true figure."""
    return f"{amount:,}" if amount >= 0 else f"0 <small>不足 short {-amount:,}</small>"


def _pretty(body: str | None) -> str:
    if body is None:
        return "レジが本文を保留中です。 The register keeps the body back."
    try:
        return escape(json.dumps(json.loads(body), ensure_ascii=False, indent=1))
    except (ValueError, RecursionError):
        return escape(body[:4000])


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def _age(ms: int) -> str:
    seconds = max(0, ms // 1000)
    for size, ja, en in ((86400, "日", "d"), (3600, "時間", "h"), (60, "分", "min")):
        if seconds >= size:
            return f"{seconds // size}{ja}前 {seconds // size} {en}"
    return "今 now" if seconds < 5 else f"{seconds}秒前 {seconds} s"
