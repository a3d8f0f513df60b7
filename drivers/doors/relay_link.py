"""Owns what a capture printer's relay process and the agent say to each other: one packet for each word, over a socket pair (SOCK_SEQPACKET).

::

    agent -> relay    {"name", "options"} as JSON     the first packet
                      u [between: 0 or 1][modes]      one answer to each b, s, c, in order: understood
                      ?                               are you there?
    relay -> agent    o                               open: the POS finds its printer
                      b [bytes of the POS]            at most PACKET of them
                      s                               the POS has been silent for a while
                      c                               its connection has ended
                      w [text], i [text]              for the log: a warning, a fact
                      t {"kind", "message", "code"}   trouble: an error of posagent.errors; the last word
                      !                               I am

The end of the socket is the end of both.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from typing import Any, Literal

from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing, PosagentError, SettingsError

PACKET = 8192
LONGEST = 64 * 1024
MOST_UNREAD = 4 * 1024 * 1024
MOST_WORDS = 4096
"""When so many bytes, or words, wait to be understood, the POS waits: minutes of printing, and only an agent that stands still lets it come."""
_TROUBLES: tuple[type[PosagentError], ...] = (SettingsError, DeviceBusy, DeviceForbidden, DeviceMissing, DeviceError)


def trouble_word(trouble: PosagentError) -> bytes:
    """The relay's last word."""
    kind = next(kind for kind in _TROUBLES if isinstance(trouble, kind))
    return b"t" + json.dumps({"kind": kind.__name__, "message": str(trouble), "code": trouble.code}).encode()


def trouble_of(word: bytes) -> PosagentError:
    """The error that a relay told."""
    told: dict[str, Any] = json.loads(word[1:])
    kind = next(kind for kind in _TROUBLES if kind.__name__ == told["kind"])
    return kind(told["message"], code=told["code"])


class Understanding:
    """The relay's side: tells the agent the POS's bytes and what befell them, in order, and knows how far it has come. Never blocks."""

    def __init__(self, link: socket.socket) -> None:
        """``link`` does not block."""
        self.between, self.modes = True, b""
        """As `posagent.ports.Heard`, once nothing is `behind`."""
        self.waiting = 0
        """Bytes of the POS that are not understood yet."""
        self.unsent = bytearray()
        """The newest of them, which are not even told."""
        self.gone = False
        """The agent has closed its end."""
        self._link = link
        self._words: deque[bytes] = deque()
        self._told: deque[int] = deque()  # bytes of each word whose answer is still to come

    @property
    def behind(self) -> bool:
        """Something of the POS is not understood yet."""
        return bool(self.waiting or self._told or any(word[:1] in b"sc" for word in self._words))

    @property
    def room(self) -> bool:
        """More of the POS may be taken."""
        return self.waiting < MOST_UNREAD and len(self._words) + len(self._told) < MOST_WORDS

    @property
    def speaks(self) -> bool:
        """Words wait for room in the socket."""
        return bool(self._words)

    def take(self, raw: bytes) -> None:
        """Bytes of the POS, which are told later (`tell`)."""
        self.unsent += raw
        self.waiting += len(raw)

    def tell(self, mark: Literal[b"", b"s", b"c"] = b"") -> None:
        """All bytes so far, and what happened behind them."""
        for at in range(0, len(self.unsent), PACKET):
            self._words.append(b"b" + self.unsent[at : at + PACKET])
        self.unsent.clear()
        if mark:
            self._words.append(mark)

    def say(self, word: bytes) -> None:
        """Any other word."""
        self._words.append(word)

    def speak(self) -> None:
        """As much as the agent has room for."""
        try:
            while self._words:
                self._link.send(self._words[0])
                word = self._words.popleft()
                if word[:1] in b"bsc":
                    self._told.append(len(word) - 1)
        except BlockingIOError:
            return
        except OSError:
            self.gone = True

    def listen(self) -> None:
        """What the agent says, all of it."""
        try:
            while word := self._link.recv(LONGEST):
                if word[:1] == b"?":
                    self._words.append(b"!")
                else:
                    self.waiting -= self._told.popleft()
                    self.between, self.modes = word[1:2] == b"1", word[2:]
        except BlockingIOError:
            return
        except OSError:
            pass
        self.gone = True
