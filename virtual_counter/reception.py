"""Owns the way of a byte from the line to its meaning: real-time commands at once, everything through the receive buffer to the interpreter."""

from __future__ import annotations

from collections.abc import Callable

from virtual_counter.interpreter import Commands, Interpreter
from virtual_counter.mechanism import Mechanism
from virtual_counter.profiles import PrinterProfile
from virtual_counter.realtime import DLE, RealTimeScanner


class Reception:
    """``received`` and ``lost`` count bytes over the printer's whole life."""

    def __init__(
        self, profile: PrinterProfile, mechanism: Mechanism, interpreter: Interpreter, real_time: Callable[[bytes], None]
    ) -> None:
        self.received = 0
        self.lost = 0
        self._size = profile.buffer_bytes
        self._mechanism = mechanism
        self._interpreter = interpreter
        self._execute = real_time
        self._scanner = RealTimeScanner()
        self._buffer = bytearray()
        self._partial = bytearray()  # of the command that the interpreter is in
        self._program: Commands = interpreter.start()
        self._need = next(self._program)

    @property
    def room(self) -> int:
        """Free bytes in the receive buffer."""
        return max(self._size - len(self._buffer), 0)

    @property
    def empty(self) -> bool:
        """Nothing waits for the interpreter (which may be in the middle of a command)."""
        return not self._buffer

    def take(self, data: bytes, start: int, most: int | None) -> int:
        """Takes bytes from ``start`` up to and including the next one that may matter in real time, at most ``most``; returns how many.
        Without room the byte is lost, and still looked at."""
        stop = data.find(DLE, start)
        stop = len(data) if stop < 0 else stop
        bulk = min(stop - start, self.room, stop if most is None else most - 1)
        if bulk > 0 and not self._scanner.open:
            self._buffer += data[start : start + bulk]
            self.received += bulk
            return bulk
        byte = data[start]
        self.received += 1
        if self.room:
            self._buffer.append(byte)
        else:
            self.lost += 1
        command = self._scanner.feed(byte)
        if command is not None:
            self._execute(command)
        return 1

    def interpret(self, interrupted: Callable[[], bool]) -> bool:
        """Feeds the interpreter as far as buffer and mechanism allow, or until ``interrupted``; False when nothing moved."""
        moved = False
        while self._buffer and self._mechanism.room and not self._mechanism.stopped and not interrupted():
            moved = True
            take = self._need - len(self._partial)
            data = bytes(self._buffer[:take])
            del self._buffer[:take]
            if self._partial or len(data) < take:
                self._partial += data
                if len(data) < take:
                    break
                data = bytes(self._partial)
                self._partial.clear()
            self._need = self._program.send(data)
        return moved

    def clear(self) -> None:
        """Everything received and not printed is gone, also a half-received command; styles stay."""
        self._buffer.clear()
        self._partial.clear()
        self._mechanism.forget()
        self._interpreter.line.clear()
        self._program = self._interpreter.start()
        self._need = next(self._program)

    def power_lost(self) -> None:
        """The same, and a half-received real-time command is forgotten as well."""
        self.clear()
        self._scanner.reset()
