"""Owns what a driver is: the only module that a driver author reads.

A driver is a :class:`Driver` record, found by the entry-point group ``posagent.drivers``. ``Driver.open`` returns an object with one of the
protocols below. One thread opens it, uses it and closes it; no method is ever called from another thread.

Rules for every method: it returns or raises within its time-out plus 0.2 s, also against a dead, stopped or full device; it raises a
:class:`posagent.errors.DeviceError` for trouble that reopening may mend; anything else it raises ends the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from posagent.slips import Slip

Kind = Literal["scanner", "printer", "display", "drawer", "sale_door"]
Maturity = Literal["experimental", "tested", "field-proven"]  # tested: has a capture in tests/captures
Home = Literal["agent", "reader", "camera"]
"""Which process hosts the driver: a thread of the agent; the tiny reader process (devices whose kernel buffer overflows while another
thread holds the GIL: wedge and HID POS); the camera process (native decoders over foreign pictures)."""


# ---------------------------------------------------------------- settings of a driver


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a driver, as it stands in the device's table of the settings file."""

    kind: type[str | int | bool | list[Any]]
    doc: str
    default: Any = None
    required: bool = False
    choices: tuple[Any, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


Options = Mapping[str, Any]
"""A driver's settings after checking: every key of ``Driver.options`` is there, and nothing else."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that `posagent devices` lists. ``settings`` is the table to paste, without its header."""

    driver: str
    kind: Kind
    title: str  # "Honeywell HF680 (keyboard wedge)"
    node: str  # "/dev/input/event5"
    identity: str  # what survives replug and reboot: by-id, serial number, or the USB port
    held_by: str = ""  # "cupsd (pid 812)"; empty when nobody holds it or that cannot be known
    note: str = ""  # what to do where it cannot be used as it is
    settings: Mapping[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------- scanners


@dataclass(frozen=True, slots=True)
class Scan:
    """One whole scan, or one that is known to be damaged. Numbers stay strings: leading zeros count."""

    text: str  # prefix, suffix, terminator and AIM identifier removed; "" when corrupt
    aim: str | None = None  # AIM symbology identifier without "]": "E0", "C0", "F0", "Q1"; None when the reader does not say
    quality: Literal["ok", "corrupt"] = "ok"
    reason: str = ""  # why corrupt, in English, for the technician
    at_ns: int = 0  # time.monotonic_ns() at the last byte
    sent: str = ""  # what the device sent, character for character, terminator included; "" where that is not known


class Scanner(Protocol):
    """A source of scans."""

    def read(self, timeout_s: float) -> Sequence[Scan]:
        """What arrived; empty after ``timeout_s`` of silence. A corrupt scan is reported, never shortened into a good one."""

    def close(self) -> None:
        """Releases the device. Never raises."""


class Typist(Protocol):
    """A keyboard of ours that types what a routed scanner read into the POS (entry-point group ``posagent.typist``)."""

    def type(self, text: str) -> str:
        """Types all of it, or nothing and says why. Raises DeviceError when the keyboard is gone."""

    def close(self) -> None:
        """Releases it. Never raises."""


# ---------------------------------------------------------------- printers


Paper = Literal["ok", "near_end", "end"]


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What the printer said of itself. None: it does not say (a printer without status shows "no status", never "fine")."""

    online: bool | None = None
    cover_open: bool | None = None
    paper: Paper | None = None
    cutter_error: bool | None = None
    other_error: bool | None = None
    drawer_open: bool | None = None

    @property
    def holds(self) -> str:
        """Why nothing may be sent now: "cover", "paper", "cutter", "error", "offline"; empty when printing may start."""
        if self.cover_open:
            return "cover"
        if self.paper == "end":
            return "paper"
        if self.cutter_error:
            return "cutter"
        if self.other_error:
            return "error"
        return "offline" if self.online is False else ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Learned at connect. Tier: 3 process id and cutter counter, 2 one of them, 1 queued status only, 0 write-only."""

    tier: Literal[0, 1, 2, 3]
    maker: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    kanji: bool | None = None
    process_id: bool = False
    cut_counter: bool = False


Certainty = Literal["confirmed", "weak", "assumed"]
"""How sure a printed slip is: the printer proved it; the printer's last status was clean; the bytes left and the line stayed up."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One attempt at one copy of one slip. ``mark`` (two printable ASCII characters) and ``attempt`` make its process ids its own."""

    job: str
    mark: str
    attempt: int  # 1, 2, …
    slip: Slip  # already carries 再発行 when this is copy 2 or later
    known: Capabilities | None = None  # what this printer was able to do before; with a tier above 0 its silence means that it is not there
    void_first: bool = False  # an interrupted attempt may have left paper hanging: void it, cut it off, then begin


@dataclass(frozen=True, slots=True)
class Evidence:
    """What must be durable before and after the first byte, so that another process can find out what became of the slip."""

    bytes_total: int
    bytes_handed: int  # 0: certainly nothing was printed
    cut_before: int | None  # the printer's lifetime cutter counter; None: it has none
    checkpoint: int  # last process id that came back: 0 none, 1 header, 2 body, 3 code, 4 cut
    tier: int = 0  # of the printer when the attempt began
    witness: str = ""  # what was put into the printer's RAM before the first byte: still there, so the power never failed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt.

    ``printed``       on paper and cut, with its certainty
    ``held``          nothing was sent; ``reason`` as in PrinterStatus.holds
    ``not_printed``   provably not on paper as a whole slip: may be sent again unmarked (with ``void_first`` where bytes had been handed)
    ``unknown``       may or may not be on paper; while ``waiting`` is set the printer still has it (no paper, cover open): ask again
    ``refused``       cannot be printed on this printer at all, now or later; ``reason`` says which part and why
    """

    state: Literal["printed", "held", "not_printed", "unknown", "refused"]
    certainty: Certainty | None = None
    reason: str = ""
    evidence: Evidence | None = None
    waiting: bool = False
    warnings: tuple[str, ...] = ()  # what was printed otherwise than the slip asked (a character set as 〓, a code in another form)


class Printer(Protocol):
    """A slip printer behind any transport."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can prove, as far as is known by now."""

    def status(self, timeout_s: float) -> PrinterStatus:
        """Asks in real time. All None when the printer does not answer such questions."""

    def print(self, ticket: Ticket, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
        """Preflight, send, wait for proof. ``sending`` is called with bytes_handed = 0 before the first byte and again when all bytes are
        handed over: the caller commits it durably before it returns."""

    def resolve(self, ticket: Ticket, before: Evidence, timeout_s: float) -> Outcome:
        """Finds out what became of an attempt from the printer's own witnesses, after a lost link, a restart or a time-out. Sends nothing
        that prints; an attempt that this same object began and that only waits (for paper, for a slow line) goes on. Raises DeviceError
        when the link is lost: ask again on a new one."""

    def close(self) -> None:
        """Releases the device. Never raises."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A slip as it would come out of a printer with these settings."""

    png: bytes
    stream: bytes  # what would be sent, without the questions in between
    warnings: tuple[str, ...] = ()


# ---------------------------------------------------------------- displays and drawers


class Display(Protocol):
    """A customer display of two lines."""

    def show(self, upper: str, lower: str, timeout_s: float) -> None:
        """Replaces both lines; text that does not fit is cut at a whole character."""

    def close(self) -> None:
        """Releases the device. Never raises."""


class Drawer(Protocol):
    """A cash drawer."""

    def open(self, timeout_s: float) -> None:
        """Kicks it once."""

    def is_open(self, timeout_s: float) -> bool | None:
        """What its sensor says; None when it has none, or does not answer."""

    def close(self) -> None:
        """Releases the device. Never raises."""


# ---------------------------------------------------------------- sale doors


@dataclass(frozen=True, slots=True)
class CapturedSale:
    """A sale as a door learned it. Amounts are tax included, in the currency's minor unit."""

    total: int
    kind: Literal["sale", "refund"] = "sale"
    receipt_no: str | None = None
    paid: bool = True  # False: a total that was shown before payment; it may pre-fill, the grant waits
    tax_split: Mapping[int, int] = field(default_factory=dict)  # {1000: gross at 10 %, 800: gross at 8 %}; empty: not known
    confidence: Literal["profile", "guess"] = "guess"


@dataclass(frozen=True, slots=True)
class ReadSale(CapturedSale):
    """A sale that was read in somebody's text. ``digest`` is of that text, and of where it stood: part of the sale's key without a number."""

    digest: str = ""
    standing: bool = False  # the same text at the same place is the same sale, whenever it is read (a file); else the moment counts as well
    refund_of: str = ""  # kind refund: the receipt number of the sale that comes back, where the text names it


@dataclass(frozen=True, slots=True)
class Heard:
    """What bytes mean that a POS sent."""

    sales: tuple[CapturedSale, ...] = ()
    between: bool = True  # all that was printed is cut off: something else may be printed now
    modes: bytes = b""  # what a printer must be told after a reset, to be as the POS left it
    unfinished: int = 0  # so many of the last bytes belong to something that is not whole yet


Moment = Literal["bytes", "silence", "closed"]
Carries = Literal["printer", "display", "file"]
Understand = Callable[[bytes, Moment], Heard]
"""Gets every byte of a POS in order, in any portions, and hears of silence and of the end of a connection, with no bytes. Never raises."""


@runtime_checkable
class ByteDoor(Protocol):
    """A sale door that moves a POS's bytes and leaves it to others what they mean."""

    carries: Carries

    def understand_with(self, understand: Understand) -> None:
        """Called once, before the first read."""


class SaleDoor(Protocol):
    """A way in which a sale reaches us from a POS that was not changed."""

    def read(self, timeout_s: float) -> Sequence[CapturedSale]:
        """What was captured; empty after ``timeout_s`` of silence."""

    def close(self) -> None:
        """Releases what it holds. Never raises."""


# ---------------------------------------------------------------- the record


Device = Scanner | Printer | Display | Drawer | SaleDoor


@dataclass(frozen=True, slots=True)
class Driver:
    """What an entry point of the group ``posagent.drivers`` points at."""

    name: str  # as in the settings: driver = "serial"
    kind: Kind
    title: str  # one line for people
    maturity: Maturity
    source: str  # manuals and standards that its constants come from
    options: Mapping[str, Option]
    open: Callable[[str, Options], Device]  # (the device's name in messages, its settings)
    find: Callable[[], Iterable[Found]] = tuple
    home: Home = "agent"
    preview: Callable[[Slip, Options], Preview] | None = None  # printers: draws a slip without a printer; ValueError: it cannot be printed
