"""Owns a day at the till in forty steps, as a program that strace watches; it says on standard output what it tells the cashier.

``python crash_scenario.py DIRECTORY [MUTANT]``; a mutant breaks one safety line, and the crash matrix must notice.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from offline_queue import cursor, database, upkeep
from offline_queue.answers import Answer, Item
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from offline_queue.rotate import rotate
from offline_queue.schema import set_meta


def tell(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def _grant(number: int) -> NewEvent:
    said = {"points": number, "note": "x" * (number * 37 % 900)}
    return NewEvent("posagent.sale.granted.v1", "m:1", f"k{number}", "2026-11-22T12:00:00+09:00", said)


def _purge_early(conn: sqlite3.Connection, until: int, link: bytes) -> None:
    conn.execute("DELETE FROM ev WHERE seq <= ?", (until,))
    set_meta(conn, {"floor_seq": until, "floor_chain": link})


class Till:
    def __init__(self, directory: Path, mutant: str) -> None:
        self.mutant = mutant
        self.directory = directory
        self.number = 0
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.directory, source="/t/a/s/1/r/1", reserve_mb=0)
        self.lane = PrintLane(self.journal)

    def sell(self, count: int = 1) -> None:
        futures = []
        for _ in range(count):
            self.number += 1
            futures.append((self.number, self.journal.put([_grant(self.number)], [NewJob("front", f"S{self.number}", b"slip" * 50)])))
        for number, future in futures:
            future.result(60)
            tell(f"put k{number}")

    def print_one(self) -> None:
        job = self.lane.next("front")
        assert job is not None
        job = self.lane.sending(job, {"cut_before": 1})
        tell(f"job {job.id} SENDING")
        job = self.lane.handed(job, {"cut_before": 1})
        job = self.lane.settle(job, "CONFIRMED", "confirmed", "")
        tell(f"job {job.id} CONFIRMED")

    def acknowledge(self, count: int) -> None:
        """The receiver takes the next ``count``; every third is rejected."""
        sent = cursor.position(self.journal.reader().meta())
        until = min(sent.acked + count, self.journal.reader().head()[0])
        link = self.journal.reader().lines(until - 1, 1)[0][2]
        items = tuple(Item(seq, "rejected", "no such member") for seq in range(sent.acked + 1, until + 1) if seq % 3 == 0)
        answer = Answer(until, link, "2026-11-22T03:35:00.120Z", items)
        if self.mutant == "cursor-before-verdict":
            self.journal.transact(lambda conn: set_meta(conn, {"acked_seq": until, "acked_chain": link})).result(60)
        if self.mutant == "retention-before-cursor":
            self.journal.transact(lambda conn: _purge_early(conn, until, link)).result(60)
        self.journal.transact(lambda conn: cursor.take(conn, sent, answer, until, 0)).result(60)
        tell(f"acked {until}")

    def age(self) -> None:
        """Retention, as if a month had gone by."""
        acked = self.journal.reader().acked()

        def old(conn: sqlite3.Connection) -> None:
            conn.execute("INSERT OR REPLACE INTO mark(seq, at) VALUES(?, 1)", (acked,))
            conn.execute("UPDATE verdict SET resolved = 'x'")
            set_meta(conn, {"server_time": 1 << 40})

        for event in self.journal.reader().events(0, 10_000):
            if event.seq <= acked:
                tell(f"may-go {event.idemkey}")
        self.journal.transact(old).result(60)
        self.journal.transact(upkeep.purge).result(60)

    def checkpoint(self) -> None:
        self.journal._writer._upkeep._pages = upkeep.FORCED_PAGES
        self.sell()

    def restart(self) -> None:
        self.journal.close()
        self.open()

    def rotate(self) -> None:
        self.journal.transact(lambda conn: rotate(conn, "test")).result(60)
        tell("rotated")


def main() -> None:
    mutant = sys.argv[2] if len(sys.argv) > 2 else ""
    if mutant in ("NORMAL", "DELETE"):
        wanted = {"NORMAL": ("synchronous", "NORMAL", 1), "DELETE": ("journal_mode", "DELETE", "delete")}[mutant]
        database.PRAGMAS = tuple(wanted if line[0] == wanted[0] else line for line in database.PRAGMAS)  # type: ignore[misc]
        if mutant == "DELETE":
            database.checkpoint = lambda _conn, _mode="PASSIVE": (0, 0)  # type: ignore[assignment]
            upkeep.checkpoint = database.checkpoint
    till = Till(Path(sys.argv[1]), mutant)
    tell("open")
    till.sell()
    till.sell(3)
    till.print_one()
    till.acknowledge(2)
    till.checkpoint()
    till.sell()
    till.print_one()
    till.acknowledge(4)
    till.age()
    till.sell(2)
    till.restart()
    till.sell()
    till.acknowledge(2)
    till.checkpoint()
    till.rotate()
    till.sell(2)
    till.print_one()
    till.acknowledge(3)
    till.age()
    till.sell()
    till.journal.close()


main()
