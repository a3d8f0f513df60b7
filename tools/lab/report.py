"""Owns the lab's report: one static page from the story of a run, with the pictures that lie beside it."""

from __future__ import annotations

import html
from dataclasses import dataclass
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

@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a run. ``floor``: the figure of the same run that the machine needs without us. ``work``: processor time and nothing else,
    so that an emulated machine's slowness can be taken out of it."""

    name: str
    title: str
    unit: str
    floor: str = ""
    work: bool = False


BUSY = 0.1  # of a run: from here on the page says that others had the processors

FIGURES: tuple[Figure, ...] = (
    Figure("factory_boot_s", "Cold boot until the register's hand answers", "s"),
    Figure("install_s", "Installing the package, enrolling, first start", "s"),
    Figure("first_scan_s", "Cold boot to the first scan accepted and granted (beside it: to systemd's basic.target)", "s", "cold_basic_s"),
    Figure("power_on_to_grant_s", "Power-on to the first grant after a power cut (beside it: to basic.target)", "s", "basic_s"),
    Figure("agent_start_s", "The agent's process until it is ready, in a boot", "s"),
    Figure("agent_start_cpu_s", "The same in processor time", "s", work=True),
    Figure("gun_unplug_to_noticed_ms", "Keyboard scanner unplugged, noticed (kernel)", "ms", "gun_unplug_kernel_ms"),
    Figure("gun_replug_to_scanning_ms", "Keyboard scanner plugged in, scanning (kernel and udev)", "ms", "gun_replug_udev_ms"),
    Figure("pos_unplug_to_noticed_ms", "HID POS scanner unplugged, noticed (kernel)", "ms", "pos_unplug_kernel_ms"),
    Figure("pos_replug_to_scanning_ms", "HID POS scanner plugged in, scanning (kernel and udev)", "ms", "pos_replug_udev_ms"),
    Figure("com_unplug_to_noticed_ms", "USB serial scanner unplugged, noticed (kernel)", "ms", "com_unplug_kernel_ms"),
    Figure("com_replug_to_scanning_ms", "USB serial scanner plugged in, scanning (kernel and udev)", "ms", "com_replug_udev_ms"),
    Figure("printer_replug_to_ready_s", "Printer plugged in, usable", "s"),
    Figure("killed_to_answering_s", "Agent killed, answering again", "s"),
    Figure("upgrade_longest_silence_s", "Upgrade: longest silence of the till (beside it: the service's restart)", "s", "upgrade_restart_s"),
    Figure("rollback_longest_silence_s", "Rollback: longest silence of the till (beside it: the service's restart)", "s", "rollback_restart_s"),
    Figure("idle_cpu_percent", "Idle: CPU of all the agent's processes", "% of one core", work=True),
    Figure("rss_mb", "Idle: resident memory, summed over processes", "MB"),
    Figure("pss_mb", "Idle: proportional memory", "MB"),
    Figure("idle_wakeups_per_s", "Idle: wake-ups", "/s"),
    Figure("idle_written_kb_per_hour", "Idle: written to disk", "kB/h"),
    Figure("exposure", "systemd-analyze security, in the guest", "of 10"),
    Figure("package_mb", "Size of the package", "MB"),
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
        f"<h1>Register lab</h1><p class=how>{_text(how)}; {_text(story['started'])}, {_spent(story)}</p>",
        f'<p class="verdict {verdict[0]}">{verdict[1]}</p>',
        "".join(f"<pre class=bad>{_text(line)}</pre>" for line in story["wrong"]),
        _books(books),
        _played(story["scenarios"]),
        _figures(story["figures"], story.get("waited_s", 0) / max(1, story["seconds"])),
        _papers(books.get("pieces", [])),
        "<h2>Screens of the register, at the end</h2><div class=screens>"
        + "".join(f'<p>{_text(name[7:-4])}</p><img src="{_text(name)}" alt="{_text(name)}">' for name in screens)
        + "</div>"
        if screens
        else "",
    ]
    return f'<!doctype html><html lang=en><meta charset=utf-8><title>Register lab</title><style>{CSS}</style>{"".join(parts)}</html>\n'


def _spent(story: dict[str, Any]) -> str:
    minutes = f"{story['seconds'] / 60:.1f} min"
    if "waited_s" not in story:
        return minutes
    quiet, cpu = (story["seconds"] - story["waited_s"]) / 60, story["machine_cpu_s"] / 60
    return f"{minutes}; {quiet:.1f} without the time in which others had the processors; {cpu:.1f} min of processor time"


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
        spent = "".join(f"<td class=n>{each.get(name, '–')} s" for name in ("seconds", "machine_cpu_s", "waited_s"))
        rows.append(f"<tr><td>{_text(each['title'])}{trouble}<td>{mark}<td>{figures}{spent}")
    heads = "<tr><th>scenario<th><th>figures<th>took<th>processor time of the machine<th>while others had the processors"
    return f"<h2>What was played</h2><table>{heads}{''.join(rows)}</table>"


def _figures(figures: dict[str, Any], waited: float) -> str:
    """``waited``: the part of the run in which others had the processors."""
    slowness = figures.get("slowness", 1.0)
    rows = []
    for figure in FIGURES:
        if figure.name not in figures:
            continue
        value, floor = figures[figure.name], figures.get(figure.floor)
        beside = "<td class=n>" if floor is None else f"{_value(floor)}<td class=n>{_ratio(value, floor)}"
        if figure.work and slowness > 1 and value is not None:
            beside = f"<td class=n>about {value / slowness:.2g} on this processor itself"
        rows.append(f"<tr><td>{figure.title}<td class=n>{_value(value)}<td>{figure.unit}<td class=n>{beside}")
    if not rows:
        return ""
    heads = "<tr><th>what<th><th><th>floor of the same run<th>ratio"
    slow = (
        f"<p class=how>The machine's processor is emulated and takes {_text(slowness)} times as long for the same Python as the processor that"
        " emulates it. Times that the processor decides are that much too long for a register; ratios, memory, wake-ups and writes are not."
        if slowness > 1.5
        else ""
    )
    if waited > BUSY:
        slow += f"<p class=how>For {waited:.0%} of the run others had this computer's processors; the guest takes that for its own work."
    return f"<h2>Figures</h2>{slow}<table>{heads}{''.join(rows)}</table>"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"{min(value)} to {max(value)}" if value else "–"
    return _text(value)


def _ratio(value: Any, floor: Any) -> str:
    """Of the medians; a floor of nothing has none."""
    one, other = (sorted(each)[len(each) // 2] if isinstance(each, list) and each else each for each in (value, floor))
    return f"{one / other:.1f}" if other else "–"


def _papers(pieces: list[dict[str, Any]]) -> str:
    figures = []
    for piece in pieces:
        kind = "void strip" if piece["void"] else "marked copy" if piece["copy"] else "" if piece["complete"] else "not cut off"
        caption = ", ".join(piece["serials"]) + (f" ({kind})" if kind else "")
        picture = f'<img src="{_text(piece["picture"])}" alt="slip" loading=lazy>'
        figures.append(f"<figure>{picture}<figcaption>{_text(caption)}</figcaption></figure>")
    return "<h2>Every piece of paper</h2><div class=papers>" + "".join(figures) + "</div>" if figures else ""
