"""Owns the record of access decisions: each goes into the journal as an event of its own, without any secret."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from offline_queue.errors import JournalError
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from posagent import events as ev
from posagent.checkout import Rules
from posagent.errors import StorageError
from posagent.events import draft
from posagent.pairing_slip import pairing_slip
from posagent.slips import Lang, to_json

_COMMIT_S = 8.0
PAIRING_SERIAL = re.compile(r"-P[0-9a-f]{8}$")
"""How the serial of a slip with a pairing code ends; a customer's ends with a number."""


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a pairing code is printed, and what stands above it."""

    printer: str
    store_name: str
    lang: Lang


class AccessLog:
    """Called from the HTTP server's threads; every call waits for the disk. Raises StorageError."""

    def __init__(self, journal: Journal, rules: Callable[[], Rules], trace: Mapping[str, Any]) -> None:
        self._journal, self._rules, self._trace = journal, rules, trace

    def note(self, what: str, circumstances: Mapping[str, object]) -> None:
        """Puts a decision on record."""
        self._put(what, circumstances, ())

    def print_code(self, paper: Paper, code: str, name: str, origin: str) -> None:
        """Queues the slip with a pairing code, with its record in the same transaction."""
        now, place = datetime.now().astimezone(), self._rules().place
        serial = f"{place.store}-{place.register}-{self._rules().day(now).replace('-', '')}-P{uuid.uuid4().hex[:8]}"
        slip = pairing_slip(serial, paper.store_name, place.register, now, paper.lang, code, name, origin)
        self._put("pairing_printed", {"name": name, "origin": origin, "serial": serial}, [NewJob(paper.printer, serial, to_json(slip))])

    def _put(self, what: str, circumstances: Mapping[str, object], jobs: Sequence[NewJob]) -> None:
        now, rules = datetime.now().astimezone(), self._rules()
        at = now.isoformat(timespec="milliseconds")
        noted = draft(
            ev.ACCESS_NOTED,
            place=rules.place,
            idemkey=f"access/{uuid.uuid4()}",
            at=at,
            business_date=rules.day(now),
            operator="system",
            role="system",
            program=rules.register.program,
            data={"what": what, "access": dict(circumstances)},
            trace={"at": at, **self._trace},
        )
        try:
            self._journal.put([NewEvent(noted.type, noted.subject, noted.idemkey, noted.time, noted.data)], jobs).result(_COMMIT_S)
        except (JournalError, TimeoutError) as trouble:
            why = trouble or "the disk did not answer in time"
            raise StorageError(f"this was not recorded, so it is not done: {why}; try again") from trouble
