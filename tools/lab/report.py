"""Owns the lab's report: one static page from the story of a run, with the pictures that lie beside it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

CSS = """
:root { color-scheme: light; --ink: #1d2226; --soft: #5c6670; --line: #d9dee3; --good: #0b6b3a; --bad: #a4161a; --paper: #fbfaf6; }
body { font: 16px/1.5 system-ui, "Noto Sans CJK JP", sans-serif; color: var(--ink); margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
.verdict { font-size: 1.25rem; font-weight: 600; padding: .7rem 1rem; border-left: .4rem solid; background: #f5f7f9; }
.verdict.good { color: var(--good); border-color: var(--good); } .verdict.bad { color: var(--bad); border-color: var(--bad); }
p.how { color: var(--soft); margin: .2rem 0 1.2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0;
 border-bottom: 1px solid var(--line); } td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
.good { color: var(--good); } .bad { color: var(--bad); }
pre { white-space: pre-wrap; font-size: .8rem; margin: .3rem 0; max-height: 18rem; overflow: auto; }
.papers { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; } .papers figure { margin: 0; width: 11rem; }
.papers img { width: 100%; border: 1px solid var(--line); background: var(--paper); } figcaption { font-size: .75rem; color: var(--soft);
 overflow-wrap: anywhere; } .screens img { width: 100%; border: 1px solid var(--line); margin: .4rem 0 1.2rem; }
"""

FIGURES: tuple[tuple[str, str, str], ...] = (
    ("factory_boot_s", "Cold boot until the register's hand answers", "s"),
    ("install_s", "Installing the package, enrolling, first start", "s"),
    ("first_scan_s", "Cold boot to the first scan accepted", "s"),
    ("power_on_to_grant_s", "Power-on to the first grant after a power cut", "s"),
    ("gun_unplug_to_noticed_ms", "Keyboard scanner unplugged, noticed", "ms"),
    ("gun_replug_to_scanning_ms", "Keyboard scanner plugged in, scanning", "ms"),
    ("pos_unplug_to_noticed_ms", "HID POS scanner unplugged, noticed", "ms"),
    ("pos_replug_to_scanning_ms", "HID POS scanner plugged in, scanning", "ms"),
    ("com_unplug_to_noticed_ms", "USB serial scanner unplugged, noticed", "ms"),
    ("com_replug_to_scanning_ms", "USB serial scanner plugged in, scanning", "ms"),
    ("printer_replug_to_ready_ms", "Printer plugged in, usable", "ms"),
    ("killed_to_answering_s", "Agent killed, answering again", "s"),
    ("upgrade_longest_silence_s", "Upgrade: longest silence of the till", "s"),
    ("rollback_longest_silence_s", "Rollback: longest silence of the till", "s"),
    ("idle_cpu_percent", "Idle: CPU of all the agent's processes", "% of one core"),
    ("rss_mb", "Idle: resident memory, summed over processes", "MB"),
    ("pss_mb", "Idle: proportional memory", "MB"),
    ("idle_wakeups_per_s", "Idle: wake-ups", "/s"),
    ("idle_written_kb_per_hour", "Idle: written to disk", "kB/h"),
    ("exposure", "systemd-analyze security, in the guest", "of 10"),
    ("package_mb", "Size of the package", "MB"),
)
"""What is asked of every run, in this order; anything else stands with its scenario."""


def write(story: dict[str, Any], out: Path) -> None:
    """index.html beside lab.json and the pictures."""
    (out / "index.html").write_text(page(story, sorted(path.name for path in out.glob("screen-*.png"))), "utf-8")


def page(story: dict[str, Any], screens: list[str]) -> str:
    """The whole page."""
    books = story.get("books", {})
    verdict = ("good", "Nothing was lost and nothing was doubled.") if story["agree"] else ("bad", f"{len(story['wrong'])} findings.")
    how = f"{story['package']}, {story['form']} form, {'KVM' if story['kvm'] else 'without KVM (emulated processor)'}, seed {story['seed']}"
    parts = [
        f"<h1>Register lab</h1><p class=how>{_text(how)}; {_text(story['started'])}, {story['seconds'] // 60} min</p>",
        f'<p class="verdict {verdict[0]}">{verdict[1]}</p>',
        "".join(f"<pre class=bad>{_text(line)}</pre>" for line in story["wrong"]),
        _books(books),
        _played(story["scenarios"]),
        _figures(story["figures"]),
        _papers(books.get("pieces", [])),
        "<h2>Screens of the register, at the end</h2><div class=screens>"
        + "".join(f'<p>{_text(name[7:-4])}</p><img src="{_text(name)}" alt="{_text(name)}">' for name in screens)
        + "</div>"
        if screens
        else "",
    ]
    return f'<!doctype html><html lang=en><meta charset=utf-8><title>Register lab</title><style>{CSS}</style>{"".join(parts)}</html>\n'


def _text(value: object) -> str:
    return html.escape(str(value))


def _books(books: dict[str, Any]) -> str:
    if not books:
        return ""
    lines = (
        ("Grants that the register told", books["told"]),
        ("Grants in head office's ledger", books["arrived"]),
        ("Voids", books["voids"]),
        ("Slips promised", books["slips_promised"]),
        ("Slips on paper, originals", books["originals"]),
        ("Slips on paper, marked as copies", books["marked_copies"]),
        ("Slips cancelled with their grant", books["cancelled"]),
        ("Sales of the POS", books["sales"]),
        ("Power cuts", books["power_cuts"]),
    )
    return "<h2>The books</h2><table>" + "".join(f"<tr><td>{name}<td class=n>{value}" for name, value in lines) + "</table>"


def _played(scenarios: list[dict[str, Any]]) -> str:
    rows = []
    for each in scenarios:
        mark = "<span class=bad>found</span>" if each["trouble"] else "<span class=good>agreed</span>"
        trouble = f"<pre class=bad>{_text(each['trouble'])}</pre>" if each["trouble"] else ""
        figures = ", ".join(f"{_text(name)}&nbsp;{_text(value)}" for name, value in each["figures"].items())
        rows.append(f"<tr><td>{_text(each['title'])}{trouble}<td>{mark}<td>{figures}<td class=n>{each['seconds']} s")
    return "<h2>What was played</h2><table><tr><th>scenario<th><th>figures<th>" + "".join(rows) + "</table>"


def _figures(figures: dict[str, Any]) -> str:
    rows = [f"<tr><td>{title}<td class=n>{_value(figures[name])}<td>{unit}" for name, title, unit in FIGURES if name in figures]
    return "<h2>Figures</h2><table>" + "".join(rows) + "</table>" if rows else ""


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"{min(value)} to {max(value)}" if value else "–"
    return _text(value)


def _papers(pieces: list[dict[str, Any]]) -> str:
    figures = []
    for piece in pieces:
        kind = "void strip" if piece["void"] else "marked copy" if piece["copy"] else "" if piece["complete"] else "not cut off"
        caption = ", ".join(piece["serials"]) + (f" ({kind})" if kind else "")
        picture = f'<img src="{_text(piece["picture"])}" alt="slip" loading=lazy>'
        figures.append(f"<figure>{picture}<figcaption>{_text(caption)}</figcaption></figure>")
    return "<h2>Every piece of paper</h2><div class=papers>" + "".join(figures) + "</div>" if figures else ""
