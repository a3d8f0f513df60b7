"""The whole device side against a model: any order of sales, losses, restarts, restored disks and receivers; every grant exactly once."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offline_queue.chain import digest, next_link
from offline_queue.errors import CloudHeld, CloudTrouble, KeyConflict
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.schema import meta, set_meta
from offline_queue.sync import Credentials, SyncLane
from offline_queue.upkeep import RETENTION_STEP, purge

from receiver_model import Model  # isort: skip

SOURCE = "/t/acme/s/0042/r/2"


def _grant(number: int, points: int) -> NewEvent:
    return NewEvent("posagent.sale.granted.v1", "m:1", f"k{number}", "2026-11-22T12:00:00+09:00", {"points": points})


class Register(RuleBasedStateMachine):
    """``told``: what the cashier was told is recorded (key -> points), less what was on a disk that is gone and on no receiver."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="queue-model-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.model = Model()
        self.told: dict[str, int] = {}
        self.image: tuple[Path, dict[str, int]] | None = None
        self.backup: Model | None = None
        self.number = 0
        self.images = 0

    @initialize()
    def start(self) -> None:
        self._open(self.home / "disk0")

    def _open(self, directory: Path) -> None:
        self.directory = directory
        self.journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
        self.lane = SyncLane(self.journal, self.model.url, credentials=Credentials, stop=threading.Event(), connect=self.model.connect)

    # ------------------------------------------------ the till

    @rule(count=st.integers(1, 4))
    def sell(self, count: int) -> None:
        events = [_grant(self.number + step, 10 + step) for step in range(count)]
        self.number += count
        stored = self.journal.put(events).result(60)
        assert not stored.duplicate
        assert len(stored.seqs) == count
        self.told.update({event.idemkey: int(str(event.data["points"])) for event in events})

    @precondition(lambda self: self.told)
    @rule(pick=st.integers(0, 10_000), more=st.integers(0, 1))
    def repeat(self, pick: int, more: int) -> None:
        """The same receipt again: as it was (duplicate) or with another amount (conflict), unless retention has let go of it."""
        key = sorted(self.told)[pick % len(self.told)]
        if self.journal.reader().find(key) is None:
            return
        event = _grant(int(key[1:]), self.told[key] + more)
        if more:
            with pytest.raises(KeyConflict):
                self.journal.put([event]).result(60)
        else:
            assert self.journal.put([event]).result(60).duplicate

    # ------------------------------------------------ the line

    @rule(fault=st.sampled_from(["none", "none", "request", "answer"]))
    def exchange(self, fault: str) -> None:
        self.model.drop_request, self.model.drop_answer = fault == "request", fault == "answer"
        try:
            self.lane.round()
        except CloudHeld:
            self._next_day()
        except CloudTrouble:
            pass
        self.model.drop_request = self.model.drop_answer = False

    @rule()
    def heartbeat(self) -> None:
        self.lane._beat_at = 0.0
        self.exchange("none")

    @rule()
    def let_old_ones_go(self) -> None:
        """Retention, as if 35 days had gone by since everything that is acknowledged was. That time comes with an answer of a receiver that
        holds what it acknowledged, so there is an exchange first."""
        self.lane._beat_at = 0.0
        try:
            self.lane.round()
        except CloudTrouble:
            return

        def age(conn: sqlite3.Connection) -> None:
            conn.execute("INSERT OR REPLACE INTO mark(seq, at) VALUES(?, 1)", (meta(conn)["acked_seq"],))
            set_meta(conn, {"server_time": 1 << 40})

        self.journal.transact(age).result(60)
        self.backup = None  # a receiver's backup is never older than what the registers keep
        while self.journal.transact(purge).result(60) == RETENTION_STEP:
            pass

    # ------------------------------------------------ disasters

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self._open(self.directory)

    @rule()
    def take_an_image(self) -> None:
        self.journal.close()
        self.images += 1
        target = self.home / f"image{self.images}"
        shutil.copytree(self.directory, target)
        self.image = (target, dict(self.told))
        self._open(self.directory)

    @precondition(lambda self: self.image is not None)
    @rule()
    def restore_the_image(self) -> None:
        """What was sold since the image and never reached the receiver is lost with the disk; nothing else may be."""
        assert self.image is not None
        self.journal.close()
        image, then = self.image
        self.images += 1
        target = self.home / f"disk{self.images}"
        shutil.copytree(image, target)
        reached = {key: points for key, points in self.told.items() if key in self.model.grants}
        self.told = {**reached, **then}
        self.backup = None  # it could lack what only the lost disk had
        self._open(target)

    @rule()
    def back_up_the_receiver(self) -> None:
        self.backup = self.model.backup()

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore_the_receiver(self) -> None:
        assert self.backup is not None
        self.model.restore(self.backup)

    def _next_day(self) -> None:
        self.journal.transact(lambda conn: set_meta(conn, {"rotations": "[]"})).result(60)

    # ------------------------------------------------ what always holds

    @invariant()
    def nothing_is_granted_that_was_not_told_and_nothing_twice(self) -> None:
        self.model.check()
        for key, points in self.model.grants.items():
            assert self.told.get(key) == points

    @invariant()
    def the_chain_holds_and_what_waits_is_all_there(self) -> None:
        if not hasattr(self, "journal"):
            return
        reader = self.journal.reader()
        facts = reader.meta()
        seq, link = int(facts["floor_seq"]), facts["floor_chain"]
        assert int(facts["acked_seq"]) >= seq
        for number, body, stored in reader.lines(seq, 100_000):
            seq += 1
            link = next_link(link, digest(body))  # type: ignore[arg-type]
            assert (number, stored) == (seq, link)
        assert reader.head() == (seq, link)
        reader.close()

    def teardown(self) -> None:
        """In the end the line is good: everything that was told is in the ledger, once."""
        if hasattr(self, "journal"):
            self.lane._beat_at = 0.0
            for _ in range(60):
                try:
                    if not self.lane.round():
                        break
                except CloudHeld:
                    self._next_day()
            else:
                pytest.fail("the lane does not come to rest")
            self.journal.close()
            assert self.model.grants == self.told
        shutil.rmtree(self.home)


class TestRegister(Register.TestCase):
    settings = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
class TestRegisterLong(Register.TestCase):
    settings = settings(max_examples=1500, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
