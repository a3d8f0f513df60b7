"""Owns printing one slip and knowing what became of it: the port's Printer for every ESC/POS printer, over any link.

    print     preflight (status, counter, witness) ─► sending() ─► segments and checkpoints ─► sending() ─► proof
    resolve   the same attempt, still open on this link: goes on sending and waiting;
              otherwise the printer's witnesses: late process ids, the cutter counter, the RAM witness

What counts as proof, by tier: a process id after the cut, or the cutter counter one up (confirmed); the answer to a queued question and a
clean status (weak); all bytes gone and the line still up (assumed). A real-time command is sent only between segments, when no other bytes
are half sent. Nothing is ever sent twice from here: that is the print lane's decision.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from drivers.escpos import status
from drivers.escpos.conversation import Conversation, id_question
from drivers.escpos.dialects import Dialect
from drivers.escpos.encoder import RESET, encode, void_strip
from drivers.escpos.link import Link
from drivers.escpos.paper import Paper, Unprintable
from drivers.escpos.probe import cut_count, plant_witness, probe, sees_witness
from posagent.errors import DeviceError, DeviceTimeout
from posagent.ports import Capabilities, Evidence, Outcome, PrinterStatus, Ticket

RESYNC = b"\0" * 4096
"""More NUL bytes than any command of ours is long: a printer that lost the middle of a picture prints white and is back."""
SLOWEST_ROWS_S = 800
"""Dot rows a second of a slow printer: 100 mm/s at 203 dpi."""
_PARTS = {"header": 1, "body": 2, "code": 3, "cut": 4}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what; the defaults are for printers, smaller ones for tests with virtual printers."""

    answer_s: float = 0.5  # an answer to one question
    proof_extra_s: float = 3.0  # beyond twice the time that sending and printing should take
    alive_s: float = 2.0  # how long the line must stay up after the last byte, where nothing better can be had
    settle_s: float = 1.0  # a counter that does not move for so long stands, where nothing says that printing has ended
    idle_s: float = 3.0  # after a new connection: what the printer had in its buffer may still be printing


@dataclass(slots=True)
class _Attempt:
    """One attempt on the link that is open now. ``pieces``: bytes, and the checkpoint that stands behind them."""

    ticket: Ticket
    pieces: list[tuple[bytes, int]]
    evidence: Evidence
    allowed_s: float  # for sending and proof, not counting time in which the printer is held up
    sending: Callable[[Evidence], None]
    piece: int = 0
    offset: int = 0
    answers_before: int = 0
    spent_s: float = 0.0
    told_handed: bool = False
    handed_at: float | None = None
    answered_at: float | None = None  # when the last queued question had been answered
    reason: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def whole(self) -> bool:
        """All bytes are out of this process."""
        return self.piece == len(self.pieces)


class EscposPrinter:
    """See `posagent.ports.Printer`. ``bytes_per_s``: of a slow line; 0 where the line is faster than the paper."""

    def __init__(
        self, name: str, link: Link, dialect: Dialect, paper: Paper, *, patience: Patience | None = None, bytes_per_s: int = 0
    ) -> None:
        self.capabilities = Capabilities(0)
        self._name = name
        self._dialect = dialect
        self._paper = paper
        self._patience = patience or Patience()
        self._bytes_per_s = bytes_per_s
        self._talk = Conversation(name, link, dialect)
        self._probed = False
        self._real_time: bool | None = None  # whether it answers DLE EOT; None: not asked yet
        self._attempt: _Attempt | None = None
        self._unsettled = True  # something may still be moving that we did not see end

    # ---------------------------------------------------------------- the port

    def status(self, timeout_s: float) -> PrinterStatus:
        """See the port. Raises DeviceTimeout when a printer that used to answer has gone silent without having said why."""
        deadline = time.monotonic() + timeout_s
        if not self._dialect.asks or self._real_time is False:
            self._talk.hear(time.monotonic())
            return self._talk.automatic or PrinterStatus()
        found = self._ask_status(min(deadline, time.monotonic() + self._patience.answer_s))
        if found is not None:
            return found
        if self._talk.automatic is not None and self._talk.automatic.holds:
            return self._talk.automatic
        if self._real_time:
            raise DeviceTimeout(f"{self._name}: the printer has stopped answering; check its power and its cable", code="E213")
        return PrinterStatus()

    def print(self, ticket: Ticket, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
        """See the port."""
        end = time.monotonic() + timeout_s
        try:
            encoded = encode(ticket.slip, self._dialect, self._paper)
        except Unprintable as wrong:
            return Outcome("refused", reason=str(wrong))
        self._attempt = None
        held, cuts, witness = self._preflight(ticket, end)
        if held:
            return Outcome("held", reason=held)
        pieces: list[tuple[bytes, int]] = []
        for segment in encoded.segments:
            checkpoint = _PARTS[segment.part]
            pieces.append((segment.body + self._checkpoint_bytes(ticket, checkpoint), checkpoint))
        total = sum(len(body) for body, _ in pieces)
        rows = sum(segment.rows for segment in encoded.segments)
        line_s = total / self._bytes_per_s if self._bytes_per_s else 0.0
        allowed = 2 * (line_s + rows / SLOWEST_ROWS_S) + self._patience.proof_extra_s
        evidence = Evidence(total, 0, cuts, 0, witness)
        sending(evidence)  # durable from here on: the first byte may leave
        self._unsettled = True
        self._attempt = _Attempt(
            ticket, pieces, evidence, allowed, sending, answers_before=self._talk.queued_answers, warnings=encoded.warnings
        )
        return self._carry_on(self._attempt, end)

    def resolve(self, ticket: Ticket, before: Evidence, timeout_s: float) -> Outcome:
        """See the port."""
        end = time.monotonic() + timeout_s
        attempt = self._attempt
        if attempt is not None and (attempt.ticket.mark, attempt.ticket.attempt) == (ticket.mark, ticket.attempt):
            if attempt.spent_s < attempt.allowed_s:
                return self._carry_on(attempt, end)
            before = attempt.evidence
        else:
            attempt = None
        if before.bytes_handed == 0:
            return Outcome("not_printed", reason="nothing was sent", evidence=before)
        try:
            return self._examine(ticket, before, end, same_link=attempt is not None)
        except DeviceError as lost:
            return Outcome("unknown", reason=str(lost), evidence=before, waiting=True)

    def kick_drawer(self, timeout_s: float, *, connector: int = 0, on_ms: int = 100) -> None:
        """Opens the drawer on the printer's connector; never while a slip is under way. Raises DeviceTimeout when the line is full."""
        pulse = bytes([0x1B, 0x70, connector, on_ms // 2, min(on_ms, 255)])  # ESC p, both times: without them every second kick fails
        if self._talk.send(pulse, time.monotonic() + timeout_s) < len(pulse):
            raise DeviceTimeout(f"{self._name}: the line to the printer is full; the drawer was not opened", code="E213")

    def close(self) -> None:
        """See the port."""
        self._attempt = None
        self._talk.link.close()

    # ---------------------------------------------------------------- before the first byte

    def _preflight(self, ticket: Ticket, end: float) -> tuple[str, int | None, str]:
        """(why nothing may be sent, count of cuts, witness). Nothing of the slip has left when this returns or raises."""
        held = self._held(end)
        if held:
            return held, None, ""
        self._probe_once()
        patience = self._patience
        if ticket.void_first:
            if not self._quiet(end):
                return "offline", None, ""
            strip = void_strip(self._dialect, self._paper)
            if self._talk.send(strip, min(end, time.monotonic() + 4 * patience.answer_s + self._line_s(strip))) < len(strip):
                return self._held(end) or "offline", None, ""
            self._unsettled = True
        if self._unsettled and self.capabilities.tier and not self._settled(end):
            return self._held(end) or "offline", None, ""
        self._unsettled = False
        if time.monotonic() >= end:
            return "offline", None, ""
        if self._talk.send(RESET + self._automatic(), min(end, time.monotonic() + patience.answer_s)) < len(RESET):
            return self._held(end) or "offline", None, ""
        witness = ""
        if self.capabilities.process_id and plant_witness(self._talk, ticket.mark.encode("ascii"), patience.answer_s):
            witness = ticket.mark
        cuts = None
        if self.capabilities.cut_counter:
            cuts = cut_count(self._talk, patience.answer_s)
            if cuts is None:
                return self._held(end) or "offline", None, ""
        return "", cuts, witness

    def _probe_once(self) -> None:
        if not self._probed:
            self.capabilities = probe(self._talk, self._patience.answer_s, asks=self._dialect.asks)
            self._probed = True

    def _held(self, end: float) -> str:
        """Why nothing can be printed now. A printer that never answered is taken as it is."""
        if not self._dialect.asks or self._real_time is False:
            self._talk.hear(time.monotonic())
            return self._talk.automatic.holds if self._talk.automatic else ""
        found = self._ask_status(min(end, time.monotonic() + self._patience.answer_s))
        if found is not None:
            if found.cutter_error:
                self._resume_cutter()
            return found.holds
        if self._talk.automatic is not None and self._talk.automatic.holds:
            return self._talk.automatic.holds
        if self._real_time is None and not self._probed:
            self._real_time = False  # asked on a fresh line, and silent: it does not speak this
            return ""
        return "offline"

    def _resume_cutter(self) -> None:
        """DLE ENQ 1: once what was stuck is out, printing resumes from the line where it stopped. Harmless while it is stuck."""
        self._talk.send(b"\x10\x05\x01", time.monotonic() + self._patience.answer_s)

    def _ask_status(self, deadline: float) -> PrinterStatus | None:
        answers = self._talk.real_time(deadline)
        if answers is None:
            return None
        self._real_time = True
        found = PrinterStatus()
        for n, byte in enumerate(answers, 1):
            found = status.of_real_time(found, n, byte)
        automatic = self._talk.automatic
        return found if automatic is None else replace(found, drawer_open=automatic.drawer_open)

    def _automatic(self) -> bytes:
        return b"\x1da\xff" if self.capabilities.tier else b""

    def _line_s(self, body: bytes) -> float:
        return len(body) / self._bytes_per_s if self._bytes_per_s else 0.0

    # ---------------------------------------------------------------- sending and proof

    def _checkpoint_bytes(self, ticket: Ticket, checkpoint: int) -> bytes:
        if self.capabilities.process_id:
            return id_question(_id(ticket, checkpoint))
        return b"\x1dr\x01" if self.capabilities.tier else b""

    def _carry_on(self, attempt: _Attempt, end: float) -> Outcome:
        """Sends what is left and waits for proof, until ``end`` or until the attempt's own time is up."""
        try:
            while time.monotonic() < end and attempt.spent_s < attempt.allowed_s:
                begun = time.monotonic()
                proof = self._advance(attempt, min(end, begun + 0.1))
                if proof is not None:
                    self._attempt = None
                    return replace(proof, warnings=attempt.warnings)
                if not attempt.reason:
                    attempt.spent_s += time.monotonic() - begun
        except DeviceError as lost:
            self._attempt = None
            self._note_ids(attempt)
            if attempt.evidence.bytes_handed == 0:
                return Outcome("not_printed", reason=str(lost), evidence=attempt.evidence, warnings=attempt.warnings)
            return Outcome("unknown", reason=str(lost), evidence=attempt.evidence, waiting=True, warnings=attempt.warnings)
        if attempt.spent_s >= attempt.allowed_s and attempt.evidence.bytes_handed == 0:
            self._attempt = None
            return Outcome("not_printed", reason="the printer took nothing", evidence=attempt.evidence, warnings=attempt.warnings)
        waiting = bool(attempt.reason) or attempt.spent_s < attempt.allowed_s
        reason = attempt.reason or ("still printing" if waiting else "no proof in time")
        return Outcome("unknown", reason=reason, evidence=attempt.evidence, waiting=waiting, warnings=attempt.warnings)

    def _advance(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        """A little further; the outcome when it is known."""
        if not attempt.whole:
            body, _ = attempt.pieces[attempt.piece]
            sent = self._talk.send(body[attempt.offset :], deadline)
            attempt.offset += sent
            attempt.evidence = replace(attempt.evidence, bytes_handed=attempt.evidence.bytes_handed + sent)
            if attempt.offset == len(body):
                attempt.piece, attempt.offset = attempt.piece + 1, 0
            self._note_ids(attempt)
            automatic = self._talk.automatic
            attempt.reason = automatic.holds if sent == 0 and automatic is not None else ""
            return None
        if not attempt.told_handed:
            attempt.told_handed = True
            attempt.handed_at = time.monotonic()
            attempt.sending(attempt.evidence)
        return self._proof(attempt, deadline)

    def _proof(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        able = self.capabilities
        if able.process_id:
            came = self._talk.id_came(_id(attempt.ticket, 4), deadline)
            self._note_ids(attempt)
            if came:
                return self._printed("confirmed", "process id", attempt.evidence)
        elif able.cut_counter:
            before, now = attempt.evidence.cut_before, cut_count(self._talk, self._patience.answer_s)
            if before is not None and now == before + 1:
                return self._printed("confirmed", "cutter counter", attempt.evidence)
            self._talk.hear(deadline)
        elif able.tier:
            self._talk.hear(deadline)
            if self._talk.queued_answers - attempt.answers_before >= len(attempt.pieces):
                return self._weak(attempt, deadline)
        else:
            return self._assumed(attempt, deadline)
        held = self._held(time.monotonic() + self._patience.answer_s) if self._real_time else ""
        attempt.reason = held if held != "offline" else ""
        return None

    def _weak(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        """The queue has been worked off; the paper follows within moments, if the status stays clean."""
        if attempt.answered_at is None:
            attempt.answered_at = time.monotonic()
        if time.monotonic() - attempt.answered_at < self._patience.settle_s:
            self._talk.hear(deadline)
            return None
        attempt.reason = self._held(time.monotonic() + self._patience.answer_s) if self._real_time else ""
        if attempt.reason:
            return None
        return self._printed("weak", "status clean after the last line", replace(attempt.evidence, checkpoint=4))

    def _assumed(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        unsent = self._talk.link.unsent()
        if unsent:
            attempt.handed_at = time.monotonic()
        self._talk.hear(min(deadline, time.monotonic() + 0.05))
        if attempt.handed_at is not None and time.monotonic() - attempt.handed_at >= self._patience.alive_s:
            return self._printed("assumed", "all bytes left and the line stayed up", attempt.evidence)
        return None

    def _printed(self, certainty: str, reason: str, evidence: Evidence) -> Outcome:
        self._unsettled = certainty != "confirmed"
        match certainty:
            case "confirmed":
                return Outcome("printed", "confirmed", reason, replace(evidence, checkpoint=4))
            case "weak":
                return Outcome("printed", "weak", reason, evidence)
            case _:
                return Outcome("printed", "assumed", reason, evidence)

    def _note_ids(self, attempt: _Attempt) -> None:
        for checkpoint in (4, 3, 2, 1):
            if checkpoint > attempt.evidence.checkpoint and _id(attempt.ticket, checkpoint) in self._talk.ids:
                attempt.evidence = replace(attempt.evidence, checkpoint=checkpoint)
                break

    # ---------------------------------------------------------------- afterwards

    def _examine(self, ticket: Ticket, before: Evidence, end: float, *, same_link: bool) -> Outcome:
        """What became of an attempt that did not end in sight."""
        if before.checkpoint == 4 or _id(ticket, 4) in self._talk.ids:
            return self._printed("confirmed", "process id", before)
        held = self._held(end)
        if held:
            return Outcome("unknown", reason=held, evidence=before, waiting=True)
        if not self._quiet(end):
            held = self._held(end)
            return Outcome("unknown", reason=held or "offline", evidence=before, waiting=True)
        self._attempt = None
        if _id(ticket, 4) in self._talk.ids:
            return self._printed("confirmed", "process id", before)
        powered = self._power_never_failed(before, same_link=same_link)
        if self._unsettled and not self._settled(end):
            return Outcome("unknown", reason=self._held(end) or "offline", evidence=before, waiting=True)
        if before.cut_before is None or not self.capabilities.cut_counter:
            return Outcome("unknown", reason="the printer cannot say", evidence=before)
        count = cut_count(self._talk, self._patience.answer_s)
        if count is None:
            return Outcome("unknown", reason="offline", evidence=before, waiting=True)
        if count == before.cut_before + 1:
            return self._printed("confirmed", "cutter counter", before)
        if count > before.cut_before:
            return Outcome("unknown", reason=f"foreign: {count - before.cut_before} cuts since", evidence=before)
        if count == before.cut_before and powered:
            return Outcome("not_printed", reason="it was not cut", evidence=before)
        return Outcome("unknown", reason="the printer was switched off in between", evidence=before)

    def _power_never_failed(self, before: Evidence, *, same_link: bool) -> bool:
        if before.witness:
            return sees_witness(self._talk, before.witness.encode("ascii"), self._patience.answer_s) is True
        return same_link and self._talk.link.session_proves_power

    def _quiet(self, end: float) -> bool:
        """Lets the printer finish what it has, then empties its buffers; False when it does not come to rest in time.

        A command that was cut off in its middle swallows questions, so the clearing command, which acts at reception, or NULs follow.
        """
        if self._idle(min(end, time.monotonic() + self._patience.idle_s)):
            self._probe_once()
            return True
        if self._held(end):
            return False
        answer_end = min(end, time.monotonic() + 2 * self._patience.answer_s)
        if not self._talk.cleared(answer_end):
            send_end = min(end, time.monotonic() + 4 * self._patience.answer_s + self._line_s(RESYNC))
            if self._talk.send(RESYNC, send_end) < len(RESYNC):
                return False
        self._unsettled = True
        if not self._probed or not self.capabilities.tier:
            self._probed = False
            self._probe_once()
        return True

    def _idle(self, deadline: float) -> bool:
        """Whether everything that was sent so far is on paper, as far as a process id can tell."""
        if not self._dialect.asks or not self._talk.link.speaks or (self._probed and not self.capabilities.process_id):
            return False
        four = b"\x7eid\x7e"
        self._talk.drain()
        if four in self._talk.ids:
            self._talk.ids.remove(four)
        question = id_question(four)
        if self._talk.send(question, deadline) < len(question):
            return False
        if self._talk.id_came(four, deadline):
            self._unsettled = False
            return True
        return False

    def _settled(self, end: float) -> bool:
        """Waits until nothing moves any more: by a process id, else by a counter or the clock that stand still for a while."""
        if self.capabilities.process_id:
            return self._idle(min(end, time.monotonic() + self._patience.idle_s + self._patience.proof_extra_s))
        still = time.monotonic()
        last = cut_count(self._talk, self._patience.answer_s) if self.capabilities.cut_counter else None
        while time.monotonic() < end:
            if time.monotonic() - still >= self._patience.settle_s:
                self._unsettled = False
                return True
            self._talk.hear(min(end, time.monotonic() + self._patience.settle_s / 4))
            if self.capabilities.cut_counter:
                now = cut_count(self._talk, self._patience.answer_s)
                if now != last:
                    last, still = now, time.monotonic()
        return False


def _id(ticket: Ticket, checkpoint: int) -> bytes:
    """Two characters of the job, one of the attempt, one of the checkpoint; all printable, as GS ( H asks."""
    return ticket.mark.encode("ascii") + bytes([0x21 + ticket.attempt % 90, 0x30 + checkpoint])


