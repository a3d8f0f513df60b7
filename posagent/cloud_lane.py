"""Owns the cloud lane's part in the agent: the sync client with this register's credentials and with the files that it pulls."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from offline_queue.journal import Journal
from offline_queue.pull import FilePull
from offline_queue.signature import Key
from offline_queue.sync import SyncLane, Timing
from offline_queue.transport import Credentials
from posagent.credentials import read_credentials
from posagent.settings import CloudSettings


def cloud_lane(journal: Journal, settings: CloudSettings, files: Sequence[FilePull], stop: threading.Event) -> SyncLane:
    """The lane, not yet running. The credentials are read anew after a refusal: enrolment may have written a new key meanwhile."""

    def credentials() -> Credentials:
        if settings.credentials is None:
            return Credentials()
        own = read_credentials(settings.credentials)
        return Credentials(Key(own.device, own.key))

    return SyncLane(
        journal, settings.url, credentials=credentials, stop=stop, files=files, timing=Timing(heartbeat_s=settings.heartbeat_s)
    )
