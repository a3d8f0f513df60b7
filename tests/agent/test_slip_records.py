"""What goes on record of a slip: one fact for each paper, whatever is printed on it."""

from __future__ import annotations

from typing import Any

from offline_queue.print_lane import Job
from posagent.events import Place
from posagent.ports import Outcome
from posagent.print_loop import Recorder
from posagent.slips import Slip, to_json

AT = "2026-11-22T12:00:00.000+09:00"


def _job(number: int, **more: Any) -> Job:
    slip = Slip(serial="0042-R2-20261122-1", title="お知らせ")
    given: dict[str, Any] = {
        "id": number, "event_id": "e1", "printer": "front", "serial": slip.serial, "document": to_json(slip), "copy": 1,
        "state": "HANDED", "certainty": None, "attempt": 1, "evidence": None, "reason": "", "operator": None, "created": AT, "updated": AT,
    }  # fmt: skip
    return Job(**(given | more))


def test_two_papers_with_one_serial_are_two_facts() -> None:
    recorder = Recorder(Place("acme", "cafe", "0042", "R2"), lambda: "shop@1", lambda: False, {})
    printed = Outcome("printed", "confirmed")
    first, second = (recorder.printed(_job(number), printed)[0] for number in (1, 2))
    assert first.idemkey != second.idemkey
    assert first.idemkey == recorder.printed(_job(1), printed)[0].idemkey, "the same paper told again is the same fact"
