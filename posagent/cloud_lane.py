"""Owns the cloud lane's part in the agent: who the register is to the receiver, read from the file that enrolment wrote."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from offline_queue.journal import Journal
from offline_queue.signature import Key
from offline_queue.sync import SyncLane, Timing
from offline_queue.transport import Credentials
from posagent.errors import SettingsError
from posagent.settings import CloudSettings


def cloud_lane(journal: Journal, settings: CloudSettings, stop: threading.Event) -> SyncLane:
    """The lane, not yet running. Raises SettingsError when the credentials cannot be read now."""
    read = _reader(settings.credentials)
    read()
    return SyncLane(journal, settings.url, credentials=read, stop=stop, timing=Timing(heartbeat_s=settings.heartbeat_s))


def _reader(path: Path | None) -> Callable[[], Credentials]:
    """Reads the file anew each time: after a refusal the lane asks again, and enrolment may have written a new key."""

    def read() -> Credentials:
        if path is None:
            return Credentials()
        try:
            given = json.loads(path.read_text("utf-8"))
            return Credentials(Key(given["device"], bytes.fromhex(given["key"])))
        except (OSError, ValueError, KeyError, TypeError) as trouble:
            raise SettingsError(f"{path}: the register's credentials cannot be read ({trouble}); enrol it again", code="E104") from trouble

    return read
