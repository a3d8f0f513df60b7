"""Owns a routed scanner's scans inside the reader process: hold one, judge it, hand it over or type it on into the POS, in order.

    device thread --> queue --> this thread: ours, by the shop's code rules:                 scan        (the agent has it, the POS has not)
                                             not ours:                                       typed on    (the POS has it, the agent has not)
    without rules (test mode, or too many):  offer -> answer within the time "ours":         scan
                                                      answer "not ours", or none in time:    typed on

The rules are here because nothing that the agent computes may keep a POS waiting, or let a member's number through to it. The device's thread
goes on reading meanwhile. An agent that was asked and says "ours" too late is told so: the code is in the POS then, and whoever stands there
must show it once more. What no key of the layout can type is refused as a whole; a damaged scan goes to the agent, which tells it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from posagent.errors import DeviceError
from posagent.ports import Scan, Typist

Judge = Callable[[str, str | None], bool]
"""(text, AIM identifier) -> whether the agent wants the scan."""

_KEY_ENDS = ("\r\n", "\r", "\n", "\t")
_END_KEYS = {"enter": "\r", "tab": "\t", "none": ""}


class HeldScans(threading.Thread):
    """Owns the typist from start to `trouble`."""

    def __init__(
        self, device: str, typist: Typist, route: Mapping[str, Any], send: Callable[..., None], judge: Callable[[], Judge | None] = lambda: None
    ) -> None:
        """``route``: posagent.scan_router.Route as a table; ``send``: a frame to the agent, from any thread; ``judge``: who judges now; None:
        the agent is asked."""
        super().__init__(name=f"route {device}", daemon=True)
        self.trouble: DeviceError | None = None
        """Why nothing can be typed any more: whoever reads the device must let it go, so that it types into the POS itself again."""
        self._device, self._typist, self._send, self._judge = device, typist, send, judge
        self._answer_s = int(route["answer_ms"]) / 1000
        self._end = str(route["end"])
        self._held: SimpleQueue[Scan] = SimpleQueue()
        self._answered = threading.Condition()
        self._number = 0
        self._ours: bool | None = None
        self._open = False  # an answer is awaited

    def take(self, scan: Scan) -> None:
        """A scan of the device, in order. Never blocks on the agent's answer."""
        if self.trouble is not None:  # the device is about to be let go
            self._tell("E322", str(self.trouble))
        else:
            self._held.put(scan)

    def answer(self, number: int, ours: bool) -> None:
        """What the agent says of an offer. From the thread that reads frames."""
        with self._answered:
            if self._open and number == self._number:
                self._ours = ours
                self._answered.notify()
                return
        if ours:
            self._tell("E323", "the answer came too late")

    def run(self) -> None:
        while self.trouble is None:
            scan = self._held.get()
            if scan.quality != "ok" or self._is_ours(scan):
                self._send("scan", device=self._device, **scan_fields(scan))
                continue
            try:
                if why := self._typist.type(self._keys(scan)):
                    self._tell("E322", why)
            except DeviceError as gone:
                self._tell("E322", str(gone))
                self.trouble = gone
        self._typist.close()
        while not self._held.empty():
            self._held.get()
            self._tell("E322", str(self.trouble))

    def _is_ours(self, scan: Scan) -> bool:
        if judge := self._judge():
            return judge(scan.text, scan.aim)
        deadline = time.monotonic() + self._answer_s
        with self._answered:
            self._number += 1
            self._ours, self._open = None, True
        self._send("offer", device=self._device, number=self._number, **scan_fields(scan))
        with self._answered:
            self._answered.wait_for(lambda: self._ours is not None, max(0.0, deadline - time.monotonic()))
            self._open = False
            return self._ours is True

    def _keys(self, scan: Scan) -> str:
        if self._end == "as-sent":
            return scan.sent
        body = scan.sent or scan.text
        for end in _KEY_ENDS:
            if body.endswith(end):
                body = body.removesuffix(end)
                break
        return body + _END_KEYS[self._end]

    def _tell(self, code: str, why: str) -> None:
        self._send("told", device=self._device, code=code, why=why)


def scan_fields(scan: Scan) -> dict[str, Any]:
    """A scan's part of a frame."""
    return {"text": scan.text, "aim": scan.aim, "quality": scan.quality, "reason": scan.reason, "at_ns": scan.at_ns}
