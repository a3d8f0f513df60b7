"""Owns the cloud lane's part in the agent: the sync client with this register's credentials and with the files that it pulls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from offline_queue.journal import Journal
from offline_queue.pull import FilePull
from offline_queue.signature import Key
from offline_queue.sync import SyncLane, Timing
from offline_queue.transport import Credentials, Transport
from posagent.credentials import read_credentials
from posagent.settings import CloudSettings


def cloud_lane(journal: Journal, settings: CloudSettings, files: Sequence[FilePull], stop: threading.Event) -> SyncLane:
    """The lane, not yet running. The credentials are read anew after a refusal: enrolment may have written a new key meanwhile."""

    return SyncLane(
        journal, settings.url, credentials=lambda: _credentials(settings), stop=stop, files=files,
        timing=Timing(heartbeat_s=settings.heartbeat_s),
    )  # fmt: skip


def head_office(settings: CloudSettings) -> Callable[[float], Transport]:
    """How `posagent.authorise` opens its own line: with the same credentials, and with so many seconds to connect and to read."""
    return lambda limit_s: Transport(settings.url, _credentials(settings), connect_s=limit_s, read_s=limit_s)


def _credentials(settings: CloudSettings) -> Credentials:
    own = read_credentials(settings.credentials) if settings.credentials is not None else None
    pair = settings.certificate
    return Credentials(
        Key(own.device, own.key) if own is not None else None,
        (str(pair[0]), str(pair[1])) if pair is not None else None,
        str(settings.authority) if settings.authority is not None else None,
    )
