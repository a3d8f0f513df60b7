"""Owns one connection with a printer: what it can do, why it does not print now, and whether everything that was sent has come to rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drivers.escpos import status
from drivers.escpos.conversation import Conversation, id_question
from drivers.escpos.dialects import Dialect
from drivers.escpos.link import Link
from drivers.escpos.probe import cut_count, probe, sees_witness
from posagent.errors import DeviceTimeout
from posagent.ports import Capabilities, Evidence, PrinterStatus

RESYNC = b"\0" * 4096
"""More NUL bytes than any command of ours is long: a printer that lost the middle of a picture prints white and is back."""
MOST_DISAPPOINTMENTS = 2
SILENT = "the printer has stopped answering; check its power and its cable"
_IDLE_ID = b"\x7eid\x7e"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what; the defaults are for printers, smaller ones for tests with virtual printers."""

    answer_s: float = 0.5  # an answer to one question
    rows_per_s: int = 800  # of a slow printer: 100 mm/s at 203 dpi
    proof_extra_s: float = 3.0  # beyond twice the time that sending and printing should take
    alive_s: float = 2.0  # how long the line must stay up after the last byte, where nothing better can be had
    settle_s: float = 1.0  # a counter that does not move for so long stands, where nothing says that printing has ended
    idle_s: float = 3.0  # after a new connection: what the printer had in its buffer may still be printing
    resume_s: float = 5.0  # a stuck cutter is tried again so often: each try moves its blade
    silence_s: float = 60.0  # a serial line on which nothing was heard for so long is opened anew: an XON may have got lost


class Session:
    """``unsettled``: something may still be moving that we did not see end. ``emptied``: the buffers were, and nothing that prints was sent
    since. Every method raises DeviceMissing when the link is gone."""

    def __init__(self, name: str, link: Link, dialect: Dialect, patience: Patience, bytes_per_s: int) -> None:
        self.name = name
        self.dialect = dialect
        self.patience = patience
        self.talk = Conversation(name, link, dialect)
        self.capabilities = Capabilities(0)
        self.unsettled = True
        self.emptied = False
        self._bytes_per_s = bytes_per_s
        self._probed = False
        self._before: Capabilities | None = None  # as this printer was known before this connection
        self._expected_tier = 0  # what it has shown before: silence then means that it is not there
        self._disappointments = 0
        self._real_time: bool | None = None  # whether it answers DLE EOT; None: not asked yet
        self._resume_at = 0.0

    # ---------------------------------------------------------------- time

    def soon(self, times: int = 1) -> float:
        """The deadline for so many answers."""
        return self.talk.now() + times * self.patience.answer_s

    def line_s(self, count: int) -> float:
        """How long so many bytes take on a slow line."""
        return count / self._bytes_per_s if self._bytes_per_s else 0.0

    # ---------------------------------------------------------------- what it says

    def look(self) -> PrinterStatus:
        """The status. Raises DeviceTimeout when a printer that used to answer has gone silent without having said why."""
        if not self.dialect.asks or self._real_time is False:
            self.talk.hear(self.talk.now())
            return self.talk.automatic or self._port_status()
        found = self.ask()
        if found is not None:
            return found
        if self.talk.automatic is not None and self.talk.automatic.holds:
            return self.talk.automatic
        if self._real_time:
            raise DeviceTimeout(f"{self.name}: {SILENT}", code="E213")
        return PrinterStatus()

    def ask(self) -> PrinterStatus | None:
        """DLE EOT 1 to 4. Only between segments."""
        answers = self.talk.real_time(self.soon())
        if answers is None:
            return None
        self._real_time = True
        found = PrinterStatus()
        for n, byte in enumerate(answers, 1):
            found = status.of_real_time(found, n, byte)
        automatic = self.talk.automatic
        if automatic is not None and automatic.holds != found.holds:
            self.talk.automatic = automatic = None  # of before a power failure, say: the answer is fresher
        return found if automatic is None else replace(found, drawer_open=automatic.drawer_open)

    def held(self) -> str:
        """Why nothing can be printed now; "offline" when it does not say. A printer that never answered is taken as it is."""
        if not self.dialect.asks or (self._real_time is False and not self.capabilities.tier):
            self.talk.hear(self.talk.now())
            return (self.talk.automatic or self._port_status()).holds
        if self._real_time is False and self.talk.automatic is not None and self.talk.automatic.holds:
            self.talk.send(b"\x1da\xff", self.soon())  # that may be old: have it said again
        found = self.ask()
        if found is not None:
            self._resume(found)
            return found.holds
        if self._real_time is not False:
            self._must_not_be_silent()
        automatic = self.talk.automatic
        if automatic is not None and automatic.holds:
            return automatic.holds
        if self._real_time is not True and not self.talk.time_is_up() and (self._probed or not self._expected_tier):
            self._real_time = False  # it does not speak this
            return ""
        return "offline"

    def blocked(self) -> str:
        """Why the printer has taken less than it was sent, or does not come to rest."""
        if held := self.held():
            return held
        self._must_not_be_silent()
        return "offline"

    def _must_not_be_silent(self) -> None:
        if not self.talk.link.session_proves_power and self.talk.silent_s() >= self.patience.silence_s:
            raise DeviceTimeout(f"{self.name}: {SILENT}", code="E213")

    def _resume(self, found: PrinterStatus) -> None:
        """DLE ENQ 1 to a stuck cutter: once what was stuck is out, printing resumes where it stopped. At once when somebody has had the
        cover open, else now and then."""
        if found.cover_open:
            self._resume_at = self.talk.now()
        elif found.cutter_error and self.talk.now() >= self._resume_at:
            self.talk.send(b"\x10\x05\x01", self.soon())
            self._resume_at = self.talk.now() + self.patience.resume_s

    def _port_status(self) -> PrinterStatus:
        """What the USB port says of a printer that itself says nothing; a port without paper sensor says that all is well."""
        seen = self.talk.link.port_status()
        return PrinterStatus(paper="end") if seen is not None and seen & 0x20 else PrinterStatus()

    @property
    def says_why(self) -> bool:
        """Whether it answers real-time questions."""
        return self._real_time is True

    def expect(self, known: Capabilities | None, tier: int = 0) -> None:
        """What the printer was able to do before, and its tier when the attempt at hand began."""
        self._before = known or self._before
        self._expected_tier = max(self._expected_tier, tier, known.tier if known else 0)

    def learn(self) -> bool:
        """Probes once; False when the call's time was up before it had ended, or when a printer that is known to be able to do more has
        not answered: that is tried three times before it is believed."""
        if not self._probed:
            found, real_time = probe(self.talk, self.patience.answer_s, asks=self.dialect.asks, before=self._before)
            if self.talk.time_is_up() or (self._expected_tier and not found.tier):
                return False
            if found.tier < self._expected_tier and self._disappointments < MOST_DISAPPOINTMENTS:
                self._disappointments += 1
                return False
            self.capabilities = found
            self._real_time = self._real_time or real_time
            self._probed = True
        return True

    # ---------------------------------------------------------------- rest

    def quiet(self) -> bool:
        """Lets the printer finish what it has, then empties its buffers; False when it does not come to rest in time.

        A command that was cut off in its middle swallows questions, so the clearing command, which acts at reception, or NULs follow.
        On a slow line that takes longer than one call may: the next call goes on where this one stopped.
        """
        if not self.emptied:
            if self.idle(self.talk.now() + self.patience.idle_s):
                return self.learn()
            if self.held():
                return False
            if not self.talk.cleared(self.soon(2)) and self.talk.send(RESYNC, self.soon(4) + self.line_s(len(RESYNC))) < len(RESYNC):
                return False
            self.emptied = self.unsettled = True
            if not self.capabilities.tier:
                self._probed = False
        while self.talk.link.unsent():  # a question would wait behind it
            if self.talk.time_is_up():
                return False
            self.talk.hear(self.soon())
        return self.learn()

    def idle(self, deadline: float) -> bool:
        """Whether everything that was sent so far is on paper, as far as a process id can tell."""
        if not self.dialect.asks or not self.talk.link.speaks or (self._probed and not self.capabilities.process_id):
            return False
        self.talk.drain()
        self.talk.forget_id(_IDLE_ID)
        question = id_question(_IDLE_ID)
        if self.talk.send(question, deadline) < len(question) or not self.talk.id_came(_IDLE_ID, deadline):
            return False
        self.unsettled = False
        return True

    def settled(self) -> bool:
        """Waits until nothing moves any more: by a process id, else by a counter or the clock that stand still for a while."""
        if self.capabilities.process_id:
            return self.idle(self.talk.now() + self.patience.idle_s + self.patience.proof_extra_s)
        still = self.talk.now()
        last = self.cuts()
        while not self.talk.time_is_up():
            if self.talk.now() - still >= self.patience.settle_s:
                self.unsettled = False
                return True
            self.talk.hear(self.talk.now() + self.patience.settle_s / 4)
            now = self.cuts()
            if now != last:
                last, still = now, self.talk.now()
        return False

    def cuts(self) -> int | None:
        """The lifetime count of cuts; None when the printer has none or does not say now."""
        return cut_count(self.talk, self.patience.answer_s) if self.capabilities.cut_counter else None

    def power_never_failed(self, before: Evidence, *, same_link: bool) -> bool | None:
        """Whether it is certain that the printer was not switched off since the attempt began; None: it does not say now."""
        if before.witness:
            return sees_witness(self.talk, before.witness.encode("ascii"), self.patience.answer_s)
        return same_link and self.talk.link.session_proves_power
