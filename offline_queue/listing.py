"""Owns how events are listed for people: each with what became of it at the receiver, without its body."""

from __future__ import annotations

import json
from typing import Any, Final

_ROWS: Final = """
SELECT e.seq, e.idem AS idemkey, e.body, coalesce(p.reason, v.problem, '') AS problem, p.attempts, v.of_stream, v.of_seq,
  CASE WHEN p.state IS NOT NULL THEN upper(p.state) WHEN v.resolved IS NOT NULL THEN 'DROPPED'
       WHEN v.status IS NOT NULL THEN upper(v.status)
       WHEN e.seq <= (SELECT v FROM meta WHERE k = 'acked_seq') THEN 'ACKED' ELSE 'PENDING' END AS state
FROM ev e LEFT JOIN parked p ON p.seq = e.seq LEFT JOIN verdict v ON v.seq = e.seq"""

ONE: Final = _ROWS + " WHERE e.seq = ?"
BY_KEY: Final = _ROWS + " WHERE e.idem = ?"
EXCEPTIONS: Final = _ROWS + " WHERE e.seq IN (SELECT seq FROM parked UNION SELECT seq FROM verdict) ORDER BY e.seq DESC LIMIT ?"  # noqa: S608 - constants
PENDING: Final = _ROWS + " WHERE e.seq > (SELECT v FROM meta WHERE k = 'acked_seq') ORDER BY e.seq LIMIT ?"  # noqa: S608 - constants
NEWEST: Final = _ROWS + " ORDER BY e.seq DESC LIMIT ?"
_UNDECIDED: Final = (
    "SELECT seq FROM parked WHERE state = 'parked' UNION "
    "SELECT seq FROM verdict WHERE resolved IS NULL AND status IN ('rejected', 'conflict')"
)
UNDECIDED: Final = f"{_ROWS} WHERE e.seq IN ({_UNDECIDED}) ORDER BY e.seq DESC LIMIT ?"


def listed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the queries above as people see it: {seq, idemkey, state, type, time, id, problem?, attempts?, of_stream?, of_seq?}."""
    body = json.loads(row.pop("body"))
    shown = {key: value for key, value in row.items() if value not in (None, "", 0) or key == "seq"}
    return {**shown, "type": body.get("type", "?"), "time": body.get("time", "?"), "id": body.get("id", "?")}
