"""Owns the picture of a replay: one self-contained SVG, and a small HTML page around it that needs nothing from the network. PURE."""

from __future__ import annotations

from posagent.loyalty.numbers import show_rate
from posagent.loyalty.replay import Replay
from posagent.loyalty.words import Language

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960, 320, 84, 44, 16

_STYLE = (
    ".replay text{font:13px system-ui,sans-serif;fill:currentColor}.replay .bar{fill:#2f6f4f}"
    ".replay .grid{stroke:currentColor;stroke-opacity:.18}"
)

_PAGE_STYLE = (
    ":root{color-scheme:light dark}body{font:16px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #8886;text-align:left}"
    ".n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
)

_KINDS = {"earn": "付与", "boost": "特典", "coupon": "クーポン", "cap": "上限"}


def escape(text: object) -> str:
    """Text that may stand in HTML and in attributes: names come from a file."""
    plain = str(text)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        plain = plain.replace(sign, entity)
    return plain


def _round_up(value: int) -> int:
    """The next 1, 2 or 5 times a power of ten: the top of an axis."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if value <= factor * step:
                return factor * step
        step *= 10


def chart(replay: Replay, language: Language = "ja") -> str:
    """The cost per day as bars: an <svg> element that takes its colours from the page around it."""
    days = sorted(replay.days.items())
    title = "1日ごとの費用 (円)" if language == "ja" else "Cost per day (yen)"
    top = _round_up(max([day.cost_yen for _, day in days], default=0) or 1)
    plot_w, plot_h = WIDTH - LEFT - 12, HEIGHT - TOP - BOTTOM
    parts = [
        '<svg class="replay" xmlns="http://www.w3.org/2000/svg" width="100%" role="img"',
        f' viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
    ]
    for quarter in range(5):
        y = TOP + plot_h - plot_h * quarter // 4
        label = f"{top * quarter // 4:,}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 12}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{label}</text>')
    count = max(len(days), 1)
    every = -(-count // 12)  # at most twelve dates below the axis
    for place, (name, day) in enumerate(days):
        x = LEFT + plot_w * place // count
        width = max(plot_w * (place + 1) // count - plot_w * place // count - 2, 1)
        height = max(plot_h * day.cost_yen // top, 0)
        of = f"円 / お会計 {day.sales:,}件 {day.yen:,}円" if language == "ja" else f" yen, {day.sales:,} sales of {day.yen:,} yen"
        tip = f"{name}: {day.cost_yen:,}{of}"
        bar = f'<rect class="bar" x="{x}" y="{TOP + plot_h - height}" width="{width}" height="{height}">'
        parts.append(f"{bar}<title>{escape(tip)}</title></rect>")
        if place % every == 0:
            parts.append(f'<text x="{x + width // 2}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(name[5:])}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(title)}</text></svg>')
    return "".join(parts)


def page(replay: Replay, language: Language = "ja") -> str:
    """The whole page: figures, chart, and a table of rules."""
    ja = language == "ja"
    rate = show_rate(replay.cost_bp)
    head = f"{replay.program}: " + ("シミュレーション" if ja else "what it would have cost")
    figures = (
        f"お会計 {replay.sales:,}件 {replay.yen:,}円、費用 {replay.cost_yen:,}円 ({rate})"
        if ja
        else f"{replay.sales:,} sales of {replay.yen:,} yen; cost {replay.cost_yen:,} yen ({rate})"
    )
    names = ("rule", "kind", "account", "times", "amount", "cost (yen)")
    if ja:
        names = ("ルール", "種類", "ためるもの", "回数", "数量", "費用 (円)")
    head_row = "".join(f'<th class="{"n" if place > 2 else ""}">{name}</th>' for place, name in enumerate(names))
    rows = "".join(
        f"<tr><td>{escape(rule.id)}</td><td>{_KINDS[rule.kind] if ja else rule.kind}</td><td>{escape(rule.account)}</td>"
        f'<td class="n">{rule.times:,}</td><td class="n">{rule.amount:,}</td><td class="n">{rule.cost_yen:,}</td></tr>'
        for rule in sorted(replay.rules.values(), key=lambda rule: (-rule.cost_yen, rule.kind, rule.id))
    )
    note = "発行したポイントとクーポンがすべて使われた場合の費用です。" if ja else "Cost as if every point and coupon were used."
    refused = ""
    if replay.rejected:
        refused = f"計算できなかったお会計: {replay.rejected:,}件" if ja else f"Sales that could not be computed: {replay.rejected:,}"
        refused = f"<p>{refused}</p>"
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(head)}</title><style>{_PAGE_STYLE}</style><h1>{escape(head)}</h1><p>{escape(figures)}</p>{refused}"
        f"{chart(replay, language)}<table><tr>{head_row}</tr>{rows}</table><p>{note}</p></html>\n"
    )
