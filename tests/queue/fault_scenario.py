"""Owns a till that sells for ever (or ``COUNT`` sales) and says what became of each: for kills and for disks that report errors.

``python fault_scenario.py DIRECTORY RUN [COUNT]``; keys carry RUN, so that no run repeats another's.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from offline_queue import cursor
from offline_queue.answers import Answer
from offline_queue.errors import JournalError
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal


def tell(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def main() -> None:
    directory, run = Path(sys.argv[1]), sys.argv[2]
    numbers = range(int(sys.argv[3])) if len(sys.argv) > 3 else count()
    journal = Journal.open(directory, source="/t/a/s/1/r/1", reserve_mb=0)
    tell("open")
    for number in numbers:
        key = f"{run}-{number}"
        event = NewEvent("posagent.sale.granted.v1", "m:1", key, "2026-11-22T12:00:00+09:00", {"points": 1, "note": "x" * (number % 400)})
        try:
            journal.put([event], [NewJob("front", key, b"slip")]).result(60)
            tell(f"put {key}")
            if number % 10 == 9:
                sent = cursor.position(journal.reader().meta())
                head, link = journal.reader().head()
                answer = Answer(head, link, "2026-11-22T03:35:00Z")
                journal.transact(lambda conn, sent=sent, answer=answer, head=head: cursor.take(conn, sent, answer, head, 0)).result(60)  # type: ignore[misc]
                tell(f"acked {head}")
            if number % 50 == 49:
                journal._writer._upkeep._pages = 1 << 20
        except JournalError as trouble:
            tell(f"failed {key} {type(trouble).__name__} {journal.health().state}")
    journal.close()
    tell("end")


main()
