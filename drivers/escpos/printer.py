"""Owns printing one slip and knowing what became of it: the port's Printer for every ESC/POS printer, over any link.

    print     preflight (status, void strip, counter, witness) ─► sending() ─► segments and checkpoints ─► sending() ─► proof
    resolve   the same attempt, still open on this link: goes on sending and waiting;
              otherwise the printer's witnesses: late process ids, the cutter counter, the RAM witness

What counts as proof, by tier: a process id after the cut, or the cutter counter one up (confirmed; on a line that does not break with the
printer's power, only while the RAM witness is there as well, else weak); the answers to queued questions and a
clean status (weak); all bytes gone and the line still up (assumed). A real-time command is sent only between segments, when no other bytes
are half sent. Nothing is ever sent twice from here: that is the print lane's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.escpos.conversation import id_question
from drivers.escpos.dialects import Dialect
from drivers.escpos.encoder import RESET, Encoded, encode, void_strip
from drivers.escpos.link import Link
from drivers.escpos.paper import Paper, Unprintable
from drivers.escpos.probe import plant_witness
from drivers.escpos.session import Patience, Session
from posagent.errors import DeviceError
from posagent.ports import Capabilities, Certainty, Evidence, Outcome, PrinterStatus, Ticket

_POWER_FAILED = "the printer was switched off in between"
_PARTS = {"header": 1, "body": 2, "code": 3, "cut": 4}
_LOOK_S = 0.1  # an attempt is looked after so often
_COUNT_S = 0.02  # a counter that is proof is asked so often


@dataclass(slots=True)
class _Attempt:
    """One attempt on the link that is open now."""

    ticket: Ticket
    pieces: list[bytes]  # each ends with its checkpoint
    evidence: Evidence
    allowed_s: float  # for sending and proof, not counting time in which the printer is held up
    sending: Callable[[Evidence], None]
    warnings: tuple[str, ...]
    answers_before: int
    piece: int = 0
    offset: int = 0
    spent_s: float = 0.0
    handed_at: float | None = None
    answered_at: float | None = None  # when the last queued question had been answered
    reason: str = ""  # why it stands still


class EscposPrinter:
    """See `posagent.ports.Printer`. ``bytes_per_s``: of a slow line; 0 where the line is faster than the paper."""

    def __init__(
        self, name: str, link: Link, dialect: Dialect, paper: Paper, *, patience: Patience | None = None, bytes_per_s: int = 0
    ) -> None:
        self._session = Session(name, link, dialect, patience or Patience(), bytes_per_s)
        self._talk = self._session.talk
        self._paper = paper
        self._attempt: _Attempt | None = None

    # ---------------------------------------------------------------- the port

    @property
    def capabilities(self) -> Capabilities:
        """Tier 0 until the first slip is printed or resolved: nothing is asked before it is needed."""
        return self._session.capabilities

    def status(self, timeout_s: float) -> PrinterStatus:
        """See the port. Raises DeviceTimeout when a printer that used to answer has gone silent without having said why."""
        self._talk.end = self._talk.now() + timeout_s
        return self._session.look()

    def print(self, ticket: Ticket, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
        """See the port."""
        self._talk.end = self._talk.now() + timeout_s
        try:
            encoded = encode(ticket.slip, self._session.dialect, self._paper)
        except Unprintable as wrong:
            return Outcome("refused", reason=str(wrong))
        self._attempt = None
        self._session.expect(ticket.known)
        if held := self._make_ready(ticket):
            return Outcome("held", reason=held)
        witness, cuts = self._take_witnesses(ticket)
        if self._session.capabilities.cut_counter and cuts is None:
            return Outcome("held", reason=self._session.blocked())
        attempt = self._begin(ticket, encoded, Evidence(0, 0, cuts, 0, self._session.capabilities.tier, witness), sending)
        sending(attempt.evidence)  # durable from here on: the first byte may leave
        self._session.unsettled, self._session.emptied = True, False
        self._attempt = attempt
        return self._carry_on(attempt)

    def resolve(self, ticket: Ticket, before: Evidence, timeout_s: float) -> Outcome:
        """See the port."""
        self._talk.end = self._talk.now() + timeout_s
        attempt = self._attempt
        same_link = attempt is not None and (attempt.ticket.mark, attempt.ticket.attempt) == (ticket.mark, ticket.attempt)
        if attempt is not None and same_link:
            if attempt.spent_s < attempt.allowed_s:
                return self._carry_on(attempt)
            before = attempt.evidence
        self._session.expect(ticket.known, before.tier)
        if before.bytes_handed == 0:
            return Outcome("not_printed", reason="nothing was sent", evidence=before)
        return self._examine(ticket, before, same_link=same_link)

    def close(self) -> None:
        """See the port."""
        self._attempt = None
        self._talk.link.close()

    # ---------------------------------------------------------------- before the first byte

    def _make_ready(self, ticket: Ticket) -> str:
        """Why nothing may be sent, after voiding what hangs out of the printer. Nothing of the slip has left when this returns or raises."""
        session = self._session
        if held := session.held():
            return held
        if not session.learn():
            return "offline"
        if ticket.void_first:
            strip = void_strip(session.dialect, self._paper)
            if not session.quiet() or self._talk.send(strip, session.soon(4) + session.line_s(len(strip))) < len(strip):
                return session.blocked()
            session.unsettled, session.emptied = True, False
        if session.unsettled and session.capabilities.tier and not session.settled():
            return session.blocked()
        session.unsettled = False
        start = RESET + (b"\x1da\xff" if session.capabilities.tier else b"")  # ESC @, and automatic status of everything
        if self._talk.time_is_up() or self._talk.send(start, session.soon()) < len(start):
            return session.blocked()
        return ""

    def _take_witnesses(self, ticket: Ticket) -> tuple[str, int | None]:
        """What is put into the printer's RAM, and its count of cuts."""
        session = self._session
        able = session.capabilities
        useful = able.process_id or (able.cut_counter and not self._talk.link.session_proves_power)
        planted = useful and plant_witness(self._talk, ticket.mark.encode("ascii"), session.patience.answer_s)
        return ticket.mark if planted else "", session.cuts()

    def _begin(self, ticket: Ticket, encoded: Encoded, evidence: Evidence, sending: Callable[[Evidence], None]) -> _Attempt:
        pieces = [segment.body + self._checkpoint(ticket, _PARTS[segment.part]) for segment in encoded.segments]
        total = sum(map(len, pieces))
        rows = sum(segment.rows for segment in encoded.segments)
        patience = self._session.patience
        allowed = 2 * (self._session.line_s(total) + rows / patience.rows_per_s) + patience.proof_extra_s
        return _Attempt(ticket, pieces, replace(evidence, bytes_total=total), allowed, sending, encoded.warnings, self._talk.queued_answers)

    def _checkpoint(self, ticket: Ticket, part: int) -> bytes:
        if self._session.capabilities.process_id:
            return id_question(_id(ticket, part))
        return b"\x1dr\x01" if self._session.capabilities.tier else b""

    # ---------------------------------------------------------------- sending and proof

    def _carry_on(self, attempt: _Attempt) -> Outcome:
        """Sends what is left and waits for proof, until the call's or the attempt's own time is up, or it comes to a standstill."""
        try:
            while not self._talk.time_is_up() and attempt.spent_s < attempt.allowed_s:
                begun, reason = self._talk.now(), attempt.reason
                proof = self._advance(attempt, begun + _LOOK_S)
                if proof is not None:
                    self._attempt = None
                    return replace(proof, warnings=attempt.warnings)
                if not attempt.reason:
                    attempt.spent_s += self._talk.now() - begun
                elif attempt.reason != reason:
                    break  # the cashier should hear of it now
        except DeviceError as lost:
            self._attempt = None
            self._note_ids(attempt)
            return self._open_end(attempt, str(lost))
        if attempt.spent_s >= attempt.allowed_s and attempt.evidence.bytes_handed == 0:
            self._attempt = None
            return self._open_end(attempt, "the printer took nothing")
        return self._open_end(attempt, attempt.reason or ("still printing" if attempt.spent_s < attempt.allowed_s else "no proof in time"))

    def _open_end(self, attempt: _Attempt, reason: str) -> Outcome:
        if attempt.evidence.bytes_handed == 0 and self._attempt is None:
            return Outcome("not_printed", reason=reason, evidence=attempt.evidence, warnings=attempt.warnings)
        return Outcome("unknown", reason=reason, evidence=attempt.evidence, waiting=True, warnings=attempt.warnings)

    def _advance(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        """A little further; the outcome when it is known."""
        if attempt.piece < len(attempt.pieces):
            body = attempt.pieces[attempt.piece]
            sent = self._talk.send(body[attempt.offset :], deadline)
            attempt.offset += sent
            attempt.evidence = replace(attempt.evidence, bytes_handed=attempt.evidence.bytes_handed + sent)
            if attempt.offset == len(body):
                attempt.piece, attempt.offset = attempt.piece + 1, 0
            self._note_ids(attempt)
            automatic = self._talk.automatic
            attempt.reason = automatic.holds if sent == 0 and automatic is not None else ""
            return None
        if attempt.handed_at is None:
            attempt.handed_at = self._talk.now()
            attempt.sending(attempt.evidence)
        return self._proof(attempt, deadline)

    def _proof(self, attempt: _Attempt, deadline: float) -> Outcome | None:
        able = self._session.capabilities
        if able.process_id:
            came = self._talk.id_came(_id(attempt.ticket, 4), deadline)
            self._note_ids(attempt)
            if came:
                return self._proved("process id", attempt.evidence)
        elif able.cut_counter:
            if attempt.evidence.cut_before is not None and self._session.cuts() == attempt.evidence.cut_before + 1:
                return self._proved("cutter counter", attempt.evidence)
            self._talk.hear(min(deadline, self._talk.now() + _COUNT_S))
        elif able.tier:
            self._talk.hear(deadline)
            if self._talk.queued_answers - attempt.answers_before >= len(attempt.pieces):
                return self._weak(attempt)
        else:
            return self._assumed(attempt)
        held = self._session.held() if self._session.says_why else ""
        attempt.reason = held if held != "offline" else ""
        return None

    def _weak(self, attempt: _Attempt) -> Outcome | None:
        """The queue has been worked off; the paper follows within moments, if the status stays clean."""
        if attempt.answered_at is None:
            attempt.answered_at = self._talk.now()
        if self._talk.now() - attempt.answered_at < self._session.patience.settle_s:
            return None
        attempt.reason = self._session.held() if self._session.says_why else ""
        return None if attempt.reason else self._printed("weak", "status clean after the last line", attempt.evidence)

    def _assumed(self, attempt: _Attempt) -> Outcome | None:
        if self._talk.link.unsent() or attempt.handed_at is None:
            attempt.handed_at = self._talk.now()
        self._talk.hear(self._talk.now() + _LOOK_S / 2)
        if self._talk.now() - attempt.handed_at < self._session.patience.alive_s:
            return None
        return self._printed("assumed", "all bytes left and the line stayed up", attempt.evidence)

    def _proved(self, reason: str, evidence: Evidence) -> Outcome:
        """The end of the slip is on paper. On a line that does not break with the printer's power its middle may be missing: the power
        went and came, and what was sent meanwhile is gone."""
        if self._talk.link.session_proves_power:
            return self._printed("confirmed", reason, evidence)
        if not evidence.witness:
            return self._printed("weak", f"{reason}; this line does not show whether the power failed in between", evidence)
        match self._session.power_never_failed(evidence, same_link=True):
            case True:
                return self._printed("confirmed", reason, evidence)
            case False:
                return Outcome("unknown", reason=_POWER_FAILED, evidence=evidence)
            case None:
                return Outcome("unknown", reason=self._session.blocked(), evidence=evidence, waiting=True)

    def _printed(self, certainty: Certainty, reason: str, evidence: Evidence) -> Outcome:
        self._session.unsettled = certainty != "confirmed"
        return Outcome("printed", certainty, reason, replace(evidence, checkpoint=4) if certainty == "confirmed" else evidence)

    def _note_ids(self, attempt: _Attempt) -> None:
        came = [part for part in _PARTS.values() if _id(attempt.ticket, part) in self._talk.ids]
        attempt.evidence = replace(attempt.evidence, checkpoint=max([attempt.evidence.checkpoint, *came]))

    # ---------------------------------------------------------------- afterwards

    def _examine(self, ticket: Ticket, before: Evidence, *, same_link: bool) -> Outcome:
        """What became of an attempt that did not end in sight. Waits as long as the printer stands still: it may have the slip in it."""
        session = self._session
        last = _id(ticket, 4)
        if (before.checkpoint == 4 or last in self._talk.ids) and not (proof := self._proved("process id", before)).waiting:
            return proof
        if (held := session.held()) or not session.quiet():
            return Outcome("unknown", reason=held or session.blocked(), evidence=before, waiting=True)
        if before.checkpoint == 4 or last in self._talk.ids:
            return self._proved("process id", before)
        powered = session.power_never_failed(before, same_link=same_link)
        if session.unsettled and not session.settled():
            return Outcome("unknown", reason=session.blocked(), evidence=before, waiting=True)
        able = session.capabilities.cut_counter
        count = session.cuts() if before.cut_before is not None else None
        if self._talk.time_is_up() or (before.cut_before is not None and able and count is None):
            return Outcome("unknown", reason=session.blocked(), evidence=before, waiting=True)
        self._attempt = None
        if before.cut_before is None or count is None:
            return Outcome("unknown", reason="the printer cannot say", evidence=before)
        if count == before.cut_before + 1:
            return self._proved("cutter counter", before)
        if count > before.cut_before:
            return Outcome("unknown", reason=f"foreign: {count - before.cut_before} cuts since", evidence=before)
        if count == before.cut_before and powered:
            return Outcome("not_printed", reason="it was not cut", evidence=before)
        return Outcome("unknown", reason=_POWER_FAILED, evidence=before)


def _id(ticket: Ticket, part: int) -> bytes:
    """Two characters of the job, one of the attempt, one of the part; all printable, as GS ( H asks."""
    return ticket.mark.encode("ascii") + bytes([0x21 + ticket.attempt % 90, 0x30 + part])
