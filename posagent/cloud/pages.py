"""Owns head office's pages: plain HTML made here, every value escaped, no script. One style sheet, `static/office.css`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote, urlencode

from posagent.cloud.office import Case, RegisterRow

SILENT_MS = 60 * 60 * 1000  # four missed heartbeats
MOST_ROWS = 1_000
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATUS = {
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


def page(title: str, company: str, here: str, main: str) -> str:
    """The frame of every page. ``main`` is HTML; the other texts are escaped here."""
    links = [("/office", "店舗とレジ Stores"), ("/office/members", "会員 Members"), ("/office/conflicts", "要確認 To decide")]
    query = f"?{urlencode({'tenant': company})}" if company else ""
    menu = "".join(
        f'<a href="{path}{escape(query)}"{" aria-current=page" if path == here else ""}>{escape(text)}</a>' for path, text in links
    )
    html = (
        '<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(title)} · posagent</title><link rel="stylesheet" href="/office/office.css">'
        f"<header><strong>posagent</strong><span>{escape(company)}</span><nav>{menu}</nav></header>"
        f"<main><h1>{escape(title)}</h1>{main}</main></html>"
    )
    return html.encode("utf-8", "replace").decode()  # an event may hold half of a surrogate pair, which no page can


def stores(company: str, rows: Sequence[RegisterRow], now_ms: int, store: str = "") -> str:
    """Registers with their last contact and backlog, those of one store where one is named; at most MOST_ROWS of them."""
    hidden = f'<input type="hidden" name="tenant" value="{escape(company)}">' if company else ""
    form = (
        f'<form class="ask" action="/office">{hidden}<label>店舗 Store <input name="store" value="{escape(store)}" maxlength="64"></label>'
        "<button>表示 Show</button></form>"
    )
    rows = [row for row in rows if not store or store in (row.store, row.store_name)]
    if not rows:
        return page("店舗とレジ Stores and registers", company, "/office", form + empty("まだ受信がありません。 Nothing was received yet."))
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
            backlog += f" ({age(now_ms - row.oldest_pending_ms)})"
        cells = [
            escape(row.brand or "—"),
            f"{escape(row.store_name)}<small>{escape(row.store)}</small>" if row.store_name != row.store else escape(row.store),
            escape(row.register),
            f'<time datetime="{iso(row.last_seen_ms)}">{age(now_ms - row.last_seen_ms)}</time>',
            "—" if row.last_event_ms is None else age(now_ms - row.last_event_ms),
            backlog,
            str(row.acked),
            f"<b>{row.open_cases}</b>" if row.open_cases else "0",
            escape(" · ".join(marks)),
        ]
        body.append(f'<tr class="{"silent" if silent else "fresh"}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    heads = ("ブランド Brand", "店舗 Store", "レジ Register", "最終接続 Last contact", "最終取引 Last event", "未送信 Backlog", "受信 Received",
             "要確認 To decide", "")  # fmt: skip
    return page("店舗とレジ Stores and registers", company, "/office", f"{form}<p>{escape(summary)}</p>" + table(heads, body))


def conflicts(company: str, cases: Sequence[Case], noted: Sequence[Case], now_ms: int, trouble: str = "") -> str:
    """What waits for people, each with what it stands against and two buttons; and what was counted and is only to be looked at."""
    parts = [f'<p class="trouble" role="alert">{escape(trouble)}</p>'] if trouble else []
    if not cases:
        parts.append(empty("確認待ちはありません。 Nothing waits for a decision."))
    parts += [_case(company, case, now_ms) for case in cases]
    if noted:
        parts.append("<h2>計上済み・要確認 Counted, to be looked at</h2>")
    parts += [_case(company, case, now_ms) for case in noted]
    return page("要確認 To decide", company, "/office/conflicts", "".join(parts))


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
        f'<section class="case"><h2>{escape(STATUS.get(case.status, case.status))} · {escape(case.store)} / {escape(case.register)}'
        f" · {age(now_ms - case.received_ms)}</h2><p>{escape(problem_words(case.problem or ''))}</p><div class=\"both\">{both}</div>"
        f'<form method="post" action="/office/conflicts/{quote(case.case, safe="")}/decide">{hidden}'
        f'<label>担当者 Who decides <input name="by" required maxlength="64"></label>{buttons}</form></section>'
    )


def login(trouble: str = "") -> str:
    """Asks for the company's token."""
    note = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
    return page("ログイン Sign in", "", "/office/login",
        f'{note}<form class="ask" method="post" action="/office/login"><label>トークン Token <input name="token" type="password" required '
        'autocomplete="current-password"></label><button>ログイン Sign in</button></form>')  # fmt: skip


def table(heads: Sequence[str], body: Sequence[str]) -> str:
    """Heads are text, body is rows of HTML."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def empty(text: str) -> str:
    """What stands where nothing is."""
    return f'<p class="empty">{escape(text)}</p>'


def problem_words(text: str) -> str:
    """The reasons that people meet most, in Japanese as well."""
    for start, words in _PROBLEMS.items():
        if text.startswith(start):
            return f"{words} {text}"
    return text


def when(text: str | None) -> str:
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
            "取引時刻 At the register": when(str(event.get("time", "—"))),
            "場所 Place": str(event.get("source", "—")),
            "担当 Operator": str(said.get("operator", "—")),
            "種類 Type": kind_of(str(event.get("type", "—"))),
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


def kind_of(text: str | None) -> str:
    """An event's type without what all types have."""
    return (text or "—").removeprefix("posagent.").removesuffix(".v1")


def _pretty(body: str | None) -> str:
    if body is None:
        return "レジが本文を保留中です。 The register keeps the body back."
    try:
        return escape(json.dumps(json.loads(body), ensure_ascii=False, indent=1))
    except (ValueError, RecursionError):
        return escape(body[:4000])


def iso(ms: int) -> str:
    """For the page's ``datetime`` attributes."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def age(ms: int) -> str:
    """How long ago, in the one unit that says enough."""
    seconds = max(0, ms // 1000)
    for size, ja, en in ((86400, "日", "d"), (3600, "時間", "h"), (60, "分", "min")):
        if seconds >= size:
            return f"{seconds // size}{ja}前 {seconds // size} {en}"
    return "今 now" if seconds < 5 else f"{seconds}秒前 {seconds} s"
