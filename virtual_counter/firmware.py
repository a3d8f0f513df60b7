"""Owns what the printer says: status bytes, automatic status, identity, process ids, counters, and the real-time commands.

Bit meanings: Epson ESC/POS reference and TM-T88III specification (DLE EOT, GS a, GS r, GS I), `gs_lparen_ch` (process id, offline
response), `gs_lg_2` (counters); the eight-byte dialect as public status software for Seiko RP printers reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from virtual_counter import realtime
from virtual_counter.mechanism import Mechanism
from virtual_counter.profiles import PrinterProfile

ASB_DRAWER, ASB_ONLINE, ASB_ERROR, ASB_PAPER = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class DrawerKick:
    """A pulse that really went out to the drawer connector."""

    pin: int  # 2 or 5
    on_ms: int
    off_ms: int


@dataclass(slots=True)
class Counters:
    """Lifetime counters: what RAM says, and what the flash says after power loss."""

    ram: dict[int, int] = field(default_factory=lambda: {148: 0, 149: 0, 178: 0, 198: 0})
    flash: dict[int, int] = field(default_factory=lambda: {148: 0, 149: 0, 178: 0, 198: 0})
    changed_at: float | None = None

    def add(self, number: int, amount: int, now: float) -> None:
        """Counts in RAM."""
        if amount:
            self.ram[number] += amount
            self.changed_at = now

    def settle(self, now: float, quiet_s: float) -> None:
        """Writes to flash after a quiet time."""
        if self.changed_at is not None and now - self.changed_at >= quiet_s:
            self.flash = dict(self.ram)
            self.changed_at = None

    def power_lost(self) -> None:
        """What had not reached the flash never happened."""
        self.ram = dict(self.flash)
        self.changed_at = None


class Firmware:
    """Status and answers. ``send`` transmits (now), ``send_id`` transmits a process id (the latest wins while the host is busy)."""

    def __init__(
        self, profile: PrinterProfile, mechanism: Mechanism, now: Callable[[], float], send: Callable[[bytes], None],
        send_id: Callable[[bytes], None], clear_buffers: Callable[[], None],
    ) -> None:  # fmt: skip
        self.profile = profile
        self.mechanism = mechanism
        self.counters = Counters()
        self.kicks: list[DrawerKick] = []
        self.drawer_open = False
        self.beeps = 0  # since it was made
        self.nv_writes = 0  # GS g 0 and the like: every one wears the flash
        self.downloads: dict[bytes, bytes] = {}  # key code -> data of downloaded graphics; gone with the power
        self._now = now
        self._send = send
        self._send_id = send_id
        self._clear_buffers = clear_buffers
        self._asb = 0
        self._asb_last = b""
        self._offline_response = 0
        self._was_offline = False
        self._pulse_enabled = True
        self._power_off_enabled = False
        self._counted = (0, 0, 0)

    def power_on(self) -> None:
        """Switch-on state."""
        self.downloads.clear()
        self._asb, self._asb_last, self._offline_response, self._was_offline = 0, b"", 0, False
        self._pulse_enabled, self._power_off_enabled = True, False
        self._counted = (self.mechanism.rows_fed, self.mechanism.rows_heated, self.mechanism.cuts)

    # ------------------------------------------------------------ real-time commands

    def real_time(self, command: bytes) -> None:
        """Executes a whole real-time command."""
        match command[1]:
            case realtime.EOT:
                if self.profile.status and len(command) == 3:
                    self._send(bytes((self.status(command[2]),)))
            case realtime.ENQ:
                self._enquire(command[2])
            case _:
                self._control(command)

    def status(self, n: int) -> int:
        """The answer to DLE EOT n."""
        moving = self.mechanism
        error = moving.cutter_error or moving.broken or moving.head_hot
        match n:
            case 1:
                return 0x12 | 0x04 * self.drawer_open | 0x08 * self.offline
            case 2:
                return 0x12 | 0x04 * moving.cover_open | 0x20 * moving.paper_end | 0x40 * error
            case 3:
                return 0x12 | 0x08 * moving.cutter_error | 0x20 * moving.broken | 0x40 * moving.head_hot
            case _:
                return 0x12 | self._sensor(0x0C, near=True) | self._sensor(0x60, near=False)

    def _sensor(self, bits: int, *, near: bool) -> int:
        lit = self.mechanism.near_end if near else self.mechanism.paper_end
        if not lit:
            return 0
        low = bits & -bits
        return {"both": bits, "low": low, "high": bits & ~low}[self.profile.paper_bits]

    @property
    def offline(self) -> bool:
        """Does not print now."""
        return self.mechanism.stopped

    def _enquire(self, n: int) -> None:
        if not self.mechanism.cutter_error:
            return
        self.mechanism.cutter_error = False
        if n == 2:
            self._clear_buffers()
        self.mechanism.resume_at(self._now())
        self.changed()

    def _control(self, command: bytes) -> None:
        match command[2]:
            case 1 if self._pulse_enabled and command[3] <= 1 and 1 <= command[4] <= 8 and not self.mechanism.broken:
                self.kick(command[3], command[4] * 100, command[4] * 100)
            case 2 if self._power_off_enabled and command == realtime.POWER_OFF:
                self.counters.settle(self._now(), 0)
                self._send(b"\x3b\x30\x00")
            case 8 if self.profile.buffer_clear and command == realtime.CLEAR:
                self._clear_buffers()
                if self.mechanism.cutter_error and not self.mechanism.jam:
                    self.mechanism.cutter_error = False
                self._send(b"\x37\x25\x00")
                self.changed()
            case _:
                pass  # disabled, or a function this model has not

    def enable_real_time(self, function: int, enabled: bool) -> None:
        """GS ( D: switches DLE DC4 fn 1 and 2."""
        if function == 1:
            self._pulse_enabled = enabled
        elif function == 2:
            self._power_off_enabled = enabled

    def beep(self, times: int) -> None:
        """Sounds the buzzer."""
        self.beeps += times

    def kick(self, connector: int, on_ms: int, off_ms: int) -> None:
        """Sends a pulse to the drawer, which opens."""
        self.kicks.append(DrawerKick(5 if connector else 2, on_ms, off_ms))
        self.drawer_open = True
        self.changed()

    # ------------------------------------------------------------ queued questions

    def answer(self, data: bytes) -> None:
        """Transmits what another part of the firmware has to say."""
        self._send(data)

    def initialised(self) -> None:
        """ESC @ was executed."""
        if self.profile.asb == 8:
            self._send(b"\xb0")
        if self.profile.reset_clears_downloads:
            self.downloads.clear()

    def answer_r(self, n: int) -> None:
        """GS r n."""
        if not self.profile.gs_r:
            return
        if self.profile.asb == 8:
            self._send(bytes((0x80 | 0x03 * self.mechanism.near_end,)))
        elif n in {1, 49}:
            near, end = self._sensor(0x0C, near=True) >> 2, self._sensor(0x60, near=False) >> 3
            self._send(bytes((near | end,)))
        elif n in {2, 50}:
            self._send(bytes((int(self.drawer_open),)))

    def answer_identity(self, n: int) -> None:
        """GS I n."""
        profile = self.profile
        if n in {1, 49}:
            self._send(b"\x20")
        elif n in {2, 50}:
            self._send(bytes((0x01 * (profile.kanji is not None) | 0x02 * profile.cutter,)))
        elif n in {3, 51}:
            self._send(b"\x01")
        elif profile.identity:
            texts = {65: profile.firmware, 66: profile.maker, 67: profile.model, 68: profile.serial}
            texts[69] = {"jis": "KANJI JAPANESE", "gb18030": "KANJI GB18030", None: ""}[profile.kanji]
            if n in texts:
                self._send(b"\x5f" + texts[n].encode("ascii") + b"\x00")

    def process_id(self, ids: bytes) -> None:
        """GS ( H fn 48, when everything before it is on paper."""
        self._send_id(b"\x37\x22" + ids + b"\x00")

    def offline_response(self, mode: int) -> None:
        """GS ( H fn 49: whether going offline is told."""
        self._offline_response = mode

    def answer_counter(self, number: int) -> bool:
        """GS g 2; False for a number that is not kept."""
        kept = {20: 148, 21: 149, 50: 178, 70: 198}.get(number, number)
        if kept not in self.counters.ram:
            return False
        self._send(b"\x5f" + str(self.counters.ram[kept]).encode() + b"\x00")
        return True

    def automatic_status(self, mask: int) -> None:
        """GS a n."""
        if not self.profile.asb:
            return
        self._asb = mask
        if mask & (ASB_DRAWER | ASB_ONLINE | ASB_ERROR | ASB_PAPER):
            self._asb_last = self._asb_bytes()
            self._send(self._asb_last)

    def _asb_bytes(self) -> bytes:
        moving = self.mechanism
        if self.profile.asb == 8:
            first = 0xC0 | 0x08 * (moving.cutter_error or moving.broken)
            second = 0xD0 | 0x08 * moving.cover_open | 0x01 * moving.paper_end
            return bytes((first, second, 0xD0 | moving.near_end, 0xD0 | 0x08 * (not self.drawer_open), 0xD0, 0xD0, 0xD0, 0xD0))
        paper = self._sensor(0x0C, near=True) >> 2 | self._sensor(0x60, near=False) >> 3
        return bytes(
            (
                0x10 | 0x04 * self.drawer_open | 0x08 * self.offline | 0x20 * moving.cover_open,
                0x08 * moving.cutter_error | 0x20 * moving.broken | 0x40 * moving.head_hot,
                paper,
                0x0F,
            )
        )

    def _watched(self, status: bytes) -> bytes:
        """The bits whose change is told, by the mask of GS a."""
        if self.profile.asb == 8:
            return status
        mask = self._asb
        first = 0x04 * bool(mask & ASB_DRAWER) | 0x28 * bool(mask & ASB_ONLINE)
        keep = (first, 0xFF * bool(mask & ASB_ERROR), 0xFF * bool(mask & ASB_PAPER), 0)
        return bytes(byte & bits for byte, bits in zip(status, keep, strict=True))

    # ------------------------------------------------------------ changes

    def changed(self) -> None:
        """Something that a sensor sees has changed: count it, tell it."""
        moving = self.mechanism
        now = self._now()
        rows, heated, cuts = self._counted
        self.counters.add(148, moving.rows_fed // 30 - rows // 30, now)
        self.counters.add(149, moving.rows_heated // 24 - heated // 24, now)
        self.counters.add(178, moving.cuts - cuts, now)
        self._counted = (moving.rows_fed, moving.rows_heated, moving.cuts)
        if self._asb:
            status = self._asb_bytes()
            if self._watched(status) != self._watched(self._asb_last):
                self._send(status)
            self._asb_last = status
        if self.offline and not self._was_offline and self._offline_response:
            causes = bytes((0x40 | moving.cover_open | 2 * moving.paper_end | 4 * moving.cutter_error,)) if self._offline_response == 2 else b""
            self._send(b"\x37\x23" + causes + b"\x00")
        self._was_offline = self.offline
