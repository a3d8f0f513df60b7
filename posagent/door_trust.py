"""Owns how far a door's reading is trusted: a door pre-fills until so many of its sales were confirmed, and again after one that was wrong.

A sale is confirmed when the amount that was then recorded for it, typed by the cashier or told by the POS itself, is the amount that was read.
The count is kept on disk beside the journal, for each door and each text of its profile: a changed profile begins anew.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from offline_queue.events import Event
from offline_queue.journal import Journal
from posagent import events as ev

_log = logging.getLogger(__name__)
NEEDED = 20
WINDOW_S = 120.0
"""What is typed later than this belongs to another sale."""
_TYPES = (ev.SALE_SEEN, ev.SALE_GRANTED)
_AT_ONCE = 100
LOOK_S = 30.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a door has earned."""

    confirmed: int = 0
    mismatches: int = 0
    last_wrong: str = ""  # "read 1,080, recorded 1,800"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A profile that a technician chose for a door while the settings named another ("": none)."""

    profile: str
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class _Offer:
    key: str
    total: int
    at_s: float


class Trust:
    """One door's. ``lost`` is called when a sale was read wrong. From any thread; a lock guards three small values."""

    def __init__(
        self, book: TrustBook | None, key: str, *, needed: int = NEEDED, lost: Callable[[Standing], None] = lambda standing: None
    ) -> None:
        self._book, self._key, self._needed, self._lost = book, key, needed, lost
        self._offer: _Offer | None = None
        self._guard = threading.Lock()

    @property
    def standing(self) -> Standing:
        """Now."""
        return self._book.standing(self._key) if self._book is not None else Standing()

    @property
    def needed(self) -> int:
        """Confirmed sales in a row."""
        return self._needed

    @property
    def earned(self) -> bool:
        """Whether the cashier's OK is not asked any more."""
        return self._book is None or self.standing.confirmed >= self._needed

    def offered(self, key: str, total: int) -> None:
        """A sale was read and pre-filled, or granted."""
        with self._guard:
            self._offer = _Offer(key, total, time.monotonic())

    def withdrawn(self, key: str) -> None:
        """What was read is a sale that was on record before it was read: what is typed next is another one's amount."""
        with self._guard:
            if self._offer is not None and self._offer.key == key:
                self._offer = None

    def recorded(self, data: Mapping[str, Any]) -> None:
        """A paid sale is on record: `sale_seen` or `sale_granted`."""
        with self._guard:
            offer = self._offer
            if self._book is None or offer is None or not data.get("paid"):
                return
            if time.monotonic() - offer.at_s > WINDOW_S:
                self._offer = None
                return
            same_sale, by_hand = data.get("key") == offer.key, data.get("door") == "typed"
            if not same_sale and not by_hand:
                return
            if same_sale and self.earned and not by_hand and data.get("amount") == offer.total:
                return  # our own word proves nothing
            self._offer = None
            before, amount = self.standing, int(data["amount"])
            if amount == offer.total:
                self._book.write(self._key, replace(before, confirmed=before.confirmed + 1))
                return
            wrong = replace(before, confirmed=0, mismatches=before.mismatches + 1, last_wrong=f"read {offer.total:,}, recorded {amount:,}")
            self._book.write(self._key, wrong)
        _log.warning("%s: %s; the cashier's OK is asked again", self._key, wrong.last_wrong)
        self._lost(wrong)


NO_TRUST_NEEDED = Trust(None, "")
"""Of a door whose technician vouches for it (trust = "grant")."""


class TrustBook:
    """All doors' standings, and the profiles that were chosen for them, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._kept: dict[str, Standing] = {}
        self._chosen: dict[str, Chosen] = {}
        try:
            told: Any = json.loads(path.read_text("utf-8"))
            self._kept = {key: Standing(**standing) for key, standing in told["doors"].items()}
            self._chosen = {door: Chosen(str(one["profile"]), str(one["instead_of"])) for door, one in told.get("profiles", {}).items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as trouble:
            _log.warning("%s: %s; every door earns its trust anew", path, trouble)

    def standing(self, key: str) -> Standing:
        """What a door has earned."""
        return self._kept.get(key, Standing())

    def write(self, key: str, standing: Standing) -> None:
        """On disk before it counts; where it cannot be written it does not count."""
        with self._guard:
            kept = {**self._kept, key: standing}
            try:
                self._write(kept, self._chosen)
            except OSError as trouble:
                _log.warning("%s: %s; the sale is not counted for or against its door", self._path, trouble.strerror)
                if standing.confirmed:
                    return
            self._kept = kept

    def chosen(self, door: str) -> Chosen | None:
        """The profile that was chosen for a door; None: the settings' own."""
        return self._chosen.get(door)

    def choose(self, door: str, chosen: Chosen | None) -> None:
        """On disk before it counts. Raises OSError."""
        with self._guard:
            others = {name: one for name, one in self._chosen.items() if name != door}
            now = others | ({door: chosen} if chosen else {})
            self._write(self._kept, now)
            self._chosen = now

    def _write(self, kept: Mapping[str, Standing], chosen: Mapping[str, Chosen]) -> None:
        beside = self._path.with_suffix(".new")
        told = {"doors": {name: asdict(each) for name, each in kept.items()}, "profiles": {door: asdict(one) for door, one in chosen.items()}}
        with beside.open("w", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


def watch_trust(
    journal: Journal, trusts: Callable[[], Sequence[Trust]], stopping: threading.Event, news: threading.Event, beside: Callable[[], None]
) -> None:
    """A thread's work: tells every door what was recorded, until stopped. ``news`` wakes it; ``beside`` is done whenever it is awake."""
    journal.subscribe(lambda _seq: news.set())
    reader = journal.reader()
    seq = reader.head()[0]
    while not stopping.is_set():
        news.wait(LOOK_S)
        news.clear()
        beside()
        head = reader.head()[0]
        while found := reader.events(seq, _AT_ONCE, _TYPES):
            seq = found[-1].seq
            _tell(found, trusts())
        seq = max(seq, head)


def _tell(found: Sequence[Event], trusts: Sequence[Trust]) -> None:
    for event in found:
        for trust in trusts:
            trust.recorded(event.data)
