"""Owns asking for one signed file: conditional, verified, never backwards; the last good one stays whatever comes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from offline_queue.errors import CloudBusy, WireError
from offline_queue.signed_file import MAX_FILE_BYTES, PATH, FileShelf, SignedFile, from_answer
from offline_queue.transport import Exchange, retry_after_s

_log = logging.getLogger(__name__)


class FilePull(NamedTuple):
    """``arrived`` is called in the cloud lane's thread with a newer file that is already on disk; it must not block."""

    name: str
    shelf: FileShelf
    arrived: Callable[[SignedFile], None]


def pull(transport: Exchange, wanted: FilePull) -> bool:
    """True when a newer file came. Raises CloudBusy; everything that is wrong with a file is logged and the old one kept."""
    there = wanted.shelf.load(wanted.name)
    reply = transport.get(PATH + wanted.name, etag=f'"v{there.version}"' if there else "", most_bytes=MAX_FILE_BYTES)
    if reply.status in (304, 404):
        return False
    if reply.status == 429 or reply.status >= 500:
        raise CloudBusy(f"{transport.url}: {reply.status} for {wanted.name}", retry_after_s(reply))
    if reply.status != 200:
        _log.warning("%s not handed down: the receiver answers %d", wanted.name, reply.status)
        return False
    try:
        file = from_answer(wanted.name, reply.headers, reply.body)
        if not wanted.shelf.keep(file):
            return False
    except (WireError, OSError) as trouble:
        _log.error("%s that was handed down is not taken: %s; the one before stays", wanted.name, trouble)
        return False
    _log.info("%s version %d taken", file.name, file.version)
    wanted.arrived(file)
    return True
