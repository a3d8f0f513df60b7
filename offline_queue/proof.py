"""Owns the judgement which rows of a damaged journal are what was written: by the chain where possible, by their own content otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from offline_queue.chain import digest, next_link
from offline_queue.errors import WireError
from offline_queue.pages import Row
from offline_queue.wire import decode_event


@dataclass(frozen=True, slots=True)
class Judged:
    """What may be carried on, and what not.

    ``rows``      ascending by number, one per number
    ``unproven``  numbers among them that are whole by their content, while the row before is gone and the chain cannot prove it
    ``damaged``   rows that are provably not what was written; their key, if it can be read, helps to find the receipt
    ``missing``   numbers of which nothing is left
    """

    rows: tuple[Row, ...]
    unproven: tuple[int, ...]
    damaged: tuple[Row, ...]
    missing: tuple[int, ...]


def judge(candidates: Iterable[Row], floor_seq: int, floor_link: bytes, last_known: int, *, certain: bool) -> Judged:
    """``floor_link``: the link before the first row, b"" where it is lost; ``certain``: whether that link is proven itself.
    ``last_known``: the highest number that the file is known to have had (the cursor), so that a lost tail is named as far as possible."""
    found: dict[int, list[Row]] = {}
    for row in candidates:
        versions = found.setdefault(row.seq, [])
        if row not in versions:
            versions.append(row)
    rows, unproven, damaged, missing = [], [], [], []
    links = {floor_link} if floor_link else set()  # what may stand before the next row
    gap = not certain  # the row before is gone altogether: then the next one's content is all there is to judge by
    for seq in range(min([floor_seq + 1, *found]), max([floor_seq, last_known, *found]) + 1):
        versions = found.get(seq, [])
        proven = _proven(versions, links, found.get(seq + 1, ()))
        if proven is not None:
            rows.append(proven[0])
            links, gap = {proven[1]}, False
            continue
        if not versions:
            if seq > floor_seq:
                missing.append(seq)
        elif gap and (chosen := next((row for row in versions if whole(row)), None)) is not None:
            rows.append(chosen)
            unproven.append(seq)
        else:
            damaged.append(versions[0])
        links, gap = {row.chain for row in versions}, not versions
    return Judged(tuple(rows), tuple(unproven), tuple(damaged), tuple(missing))


def _proven(versions: Iterable[Row], links: Iterable[bytes], following: Iterable[Row]) -> tuple[Row, bytes] | None:
    """The version that follows from one of ``links``, and the link after it. Where only the link that it carries is damaged, the next row
    tells."""
    for row in versions:
        for link in links:
            computed = next_link(link, digest(row.body))
            if computed == row.chain or any(next_link(computed, digest(after.body)) == after.chain for after in following):
                return row, computed
    return None


def whole(row: Row) -> bool:
    """Whether the body is an event and its key is the one that stands beside it."""
    try:
        fields: Mapping[str, object] = decode_event(row.body)
    except WireError:
        return False
    return fields["idemkey"] == row.idem


def ranges(numbers: Iterable[int]) -> str:
    """ "3, 7-9" for people."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in parts)
