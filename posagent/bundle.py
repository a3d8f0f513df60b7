"""Owns the support file: what the help desk needs, and nothing of a member. A zip of text, written whole or not at all.

    doctor.json     what the doctor found
    settings.txt    the settings, secrets blanked
    journal.json    the journal's figures and its last events' types and times; no bodies
    jobs.json       the print lane's last slips: states and reasons; no documents
    log.txt         the service's log of the last week, anything that may be a member's number masked
    devices.json    what is plugged in
    machine.txt     kernel, system, memory, disk, USB tree
    versions.txt    posagent, Python, SQLite, libraries
"""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import sys
import zipfile
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from posagent.doctor.case import Case
from posagent.doctor.examine import Looked
from posagent.doctor.host import Host
from posagent.doctor.sheet import as_json

LONGEST = 2 << 20
"""Of one part: its end is kept. The whole stays below 5 MB (text packs to a tenth)."""
_SECRET = re.compile(r"""(?im)^(\s*(?:pin|key|secret|token|password|code_key|credentials)\w*\s*=\s*).+$""")
_NUMBER = re.compile(r"[A-Da-d]?\d{8,}[A-Da-d]?")  # whatever stands beside it: a colon, a full stop, a letter
_MEMBER = re.compile(r"\b(m:|\?)[0-9A-Za-z_-]{6,}")
_CODE = re.compile(r"\bC[0-9A-HJKMNP-TV-Z]{16}\b")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def masked(text: str) -> str:
    """Text without anything that could be a member's number, a coupon's code, a token or an address. Times and short numbers stay."""
    for pattern, put in ((_MEMBER, r"\1****"), (_CODE, "C****"), (_ADDRESS, "****@****"), (_NUMBER, "****")):
        text = pattern.sub(put, text)
    return text


def _masked_in(value: Any) -> Any:
    """The same JSON with its texts masked; numbers of ours (clocks, counts) stay numbers."""
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: _masked_in(inner) for key, inner in value.items()}
        case list():
            return [_masked_in(inner) for inner in value]
        case _:
            return value


def without_secrets(settings: str) -> str:
    """A settings file with its PINs and keys blanked. Paths of secrets go as well: where they lie is nobody's business either."""
    return _SECRET.sub(r'\1"****"', settings)


def parts(case: Case, looked: list[Looked]) -> dict[str, str]:
    """Name -> text of everything that goes into the file."""
    host = case.host
    log = host.run(["journalctl", "--unit=posagent", "--since=-7d", "--no-pager", "--output=short-iso", "--lines=20000"])
    found = {
        "doctor.json": _json(_masked_in(as_json(looked))),
        "settings.txt": masked(without_secrets(host.read(case.settings_file) or case.trouble)),
        "log.txt": masked(log.out) if log.code == 0 else "the log cannot be read; run with sudo\n",
        "devices.json": _json([asdict(one) for one in case.found]),
        "machine.txt": _machine(host),
        "versions.txt": _versions(),
    }
    if case.settings is not None:
        found |= _journal(host.path(case.settings.journal) / "queue.db")
    return {name: text[-LONGEST:] for name, text in found.items()}


def write(file: Path, contents: dict[str, str]) -> int:
    """Its size in bytes. Readable by its owner alone; a file that stands there already is not overwritten (FileExistsError)."""
    with open(file, "xb", opener=_private) as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in contents.items():
            packed.writestr(name, text)
    return file.stat().st_size


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _journal(file: Path) -> dict[str, str]:
    """Figures, types and times by plain SQL on a read-only connection: no body, no document, no key ever leaves."""
    try:
        conn = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    except sqlite3.Error as trouble:
        return {"journal.json": f"cannot be opened: {trouble}\n"}
    conn.row_factory = sqlite3.Row

    def rows(sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in conn.execute(sql)]

    try:
        events = rows("SELECT seq, substr(body, 1, 400) AS head FROM ev ORDER BY seq DESC LIMIT 500")
        for event in events:
            head = bytes(event.pop("head")).decode("utf-8", "replace")
            event |= {name: found[1] if (found := re.search(rf'"{name}":"([^"]*)"', head)) else "?" for name in ("type", "time")}
        figures = {
            "meta": {row["k"]: row["v"] for row in rows("SELECT k, v FROM meta") if isinstance(row["v"], int)},
            "counts": {name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("ev", "parked", "verdict", "job")},  # noqa: S608
            "parked": rows("SELECT seq, state, attempts, at FROM parked LIMIT 100"),
            "verdicts": rows("SELECT seq, status, problem, at FROM verdict LIMIT 100"),
            "events": events,
        }
        jobs = rows("SELECT id, printer, serial, copy, state, attempt, reason, created, updated FROM job ORDER BY id DESC LIMIT 200")
    except sqlite3.Error as trouble:
        return {"journal.json": f"cannot be read: {trouble}\n"}
    finally:
        conn.close()
    return {"journal.json": _json(_masked_in(figures)), "jobs.json": _json(jobs)}


def _machine(host: Host) -> str:
    pieces = {
        "kernel": platform.platform(),
        "system": host.read("/etc/os-release") or "",
        "memory": (host.read("/proc/meminfo") or "")[:300],
        "disk": host.run(["df", "-h"]).out,
        "usb": host.run(["lsusb", "-t"]).out,
        "unit": host.run(["systemctl", "show", "posagent"]).out,
        "kernel messages": masked(host.run(["journalctl", "--dmesg", "--since=-24h", "--no-pager", "--lines=2000"]).out),
    }
    return "\n".join(f"---- {name}\n{text.strip()}\n" for name, text in pieces.items())


def _versions() -> str:
    lines = sorted(f"{one.metadata['Name']} {one.version}" for one in distributions())
    return "\n".join([f"Python {sys.version}", f"SQLite {sqlite3.sqlite_version}", *lines]) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n"
