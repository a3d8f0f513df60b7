"""Owns the virtual printer as a whole: reception, power, links, and the knobs that a clerk, a cable and bad luck turn.

One lock guards everything; every public method may be called from any thread. Nothing here runs by itself: whoever serves the printer
(`tcp`, `pty_port`, `usb_backend`) calls `run` as often as `due_in_s` says, and so does every call that looks at it.

    printer = VirtualPrinter(T3_80, ManualClock())
    link = printer.connect()
    link.send(b"\\x1b@...")          # as many bytes as the receive buffer takes
    clock.advance(1.0)
    link.receive(); printer.slips()
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from virtual_counter.clock import Clock, RealClock
from virtual_counter.faults import Countdown
from virtual_counter.firmware import DrawerKick, Firmware
from virtual_counter.interpreter import Interpreter
from virtual_counter.link import Link
from virtual_counter.mechanism import Mechanism
from virtual_counter.paper import PhysicalSlip
from virtual_counter.profiles import T3_80, PrinterProfile
from virtual_counter.reception import Reception

Action = Callable[["VirtualPrinter"], None]
LinkState = Literal["up", "refused", "silent"]


class VirtualPrinter:
    """A printer of some profile. ``oddities`` lists what no real one of that model would have understood."""

    def __init__(self, profile: PrinterProfile = T3_80, clock: Clock | None = None) -> None:
        self.profile = profile
        self.clock: Clock = clock or RealClock()
        self.on_change: list[Callable[[], None]] = []  # called under the lock: only wake somebody up
        self.answer_filter: Callable[[bytes], bytes] | None = None  # garbles, doubles or swallows answers
        self._changed = threading.Condition(threading.RLock())
        self._mechanism = Mechanism(profile, self._sensed)
        self._firmware = Firmware(profile, self._mechanism, self._device_now, self._answer, self._answer_id, lambda: self._reception.clear())
        self._interpreter = Interpreter(profile, self._mechanism, self._firmware)
        self._reception = Reception(profile, self._mechanism, self._interpreter, self._firmware.real_time)
        self._powered = True
        self._cable: LinkState = "up"
        self._power_drop: LinkState = "refused"
        self._link: Link | None = None
        self._answers = 0
        self._byte_faults: Countdown[Action] = Countdown()
        self._row_faults: Countdown[Action] = Countdown()
        self._answer_faults: Countdown[Action] = Countdown()
        self._due_actions: list[Action] = []
        self._running = False
        self._mechanism.rows_until_fault = lambda: self._row_faults.left(self._mechanism.rows_fed)
        self._firmware.power_on()
        self.clock.listeners.append(self._clock_moved)

    # ------------------------------------------------------------ what anybody can see

    @property
    def oddities(self) -> list[str]:
        """Every command, parameter or character that the printer could not make sense of, in order."""
        with self._changed:
            return list(self._interpreter.oddities)

    @property
    def ignored(self) -> list[str]:
        """Well-formed commands for features that this model has not."""
        with self._changed:
            return list(self._interpreter.ignored)

    @property
    def wraps(self) -> int:
        """Lines that broke because a character had no room."""
        with self._changed:
            return self._interpreter.line.wraps

    @property
    def kicks(self) -> list[DrawerKick]:
        """Every pulse to the drawer."""
        with self._changed:
            self.run()
            return list(self._firmware.kicks)

    @property
    def lock(self) -> threading.Condition:
        """The one lock; hold it for as long as two looks have to agree."""
        return self._changed

    @property
    def link_state(self) -> LinkState:
        """``refused``: the line is down and says so; ``silent``: it swallows everything."""
        with self._changed:
            return self._cable if self._powered or self._cable != "up" else self._power_drop

    @property
    def powered(self) -> bool:
        """The switch is on."""
        return self._powered

    @property
    def drawer_open(self) -> bool:
        """The drawer's sensor."""
        with self._changed:
            self.run()
            return self._firmware.drawer_open

    @property
    def paper_left_mm(self) -> int:
        """What is on the roll."""
        with self._changed:
            return round(self._mechanism.rows_left / self.profile.dots_per_mm)

    @property
    def totals(self) -> dict[str, int]:
        """Since the printer was made, for faults and checks: beeps, bytes received, bytes lost, answers, rows, cuts, nv_writes."""
        with self._changed:
            self.run()
            return {
                "beeps": self._firmware.beeps, "bytes": self._reception.received, "lost": self._reception.lost, "answers": self._answers,
                "rows": self._mechanism.rows_fed, "cuts": self._mechanism.cuts,
                "nv_writes": self._firmware.nv_writes,
            }  # fmt: skip

    @property
    def last_moved_at(self) -> float:
        """Device time at which paper or blade last moved."""
        with self._changed:
            self.run()
            return self._mechanism.time

    @property
    def idle(self) -> bool:
        """Nothing is waiting to be interpreted or printed (a half-received command may hang)."""
        with self._changed:
            self.run()
            return self._reception.empty and self._mechanism.idle

    def state(self) -> dict[str, bool]:
        """Lamps for a page: powered, online, cover_open, paper_end, paper_near_end, cutter_error, drawer_open, connected."""
        with self._changed:
            self.run()
            moving = self._mechanism
            return {
                "powered": self._powered, "online": self._powered and not moving.stopped, "cover_open": moving.cover_open,
                "paper_end": moving.paper_end, "paper_near_end": moving.near_end, "cutter_error": moving.cutter_error,
                "drawer_open": self._firmware.drawer_open, "connected": self._link is not None,
            }  # fmt: skip

    def slips(self) -> list[PhysicalSlip]:
        """All paper so far, oldest first; the last one may still hang in the printer."""
        with self._changed:
            self.run()
            return self._mechanism.paper.slips()

    def take_slips(self) -> list[PhysicalSlip]:
        """The slips that were cut or torn off since the last call."""
        with self._changed:
            self.run()
            return self._mechanism.paper.take()

    # ------------------------------------------------------------ the clerk's hands

    def paper_out(self, after_rows: int = 0) -> None:
        """The roll ends after so many more rows."""
        with self._changed:
            self._mechanism.rows_left = after_rows
            self._settle()

    def load_paper(self, length_mm: int = 80_000) -> None:
        """Puts in a new roll; the printer goes on where it stopped."""
        with self._changed:
            self.run()
            self._mechanism.paper.new_roll()
            self._mechanism.rows_left = self.profile.rows(length_mm)
            self._settle()

    def cover(self, is_open: bool) -> None:
        """Opens or closes the cover."""
        with self._changed:
            self.run()
            self._mechanism.cover_open = is_open
            self._settle()

    def cutter_jam(self) -> None:
        """Something sticks in the cutter: the next cut fails."""
        with self._changed:
            self.run()
            self._mechanism.jam = True
            self._settle()

    def clear_cutter(self) -> None:
        """Takes it out; the printer waits for DLE ENQ (or its power switch)."""
        with self._changed:
            self._mechanism.jam = False
            self._settle()

    def head_hot(self, is_hot: bool) -> None:
        """The head is too hot to print; it goes on by itself when it has cooled."""
        with self._changed:
            self.run()
            self._mechanism.head_hot = is_hot
            self._settle()

    def break_down(self) -> None:
        """An error that only a technician mends."""
        with self._changed:
            self.run()
            self._mechanism.broken = True
            self._settle()

    def close_drawer(self) -> None:
        """Pushes the drawer in."""
        with self._changed:
            self._firmware.drawer_open = False
            self._settle()

    def tear(self) -> PhysicalSlip:
        """Tears off what hangs out of the printer."""
        with self._changed:
            self.run()
            slip = self._mechanism.paper.tear()
            self._settle()
            return slip

    # ------------------------------------------------------------ power and cable

    def power_cut(self, *, silent: bool = False) -> None:
        """The plug is pulled: RAM is gone, the paper stays. ``silent``: the host's connection notices nothing (a network printer)."""
        with self._changed:
            if not self._powered:
                return
            self.run()
            self._powered = False
            self._power_drop = "silent" if silent else "refused"
            self._firmware.counters.settle(self._device_now(), self.profile.nv_flush_s)
            self._firmware.counters.power_lost()
            self._reception.power_lost()
            self._interpreter.power_on()
            self._drop_link()
            self._tell()

    def power_on(self) -> None:
        """The printer starts up."""
        with self._changed:
            if self._powered:
                return
            self._powered = True
            if not self._mechanism.jam:
                self._mechanism.cutter_error = False
            self._firmware.power_on()
            self._drop_link()
            self._settle()

    def disconnect(self, *, silent: bool = False) -> None:
        """Pulls the cable: the link drops and new ones are refused, or everything sent is swallowed (``silent``)."""
        with self._changed:
            self.run()
            self._cable = "silent" if silent else "refused"
            if not silent:
                self._drop_link()
            self._tell()

    def reconnect(self) -> None:
        """Plugs the cable in again; the old link does not come back."""
        with self._changed:
            self._cable = "up"
            self._drop_link()
            self._settle()

    # ------------------------------------------------------------ fault scripts

    def at_byte(self, number: int, action: Action) -> None:
        """Does something right after so many more bytes have been received: ``printer.at_byte(120, VirtualPrinter.power_cut)``."""
        with self._changed:
            self._byte_faults.arm(self._reception.received + number, action)

    def at_row(self, number: int, action: Action) -> None:
        """Does something right after so many more rows have passed the head."""
        with self._changed:
            self.run()
            self._row_faults.arm(self._mechanism.rows_fed + max(number, 1), action)

    def after_answer(self, number: int, action: Action) -> None:
        """Does something when so many more answers have been sent (the answer itself still goes out)."""
        with self._changed:
            self._answer_faults.arm(self._answers + number, action)

    # ------------------------------------------------------------ links

    def connect(self, *, lossy: bool = False) -> Link:
        """Opens the line. Raises ConnectionRefusedError while it is down. ``lossy``: what has no room in the buffer is gone (serial
        without flow control). A second link takes over from the first."""
        with self._changed:
            if self.link_state == "refused":
                raise ConnectionRefusedError(f"{self.profile.name}: the line is down")
            self._drop_link()
            self._link = Link(self, lossy)
            return self._link

    def room(self) -> int:
        """Free bytes in the receive buffer."""
        with self._changed:
            self.run()
            return self._reception.room

    def take_in(self, link: Link, data: bytes) -> int:
        """Receives bytes from a link; called by `Link.send`. Returns how many were taken."""
        with self._changed:
            self.run()
            taken = 0
            while taken < len(data):
                if self.link_state == "silent":
                    return len(data)
                if self._link is not link:
                    return taken
                if not self._reception.room and not link.lossy:
                    break
                self._mechanism.ready_at = max(self._mechanism.ready_at, self.clock.now())
                taken += self._reception.take(data, taken, self._byte_faults.left(self._reception.received))
                self._due_actions += self._byte_faults.take(self._reception.received)
                self._run_due_actions()
                self.run()
            return taken

    def leave(self, link: Link) -> None:
        """The host has closed its end; what was received is still printed."""
        with self._changed:
            if self._link is link:
                self._link = None
                self._tell()

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.alive = False
            self._link = None

    def _answer(self, data: bytes) -> None:
        self._transmit(data, lambda link, due, answer: link.queue(due, answer))

    def _answer_id(self, data: bytes) -> None:
        self._transmit(data, lambda link, due, answer: link.queue_id(due, answer))

    def _transmit(self, data: bytes, put: Callable[[Link, float, bytes], None]) -> None:
        self._answers += 1
        answer = data if self.answer_filter is None else self.answer_filter(data)
        if self._link is not None and self.link_state == "up" and answer:
            put(self._link, self._device_now() + self.profile.answer_ms / 1000, answer)
        self._due_actions += self._answer_faults.take(self._answers)

    # ------------------------------------------------------------ life

    def run(self) -> None:
        """Catches up with the clock. Cheap when there is nothing to do."""
        with self._changed:
            if self._running:
                return  # a fault script turns a knob: the run that it interrupts goes on afterwards
            self._running = True
            now = self.clock.now()
            busy = False
            try:
                while self._powered and (self._reception.interpret(self._interrupted) or self._mechanism.step(now) or self._due_actions):
                    busy = True
                    self._due_actions += self._row_faults.take(self._mechanism.rows_fed)
                    self._run_due_actions()
            finally:
                self._running = False
            self._firmware.counters.settle(now, self.profile.nv_flush_s)
            if busy:
                self._tell()

    def _device_now(self) -> float:
        """The moment at which the printer is: while it catches up with the clock, that of the row under the head."""
        if self._running:
            return min(max(self._mechanism.time, self._mechanism.ready_at), self.clock.now())
        return self.clock.now()

    def due_in_s(self) -> float | None:
        """Real seconds until `run` has something to do; None: not before somebody does something."""
        with self._changed:
            now = self.clock.now()
            times = [] if not self._powered else [self._mechanism.due_in(now)]
            if self._link is not None:
                times.append(self._link.due_in(now))
            known = [at for at in times if at is not None]
            return self.clock.real_seconds(min(known)) if known else None

    def wait(self, timeout_s: float) -> None:
        """Sleeps until something has changed, or the time is over, or the printer itself has something to do."""
        with self._changed:
            due = self.due_in_s()
            self._changed.wait(timeout_s if due is None else min(timeout_s, due))
            self.run()

    def _interrupted(self) -> bool:
        return bool(self._due_actions)

    def _run_due_actions(self) -> None:
        while self._due_actions:
            self._due_actions.pop(0)(self)

    def _sensed(self) -> None:
        self._firmware.changed()

    def _settle(self) -> None:
        """After a knob was turned."""
        self._mechanism.resume_at(self._device_now())
        if self._powered:
            self._firmware.changed()
        self.run()
        self._tell()

    def _clock_moved(self) -> None:
        with self._changed:
            self.run()
            self._tell()

    def _tell(self) -> None:
        self._changed.notify_all()
        for callback in tuple(self.on_change):
            callback()
