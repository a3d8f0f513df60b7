"""Owns how the next batch is cut from the journal: bodies as stored, withheld digests, both links."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from offline_queue.chain import digest, next_link
from offline_queue.cursor import Position
from offline_queue.errors import JournalDamaged
from offline_queue.reader import JournalReader
from offline_queue.wire import (
    CONTENT_DIGEST,
    CONTENT_TYPE,
    FIRST_SEQ,
    FLOOR,
    IDEMPOTENCY_KEY,
    LAST_CHAIN,
    MAX_DECODED_BYTES,
    MAX_EVENTS,
    MAX_WITHHELD,
    PREV_CHAIN,
    WITHHELD,
    Withheld,
    b64,
    content_digest,
    frame,
    withheld_header,
)

GZIP_LEVEL = 6  # 500 similar events: 15 bytes each; level 1 gives 20, level 9 gains nothing
_ROOM = MAX_DECODED_BYTES - 4 - 2 * MAX_EVENTS


class Batch(NamedTuple):
    """Contiguous events from ``sent.acked + 1`` to ``last``."""

    sent: Position
    last: int
    bodies: tuple[bytes, ...]
    withheld: tuple[Withheld, ...]
    last_chain: bytes

    @property
    def size(self) -> int:
        """Events in it, with or without their bodies."""
        return self.last - self.sent.acked


def cut(reader: JournalReader, sent: Position, limit: int) -> Batch | None:
    """The next batch of at most ``limit`` events; None when nothing waits. Raises JournalDamaged where a row does not fit the chain."""
    rows = reader.lines(sent.acked, min(limit, MAX_EVENTS), _ROOM)
    if not rows:
        return None
    home = reader.kept_home(rows[0][0], rows[-1][0])
    bodies: list[bytes] = []
    withheld: list[Withheld] = []
    seq, link = sent.acked, sent.chain
    for number, body, stored in rows:
        if number in home and len(withheld) == MAX_WITHHELD:
            break
        seq += 1
        mark = digest(body) if isinstance(body, bytes) else b""  # a damaged type turns a blob into text or nothing
        link = next_link(link, mark)
        if number != seq or link != stored:
            raise JournalDamaged(f"event {seq} does not fit the chain; restart posagent, which repairs the journal")
        if number in home:
            withheld.append(Withheld(seq, mark))
        else:
            bodies.append(body)
    return Batch(sent, seq, tuple(bodies), tuple(withheld), link)


def encode(batch: Batch) -> tuple[dict[str, str], bytes]:
    """Headers (without signature) and the coded payload."""
    payload = zlib.compress(frame(batch.bodies), GZIP_LEVEL, wbits=31)
    first = batch.sent.acked + 1
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Encoding": "gzip",
        CONTENT_DIGEST: content_digest(payload),
        FIRST_SEQ: str(first),
        PREV_CHAIN: b64(batch.sent.chain),
        LAST_CHAIN: b64(batch.last_chain),
        IDEMPOTENCY_KEY: f'"{batch.sent.stream}:{first}-{batch.last}"',
    }
    if batch.withheld:
        headers[WITHHELD] = withheld_header(batch.withheld)
    if batch.sent.floor_proof:
        headers[FLOOR] = withheld_header([Withheld(batch.sent.floor, batch.sent.chain)])
    return headers, payload
