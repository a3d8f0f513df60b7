"""Owns one open line between a host and the printer: what is on its way back, and whether the host listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtual_counter.printer import VirtualPrinter


class Link:
    """Made by `VirtualPrinter.connect`. Dead (``alive`` is False) once the cable or the power went."""

    def __init__(self, printer: VirtualPrinter, lossy: bool) -> None:
        self.alive = True
        self.lossy = lossy
        self._printer = printer
        self._waiting: list[tuple[float, bytes]] = []
        self._host_busy = False
        self._held_id: bytes | None = None

    def send(self, data: bytes) -> int:
        """The host sends; returns how many bytes the printer took (fewer when its buffer is full). Raises BrokenPipeError when dead."""
        if not self.alive:
            raise BrokenPipeError("the line to the printer is down")
        return self._printer.take_in(self, data)

    def receive(self, limit: int | None = None) -> bytes:
        """What the printer has sent by now, at most ``limit`` bytes of it; empty while the host is busy."""
        with self._printer.lock:
            self._printer.run()
            if self._host_busy:
                return b""
            now = self._printer.clock.now()
            due = b"".join(answer for at, answer in self._waiting if at <= now)
            self._waiting = [(at, answer) for at, answer in self._waiting if at > now]
            if limit is not None and len(due) > limit:
                self._waiting.insert(0, (now, due[limit:]))
                due = due[:limit]
            return due

    @property
    def host_busy(self) -> bool:
        """The host's input line says stop: nothing is transmitted, and of several process ids only the latest is kept."""
        return self._host_busy

    @host_busy.setter
    def host_busy(self, busy: bool) -> None:
        with self._printer.lock:
            self._printer.run()
            self._host_busy = busy
            if not busy and self._held_id is not None:
                self._waiting.insert(0, (0.0, self._held_id))
                self._held_id = None

    def close(self) -> None:
        """The host closes the line."""
        self.alive = False
        self._printer.leave(self)

    # ------------------------------------------------------------ the printer's side

    def queue(self, due: float, answer: bytes) -> None:
        """Sends at a time of the printer's clock."""
        self._waiting.append((due, answer))

    def queue_id(self, due: float, answer: bytes) -> None:
        """Sends a process id; one that could not be sent before is replaced by it."""
        if self._host_busy:
            self._held_id = answer
        else:
            self._waiting.append((due, answer))

    def due_in(self, now: float) -> float | None:
        """Seconds until something can be received."""
        if not self._waiting or self._host_busy:
            return None
        return max(min(at for at, _ in self._waiting) - now, 0.0)
