"""The closed loop: printer, paper, scanner and agent proven by one gesture."""

from __future__ import annotations

from typing import Any

from posagent.doctor.loop import closed_loop


class Till:
    """An agent with one printer and two scanners; what comes out of it is held before those that are ``read``."""

    def __init__(self, *, prints: bool = True, read: tuple[str, ...] = ("front", "back"), devices: bool = True) -> None:
        self.prints, self.read, self.devices = prints, read, devices
        self.test_mode: list[bool] = []
        self.now, self.printed = 0.0, False

    def ask(self, target: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        if target == "/v1/test-mode":
            assert body is not None
            self.test_mode.append(body["on"])
            return {}
        if target.endswith("/test"):
            self.printed = True
            return {"job": "7"}
        came = self.printed and self.now > 2
        jobs = [{"job": "7", "state": "CONFIRMED" if came and self.prints else "SENDING"}] if self.printed else []
        scan = {"at": "2026-11-22T12:00:09+09:00", "verdict": "member"}
        scanners = [{"name": name, "scanner": {"scan": scan if came and name in self.read else None}} for name in ("front", "back")]
        return {"devices": [{"name": "slips", "printer": {"jobs": jobs}}, *scanners] if self.devices else []}

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def findings(self) -> list[tuple[str, Any]]:
        told: list[str] = []
        found = [(one.words, one.values.get("device")) for one in closed_loop(self.ask, told.append, lambda: self.now, self.wait)]
        assert told == (["loop_scan"] if self.devices else [])
        return found


def test_the_closed_loop_names_who_did_not_print_or_read_and_leaves_test_mode() -> None:
    whole = Till()
    assert whole.findings() == []
    assert whole.now < 5
    assert whole.test_mode == [True, False]
    assert Till(read=("front",)).findings() == [("loop_unread", "back")]
    assert Till(prints=False).findings() == [("loop_unprinted", "slips")]
    assert Till(devices=False).findings() == [("loop_incomplete", None)]
