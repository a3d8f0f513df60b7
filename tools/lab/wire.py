"""Owns the lab's end of the two ways into the register: orders to the guest's hand, and Unix sockets that stand in for the agent's."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SPARE_S = 15.0  # an order's own time limit is the hand's; this much more, and the hand itself is lost
_HELD = 4  # the hand's clock does not know when others have our processors: its own limits are so many times as long
_LOOK_S = 0.5


class HandLost(RuntimeError):
    """The guest does not answer: it is off, or it hangs."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command in the guest gave."""

    rc: int
    out: str
    err: str


class HandLine:
    """Waits for the hand's call and gives orders. Every method raises HandLost when the guest is gone. ``clock`` counts the limits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._line: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self.boot = ""
        self.called_at = 0.0
        threading.Thread(target=self._accept, name="hand", daemon=True).start()

    def close(self) -> None:
        """Takes no more calls."""
        _end(self._listener)

    @property
    def up(self) -> bool:
        """The hand is there."""
        return self._line is not None

    def wait_up(self, timeout_s: float) -> bool:
        """Whether the hand has called by then."""
        with self._changed:
            return self._changed.wait_for(lambda: self._line is not None, timeout_s)

    def run(self, command: str, timeout_s: float = 60, stdin: str = "") -> Ran:
        """Runs a shell command as root."""
        answer = self._order("run", timeout_s, command=command, input=stdin)
        return Ran(answer["rc"], answer["out"], answer["err"])

    def sure(self, command: str, timeout_s: float = 60, stdin: str = "") -> str:
        """The same, for commands that must succeed; their output. Raises RuntimeError with what they said."""
        ran = self.run(command, timeout_s, stdin)
        if ran.rc:
            raise RuntimeError(f"in the guest: {command}\nanswered {ran.rc}: {ran.err.strip()[-2000:] or ran.out.strip()[-2000:]}")
        return ran.out

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Writes a file of the guest."""
        self._order("write", 10, path=path, text=text, mode=mode)

    def plug(self, spec: dict[str, Any]) -> float:
        """Plugs a device in; the guest's clock."""
        return float(self._order("plug", 20, spec=spec)["at"])

    def unplug(self, name: str) -> float:
        """Pulls a device out; the guest's clock."""
        return float(self._order("unplug", 20, name=name)["at"])

    def put_away(self, name: str) -> None:
        """Pulls a device out for good."""
        self._order("put_away", 20, name=name)

    def feed(self, name: str, chunks: list[bytes], gap_s: float = 0.0) -> tuple[float, int]:
        """Lets a device send; (the guest's clock after the last chunk, how many chunks went out)."""
        answer = self._order("feed", 60, name=name, chunks=[chunk.hex() for chunk in chunks], gap_s=gap_s)
        return float(answer["at"]), int(answer["sent"])

    def _order(self, do: str, timeout_s: float, **more: Any) -> dict[str, Any]:
        number = next(self._numbers)
        line = self._line
        if line is None:
            raise HandLost(f"the guest's hand is not there ({do})")
        try:
            line.sendall(json.dumps({"id": number, "do": do, "timeout": timeout_s * _HELD, **more}).encode() + b"\n")
        except OSError as trouble:
            raise HandLost(f"the guest went away ({do}): {trouble}") from trouble
        deadline = self.clock() + timeout_s + _SPARE_S
        with self._changed:
            while not self._changed.wait_for(lambda: number in self._answers or self._line is not line, _LOOK_S):
                if self.clock() > deadline:
                    break
            answer = self._answers.pop(number, None)
        if answer is None:
            raise HandLost(f"the guest gave no answer to {do} {more.get('command', more.get('name', ''))!r}")
        if "trouble" in answer:
            raise RuntimeError(f"the hand could not {do}: {answer['trouble']}")
        return answer

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:  # closed
                return
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._listen, args=(line,), name="hand-line", daemon=True).start()

    def _listen(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            for raw in line.makefile("rb"):
                answer = json.loads(raw)
                with self._changed:
                    if "hello" in answer:
                        self._line, self.boot, self.called_at = line, answer["hello"], time.monotonic()
                    else:
                        self._answers[answer["id"]] = answer
                    self._changed.notify_all()
        with self._changed:
            if self._line is line:
                self._line = None
            self._changed.notify_all()
        line.close()


class Doorway:
    """A Unix socket of ours that leads through a forwarded port into the guest. Refuses while the hand is not there: a machine that
    is switched off must look so."""

    def __init__(self, path: Path, port: int, hand: HandLine) -> None:
        self._port, self._hand = port, hand
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(16)
        threading.Thread(target=self._accept, name="doorway", daemon=True).start()

    def close(self) -> None:
        """Lets nobody in any more."""
        _end(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:  # closed
                return
            if not self._hand.up:
                ours.close()
                continue
            threading.Thread(target=self._join, args=(ours,), daemon=True).start()

    def _join(self, ours: socket.socket) -> None:
        try:
            theirs = socket.create_connection(("127.0.0.1", self._port), 5)
        except OSError:
            ours.close()
            return
        theirs.settimeout(None)
        back = threading.Thread(target=_carry, args=(theirs, ours), daemon=True)
        back.start()
        _carry(ours, theirs)
        back.join()
        ours.close()
        theirs.close()


def _end(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # wakes the thread that waits in accept
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
