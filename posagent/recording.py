"""Owns how what the counter asks for gets on record: drafts become events, a commit becomes the store's answer.

Everything waits for the disk here: nothing is told before the disk has it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from offline_queue.errors import EventRefused, JournalError, KeyConflict, QueueFull
from offline_queue.events import NewEvent, NewJob, Stored
from offline_queue.journal import Journal
from posagent.checkout import Now
from posagent.counter_parts import Answered, Commit, PrintJob
from posagent.errors import Refused, StorageError
from posagent.events import SALE_GRANTED, Draft

_log = logging.getLogger(__name__)

COMMIT_S = 10.0
"""How long a put may take before it counts as failed. The disk may still finish it; the same business key then answers "duplicate"."""


class Recording:
    """Used by the dispatcher alone. ``printer``: where slips go; None: nowhere. ``trace``: what every event says of this process."""

    def __init__(self, journal: Journal, printer: str | None, trace: Mapping[str, Any]) -> None:
        self._journal, self._printer, self._trace = journal, printer, trace
        self.newest = datetime.fromtimestamp(0, UTC)
        """The time of the newest event on record, by which a clock that runs back is found out."""

    def commit(self, commit: Commit, now: Callable[[], Now]) -> Answered:
        """Stores all of it, or nothing, and says what became of it. ``now``: the moment of the answer."""
        events = [self._event(draft) for draft in commit.drafts]
        try:
            stored = self._put(events, commit.jobs)
        except KeyConflict as conflict:
            return Answered(now(), commit.intent, "conflict", conflict.stored.id, conflict.stored.data)
        except EventRefused as refused:  # what a door sent cannot be written down; nothing of it is stored
            _log.error("%s", refused)
            return Answered(now(), commit.intent, "refused", "", {})
        except QueueFull as full:
            _log.error("%s", full)
            return Answered(now(), commit.intent, "full", "", {})
        except (JournalError, TimeoutError) as trouble:
            _log.error("nothing was recorded: %s", trouble or "the disk did not answer in time")
            return Answered(now(), commit.intent, "failed", "", {})
        lead = next((event for event in events if event.type == SALE_GRANTED), events[0])
        shown = stored.event if stored.duplicate else lead
        self.newest = max(self.newest, datetime.fromisoformat(lead.time))
        return Answered(now(), commit.intent, "duplicate" if stored.duplicate else "stored", shown.id, shown.data, stored.jobs)

    def record(self, draft: Draft, jobs: Sequence[PrintJob] = ()) -> Stored:
        """One event beside the counter's, with its slips. Raises KeyConflict, StorageError, Refused."""
        try:
            return self._put([self._event(draft)], jobs)
        except EventRefused as refused:
            raise Refused(str(refused), code="E622") from refused
        except QueueFull as full:
            raise StorageError(f"nothing was recorded: {full}", code="E506") from full
        except KeyConflict:
            raise
        except (JournalError, TimeoutError) as trouble:
            raise StorageError(f"nothing was recorded: {trouble or 'the disk did not answer in time'}; try again") from trouble

    def _put(self, events: Sequence[NewEvent], jobs: Sequence[PrintJob]) -> Stored:
        to_print = [NewJob(self._printer, job.serial, job.document) for job in jobs] if self._printer else []
        return self._journal.put(events, to_print).result(COMMIT_S)

    def _event(self, draft: Draft) -> NewEvent:
        data = {**draft.data, "trace": {**draft.data["trace"], **self._trace, "mono_ms": time.monotonic_ns() // 1_000_000}}
        return NewEvent(draft.type, draft.subject, draft.idemkey, draft.time, data)
