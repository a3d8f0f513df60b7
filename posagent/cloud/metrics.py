"""Owns what monitoring reads: counts of this process and a few figures of the database, in Prometheus' text form, written by hand."""

from __future__ import annotations

import re

from posagent.cloud.engine import Work
from posagent.cloud.receiver import Receiver
from posagent.cloud.rules import OWN_STORE

SILENT_MS = 60 * 60 * 1000


def text(receiver: Receiver) -> str:
    """One page of metrics. The database's figures are of all processes together."""
    now_ms = receiver.now_ms()
    lines = [
        "# HELP posagent_receiver_total What this process counted since its start.",
        "# TYPE posagent_receiver_total counter",
        *(f'posagent_receiver_total{{what="{_label(name)}"}} {count}' for name, count in sorted(receiver.counts().items())),
        f'posagent_receiver_total{{what="turned_away"}} {receiver.admission.refused}',
        "# HELP posagent_receiver_inside Batches that are being worked on or wait.",
        "# TYPE posagent_receiver_inside gauge",
        f"posagent_receiver_inside {receiver.admission.inside}",
    ]
    for name, (help_text, value) in receiver.engine.read(lambda work: _figures(work, now_ms)).items():
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge", f"{name} {value}"]
    return "\n".join(lines) + "\n"


def _figures(work: Work, now_ms: int) -> dict[str, tuple[str, int]]:
    streams, silent, backlog = work.rows(
        "SELECT count(*), coalesce(sum(CASE WHEN last_seen_ms < ? THEN 1 ELSE 0 END), 0), coalesce(sum(pending), 0) FROM stream"
        " WHERE store <> ?",
        now_ms - SILENT_MS, OWN_STORE,
    )[0]
    waiting = work.rows("SELECT count(*) FROM event WHERE status IN ('conflict', 'rejected', 'withheld') AND decided IS NULL")[0][0]
    holes = work.rows("SELECT count(*) FROM hole")[0][0]
    return {
        "posagent_streams": ("Streams that were ever received.", int(streams)),
        "posagent_streams_silent": ("Streams without a contact for an hour.", int(silent)),
        "posagent_registers_backlog_events": ("Events that registers had not sent when they last told.", int(backlog)),
        "posagent_cases_open": ("Events that wait for a decision of head office.", int(waiting)),
        "posagent_holes": ("Ranges that registers no longer held when asked for them again.", int(holes)),
    }


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "_", name.lower())
