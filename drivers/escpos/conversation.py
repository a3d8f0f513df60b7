"""Owns talking with a printer over a link: sending, asking, and sorting what comes back.

Answers arrive in any order beside each other; each kind is put where it belongs as it arrives. A real-time question is sent only when no
other bytes are half sent (the caller's duty); nothing is sent while an answer that must not be disturbed is outstanding, because `ask`
waits for it.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import TypeVar, assert_never

from drivers.escpos.dialects import Dialect
from drivers.escpos.link import Link
from drivers.escpos.status import Automatic, Block, Flow, Frame, Garbage, Hello, Queued, RealTime, StatusParser, of_automatic, process_id
from posagent.ports import PrinterStatus

_log = logging.getLogger(__name__)
T = TypeVar("T")

STATUS_QUESTIONS = b"\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04"  # DLE EOT 1-4
CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"  # DLE DC4 8: clears receive and print buffer
CLEARED = b"\x25"
KEEP_GARBAGE_S = 0.2  # a frame that stands open so long without a further byte is broken


class Conversation:
    """One open link and everything heard on it. Methods raise DeviceMissing when the link is gone."""

    def __init__(self, name: str, link: Link, dialect: Dialect) -> None:
        self.link = link
        self.ids: deque[bytes] = deque(maxlen=64)  # process ids that came back, oldest first
        self.automatic: PrinterStatus | None = None  # the last automatic status
        self.queued_answers = 0  # answers to GS r since the link was opened
        self.last_queued = 0
        self._name = name
        self._parser = StatusParser(dialect.answers)
        self._real_time: deque[int] = deque(maxlen=16)
        self._blocks: deque[Block] = deque(maxlen=16)
        self._queued: deque[int] = deque(maxlen=64)
        self._last_byte = link.now()
        self.end = math.inf  # of the driver call that is being served: no wait lasts longer, whatever its own deadline

    def now(self) -> float:
        """Seconds of the line's clock, which every deadline here is of."""
        return self.link.now()

    def silent_s(self) -> float:
        """How long nothing has been heard."""
        return self.now() - self._last_byte

    def time_is_up(self) -> bool:
        """Whether the driver call that is being served has to return."""
        return self.now() >= self.end

    def hear(self, deadline: float) -> bool:
        """Takes in what has arrived, waiting until the deadline for something; whether anything came."""
        deadline = min(deadline, self.end)
        data = self.link.read(deadline)
        now = self.now()
        if self._parser.waiting and now - self._last_byte > KEEP_GARBAGE_S:
            for frame in self._parser.give_up():
                self._sort(frame)
        if data:
            self._last_byte = now
            for frame in self._parser.feed(data):
                self._sort(frame)
        return bool(data)

    def drain(self) -> None:
        """Takes in what lies there already and forgets old answers, so that the next one belongs to the next question."""
        while self.link.speaks and self.hear(self.now()):
            pass
        self._real_time.clear()
        self._blocks.clear()
        self._queued.clear()

    def send(self, body: bytes, deadline: float) -> int:
        """Hands over bytes, listening meanwhile; returns how many went before the deadline."""
        deadline = min(deadline, self.end)
        done = 0
        while True:
            done += self.link.write(body[done:], min(deadline, self.now() + 0.05))
            if done == len(body) or self.now() >= deadline:
                return done
            self.hear(self.now())

    def real_time(self, deadline: float, questions: bytes = STATUS_QUESTIONS) -> list[int] | None:
        """The answers to DLE EOT questions, in their order; None when they do not all come."""
        if not self.link.speaks:
            return None
        self.drain()
        if self.send(questions, deadline) < len(questions):
            return None
        wanted = questions.count(b"\x10\x04")
        if not self._until(lambda: len(self._real_time) >= wanted, deadline):
            return None
        return [self._real_time.popleft() for _ in range(wanted)]

    def queued(self, question: bytes, deadline: float) -> int | None:
        """The answer to GS r or GS I 1-3."""
        if not self._put(question, deadline) or not self._until(lambda: bool(self._queued), deadline):
            return None
        return self._queued.popleft()

    def block(self, question: bytes, head: int, deadline: float, mark: bytes = b"") -> bytes | None:
        """The answer to a question whose answer is a block with this head and first byte; without them."""
        if not self._put(question, deadline):
            return None
        found: list[bytes] = []

        def came() -> bool:
            while self._blocks:
                block = self._blocks.popleft()
                if block.head == head and block.body.startswith(mark):
                    found.append(block.body[len(mark) :])
            return bool(found)

        return found[0] if self._until(came, deadline) else None

    def cleared(self, deadline: float) -> bool:
        """DLE DC4 8: whether the printer says that its buffers are empty. Nothing else may be sent until it has."""
        return self.block(CLEAR, 0x37, deadline, CLEARED) is not None

    def forget_id(self, old: bytes) -> None:
        """So that only a new answer counts."""
        while old in self.ids:
            self.ids.remove(old)

    def id_came(self, wanted: bytes, deadline: float) -> bool:
        """Whether a process id has come, or comes before the deadline."""
        return self._until(lambda: wanted in self.ids, deadline)

    def _put(self, question: bytes, deadline: float) -> bool:
        if not self.link.speaks:
            return False
        self.drain()
        return self.send(question, deadline) == len(question)

    def _until(self, done: Callable[[], bool], deadline: float) -> bool:
        deadline = min(deadline, self.end)
        while not done():
            if self.now() >= deadline:
                return False
            self.hear(deadline)
        return True

    def _sort(self, frame: Frame) -> None:
        match frame:
            case RealTime(byte):
                self._real_time.append(byte)
            case Automatic():
                self.automatic = of_automatic(frame)
            case Queued(byte):
                self._queued.append(byte)
                self.queued_answers += 1
                self.last_queued = byte
            case Block():
                known = process_id(frame)
                if known is None:
                    self._blocks.append(frame)
                else:
                    self.ids.append(known)
            case Garbage(body):
                _log.debug("%s: bytes that fit no answer: %s", self._name, body.hex(" "))
            case Hello() | Flow():
                pass
            case _:
                assert_never(frame)


def counter_question(number: int) -> bytes:
    """GS g 2: a maintenance counter; 178 is the lifetime count of cuts."""
    return b"\x1dg2\x00" + number.to_bytes(2, "little")


def id_question(four: bytes) -> bytes:
    """GS ( H function 48: comes back when everything before it is on paper."""
    return b"\x1d(H\x06\x0000" + four
