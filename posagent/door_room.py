"""Owns all sale doors of the agent together: their trust, their way to the counter, and teach mode with what it keeps in memory.

Teach mode ends by itself. While it is on, the last documents of the taught door are kept in memory, raw text and all, and nowhere else; what
the door reads only pre-fills, as ever before trust.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from offline_queue.errors import JournalError
from posagent.agent import Agent, Say
from posagent.door_sales import DoorSales
from posagent.door_trust import NO_TRUST_NEEDED, Chosen, Standing, Trust, TrustBook, watch_trust
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import PLAIN
from posagent.doors.receipt import Receipt, read_document
from posagent.doors.teach import Lesson, Taught, teach
from posagent.errors import PosagentError, Refused, SettingsError
from posagent.receipt_profiles import PROFILE_NAME, load_profile, profile_path, write_profile
from posagent.refunds import RefundDesk, RungUp
from posagent.settings import DeviceSettings

_log = logging.getLogger(__name__)
TEACH_S = 900.0
KEPT = 6
MOST_PROFILES = 6


@dataclass(frozen=True, slots=True)
class Captured:
    """A document in teach mode. ``number`` counts from 1 within one teaching."""

    number: int
    at: str
    document: Document


class Doors:
    """One for each agent. The doors' threads put in, the HTTP server's threads look and teach; a lock guards the ring."""

    def __init__(self, agent: Agent, directory: Path, refunds: RefundDesk) -> None:
        self._agent, self._book, self._refunds = agent, TrustBook(directory / "doors.json"), refunds
        self._rung_up: queue.SimpleQueue[RungUp] = queue.SimpleQueue()
        self._news = threading.Event()
        self._sales: dict[str, DoorSales] = {}
        self._trusts: dict[str, Trust] = {}
        self._options: dict[str, DeviceSettings] = {}
        self._guard = threading.Lock()
        self._taught = ""
        self._until = 0.0
        self._ring: deque[Captured] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, device: DeviceSettings) -> DoorSales:
        """A door of the settings. Raises SettingsError when the profile that they name is wrong."""
        trust = self._trust(device, device.options.get("profile", ""))
        sales = DoorSales(device.name, device.options, self._agent.post, trust=trust, seen=self._seen, refund=self._refund)
        self._sales[device.name], self._options[device.name] = sales, device
        if chosen := self._chosen(device.name):
            try:
                self._read_by(device.name, chosen)
            except SettingsError as trouble:
                _log.warning("%s: %s; it reads as the settings say", device.name, trouble)
        return sales

    def watch(self) -> None:
        """A thread's work, until the agent stops."""
        watch_trust(self._agent.journal, lambda: tuple(self._trusts.values()), self._agent.stopping, self._news, self._propose)

    def _refund(self, refund: RungUp) -> None:
        """From a door's thread, which carries a POS's bytes: the journal is searched in another."""
        self._rung_up.put(refund)
        self._news.set()

    def _propose(self) -> None:
        while not self._rung_up.empty():
            refund = self._rung_up.get()
            try:
                self._refunds.propose(refund)
            except JournalError as trouble:
                _log.error("%s: the sale of a refund could not be looked up: %s", refund.device, trouble)
                self._agent.post(Say("E633", {"device": refund.device, "amount": refund.amount}))

    def _trust(self, device: DeviceSettings, profile: str) -> Trust:
        """Vouched for is what the settings name; a profile that was chosen here earns its trust."""
        if device.options.get("trust", "grant") == "grant" and profile == device.options.get("profile", ""):
            self._trusts.pop(device.name, None)
            return NO_TRUST_NEEDED
        text = b""
        if profile:
            path = profile_path(profile, device.options.get("profiles", ""))
            text = path.read_bytes() if path.is_file() else b""
        key = f"{device.name}/{sha256(text).hexdigest()[:12]}"

        def lost(standing: Standing) -> None:
            self._agent.post(Say("E635", {"device": device.name, "why": standing.last_wrong}))
            if self._chosen(device.name):
                _log.warning("%s: the profile %s read an amount wrong; it reads as the settings say again", device.name, profile)
                try:
                    self.use(device.name, "")
                except Refused as trouble:  # it goes on reading, and only pre-fills
                    _log.error("%s: %s", device.name, trouble)

        self._trusts[device.name] = Trust(self._book, key, lost=lost)
        return self._trusts[device.name]

    # ------------------------------------------------------------ which profile

    def _chosen(self, door: str) -> str:
        """The profile that was chosen here; "" where none was, or where the settings name another since."""
        chosen = self._book.chosen(door)
        return chosen.profile if chosen and chosen.instead_of == self._options[door].options.get("profile", "") else ""

    def _read_by(self, door: str, name: str) -> None:
        """Raises SettingsError."""
        device = self._options[door]
        profile = load_profile(name, device.options.get("profiles", "")) if name else PLAIN
        self._sales[door].use(profile, self._trust(device, name))

    def use(self, door: str, name: str) -> None:
        """Reads by this profile from the next receipt on, after a restart too, until its trust is lost; "": by the settings' own again.
        Raises Refused (E632, E636)."""
        if door not in self._sales:
            raise Refused("there is no sale door of this name", code="E632")
        own = self._options[door].options.get("profile", "")
        if name and not PROFILE_NAME.fullmatch(name):
            raise Refused("a profile's name has small letters, digits, - and _", code="E636")
        try:
            if name:
                load_profile(name, self._options[door].options.get("profiles", ""))
            self._book.choose(door, Chosen(name, own) if name else None)
            self._read_by(door, name or own)
        except SettingsError as trouble:
            raise Refused(str(trouble), code="E636") from trouble
        except OSError as trouble:
            raise Refused(f"the choice was not kept: {trouble.strerror}; it reads as before", code="E500") from trouble

    def chosen(self, door: str) -> str:
        """The name of the profile that was chosen here; "": it reads as the settings say."""
        return self._chosen(door) if door in self._sales else ""

    def profiles(self, door: str) -> list[str]:
        """The names of the profiles in the door's own folder."""
        folder = self._options[door].options.get("profiles", "") if door in self._options else ""
        try:
            found = sorted(path.stem for path in Path(folder).iterdir() if path.suffix == ".toml") if folder else []
        except OSError:
            return []
        return [name for name in found if PROFILE_NAME.fullmatch(name)][:MOST_PROFILES]

    def settings_changed(self, devices: Sequence[DeviceSettings]) -> None:
        """A reload: the profiles that the settings name now; what is wrong is logged, and the door reads as before."""
        for device in devices:
            before = self._options.get(device.name)
            if before is None or before.options.get("profile", "") == device.options.get("profile", ""):
                continue
            self._options[device.name] = device
            try:
                self._read_by(device.name, device.options.get("profile", ""))
            except SettingsError as trouble:
                self._options[device.name] = before
                _log.error("%s: %s; it reads as before", device.name, trouble)

    # ------------------------------------------------------------ looking

    def standing(self, door: str) -> tuple[int, int] | None:
        """(confirmed, needed); None: nothing is needed."""
        trust = self._trusts.get(door)
        return (trust.standing.confirmed, trust.needed) if trust is not None else None

    def profile_name(self, door: str) -> str:
        """"" where there is none."""
        return self._sales[door].profile.name if door in self._sales else ""

    def teaching_s(self, door: str) -> float:
        """How long this door is still taught."""
        return max(0.0, self._until - time.monotonic()) if door == self._taught else 0.0

    def captured(self, door: str) -> list[tuple[Captured, Receipt]]:
        """What was read while teaching, with what is made of it now."""
        if not self.teaching_s(door):
            return []
        with self._guard:
            kept = list(self._ring)
        return [(one, read_document(one.document, self._sales[door].profile)) for one in kept]

    # ------------------------------------------------------------ teaching

    def teach(self, door: str, *, on: bool) -> None:
        """Begins anew, or ends and forgets. Raises Refused (E632)."""
        if door not in self._sales:
            raise Refused("there is no sale door of this name", code="E632")
        with self._guard:
            self._ring.clear()
            self._count = 0
            self._taught = door if on else ""
            self._until = time.monotonic() + TEACH_S if on else 0.0

    def learn(self, door: str, name: str, known: Sequence[tuple[int, int]]) -> tuple[Taught, str]:
        """A profile from (number of a captured document, its total), written to the door's folder; `use` makes it count.
        Returns what was learned and where it stands. Raises Refused (E636) where nothing can be learned, E601 for a name that is none."""
        if not PROFILE_NAME.fullmatch(name):
            raise Refused("a profile's name has small letters, digits, - and _", code="E601")
        with self._guard:
            kept = {one.number: one.document for one in self._ring} if self.teaching_s(door) else {}
        if any(number not in kept for number, _ in known):
            raise Refused("this receipt is no longer kept; print it once more", code="E636")
        taught = teach(name, [Lesson(kept[number], total) for number, total in known])
        if taught.text is None:
            raise Refused("; ".join(taught.why), code="E636")
        path = Path(self._options[door].options["profiles"]) / f"{name}.toml"
        try:
            write_profile(path, taught.text)
        except PosagentError as trouble:
            raise Refused(str(trouble), code="E636") from trouble
        return taught, str(path)

    def _seen(self, door: str, document: Document) -> None:
        if not self.teaching_s(door):
            return
        with self._guard:
            self._count += 1
            self._ring.append(Captured(self._count, datetime.now().astimezone().isoformat(timespec="seconds"), document))
