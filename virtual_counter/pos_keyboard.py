"""Owns the keyboard end of a POS: what a scan router types arrives here as struct input_event and becomes the text in the POS's input field.

Key tables are those of `virtual_counter.wedge`, read backwards: an oracle for the driver's own, not its mirror.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from virtual_counter.wedge import Layout, keys_of

_EVENT = struct.Struct("@llHHi")
_SYN, _KEY = 0, 1
_SHIFTS, _CTRLS = {42, 54}, {29, 97}


class PosKeyboard:
    """Listens on a Unix socket, for one router at a time. ``typed`` grows; ``ends`` are the times (time.monotonic_ns) of each ENTER and TAB.

    ``stuck`` holds keys that were pressed twice without a release: a real POS would see one key press, or a repeating key.
    """

    def __init__(self, path: Path, layout: Layout = "us") -> None:
        self.path = path
        self.typed = ""
        self.ends: list[int] = []
        self.stuck: list[int] = []
        self.down: set[int] = set()
        self._chars = {key: char for char, key in keys_of(layout).items()}
        self._news = threading.Condition()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._link: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="pos keyboard", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def wait_for(self, text: str, timeout_s: float = 10.0) -> bool:
        """Whether the input field comes to hold exactly this, with no key left down."""
        with self._news:
            return self._news.wait_for(lambda: self.typed == text and not self.down, timeout_s)

    def close(self) -> None:
        """The POS program ends: the router's keyboard is gone."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self._listener.close()
        self.hang_up()
        self._thread.join(5)
        self.path.unlink(missing_ok=True)

    def hang_up(self) -> None:
        """Drops the router's connection; it may come again."""
        if self._link is not None:
            with suppress(OSError):  # it has gone already
                self._link.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self._link = link
            with link, suppress(OSError):
                self._read(link)
            self.down.clear()  # the kernel releases the keys of a keyboard that goes

    def _read(self, link: socket.socket) -> None:
        rest = b""
        while chunk := link.recv(4096):
            rest += chunk
            whole = len(rest) - len(rest) % _EVENT.size
            with self._news:
                for _, _, kind, code, value in _EVENT.iter_unpack(rest[:whole]):
                    if kind == _KEY:
                        self._key(code, value)
                self._news.notify_all()
            rest = rest[whole:]

    def _key(self, code: int, value: int) -> None:
        if value == 0:
            self.down.discard(code)
            return
        if code in self.down:
            self.stuck.append(code)
        self.down.add(code)
        if code in _SHIFTS | _CTRLS:
            return
        char = self._chars.get((code, bool(self.down & _SHIFTS)), "\ufffd")
        if self.down & _CTRLS:
            char = chr(ord(char.upper()) ^ 0x40)
        self.typed += char
        if char in "\r\t":
            self.ends.append(time.monotonic_ns())
