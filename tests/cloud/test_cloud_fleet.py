"""Many registers against the real receiver, in the short form; `python -m tools.fleet` runs the long ones."""

from __future__ import annotations

import logging
import random
import threading

import pytest

from posagent.cloud import schema
from posagent.cloud.admission import Admission
from posagent.cloud.audit import audit
from posagent.cloud.engine import open_engine
from posagent.errors import StorageError
from tools.fleet import Stream, make_event
from tools.fleet_runs import backlog, herd, sockets, two


def test_a_backlog_with_restored_and_cloned_registers_ends_in_exact_books(database_url):
    figures = backlog(60, events=30, restored=8, clones=8, database=database_url)
    assert figures["events"] >= 60 * 30
    assert figures["streams"] > 60  # the ones that found out that they are copies went on under a new stream


def test_a_herd_after_an_hours_outage_drains_about_as_fast_as_is_possible():
    figures = herd(900)
    assert figures["times_ideal"] <= 1.15
    assert figures["requests_per_register"] <= 2.2
    assert figures["peak_times_capacity"] <= 7


def test_registers_on_real_sockets_survive_a_receiver_that_is_killed_and_away():
    figures = sockets(50, events=30, outage_s=0.3)
    assert figures["events"] == 1500
    assert figures["unreachable"] > 0


def test_two_processes_on_one_postgresql_keep_exact_balances(postgres_url):
    figures = two(postgres_url, registers=8, events=120)
    assert figures["events"] > 8 * 120
    assert figures["verdict duplicate"] > 30
    assert figures.get("unreachable", 0) == 0


def test_writers_that_lose_a_race_try_again_and_nothing_is_counted_twice(postgres_url):
    """SERIALIZABLE as the database's default makes the engine's own isolation level decide; a raised 40001 makes it start over."""
    import psycopg

    engine = open_engine(postgres_url)
    tries = []

    def body(work):
        tries.append(1)
        work.merge(schema.BALANCE, [("acme", "M1", "points", 5)])
        if len(tries) < 3:
            raise (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)[len(tries) - 1]("injected")

    engine.write(body)
    assert len(tries) == 3
    assert engine.read(lambda work: work.rows("SELECT amount FROM balance")) == [(5,)]
    assert engine.read(lambda work: work.rows("SELECT current_setting('transaction_isolation')")) == [("read committed",)]
    with pytest.raises(StorageError, match="races"):
        engine.write(lambda work: (_ for _ in ()).throw(psycopg.errors.SerializationFailure("always")))
    engine.close()


def test_a_real_deadlock_is_survived(postgres_url):
    engine = open_engine(postgres_url)
    engine.write(lambda work: work.merge(schema.BALANCE, [("acme", name, "points", 0) for name in ("A", "B")]))
    meet = threading.Barrier(2)

    def cross(first, second):
        entered = []

        def body(work):
            work.merge(schema.BALANCE, [("acme", first, "points", 1)])
            if not entered:
                entered.append(1)
                meet.wait(10)
            work.merge(schema.BALANCE, [("acme", second, "points", 1)])

        engine.write(body)

    threads = [threading.Thread(target=cross, args=pair) for pair in (("A", "B"), ("B", "A"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert engine.read(lambda work: work.rows("SELECT amount FROM balance ORDER BY member")) == [(2,), (2,)]
    engine.close()


def test_a_database_that_refuses_costs_503_and_is_said_once(sqlite_cloud, register, caplog):
    cloud = sqlite_cloud
    caplog.set_level(logging.ERROR, "posagent.cloud.app")
    cloud.send(register, 1, 1)
    cloud.receiver.engine._writer.execute("PRAGMA query_only=ON")
    assert {cloud.send(register, 2, 3).status for _ in range(10)} == {503}
    cloud.receiver.engine._writer.execute("PRAGMA query_only=OFF")
    cloud.sync(register)
    assert cloud.balances("M1") == {"points": 30}
    assert len([record for record in caplog.records if "nothing of this request" in record.message]) == 1


def test_connections_that_died_in_a_failover_are_made_again_without_a_word(postgres_cloud, register):
    import psycopg

    cloud = postgres_cloud
    for number in range(30):  # every worker thread has a connection
        register.put(make_event(register.place, f"x{number}", "M1", {"points": 1}))
        cloud.sync(register)
    with psycopg.connect(cloud.url, autocommit=True) as other:
        victims = "datname = current_database() AND pid <> pg_backend_pid()"
        other.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {victims}")  # noqa: S608 - ours
    for number in range(30):
        register.put(make_event(register.place, f"y{number}", "M1", {"points": 1}))
        cloud.sync(register)
    assert cloud.balances("M1") == {"points": 90}


def test_a_postgresql_that_is_gone_costs_503(postgres_cloud, register):
    cloud = postgres_cloud
    cloud.sync(register)
    cloud.receiver.engine._url = "postgresql://nobody@/nothing?host=/nonexistent"
    for connection in cloud.receiver.engine._all:
        connection.close()
    register.put(make_event(register.place, "z", "M1", {"points": 1}))
    assert cloud.send(register).status == 503
    cloud.receiver.engine._url = cloud.url
    cloud.sync(register)
    assert cloud.balances("M1") == {"points": 31}


def test_foreign_and_newer_databases_are_refused_untouched(tmp_path, postgres_url):
    import sqlite3
    from contextlib import closing

    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(StorageError, match="another program"):
        open_engine(f"sqlite:///{path}")
    open_engine(f"sqlite:///{tmp_path / 'ours.db'}").close()
    with closing(sqlite3.connect(tmp_path / "ours.db")) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StorageError, match="newer version"):
        open_engine(f"sqlite:///{tmp_path / 'ours.db'}")
    (tmp_path / "text.db").write_text("hello " * 1000)
    with pytest.raises(StorageError, match="not a database"):
        open_engine(f"sqlite:///{tmp_path / 'text.db'}")
    for bad in ("sqlite:///", "mysql://x", "nonsense", f"sqlite:///{tmp_path}/text.db/x.db"):
        with pytest.raises(StorageError):
            open_engine(bad)
    engine = open_engine(postgres_url)
    engine.write(lambda work: work.run("UPDATE meta SET value = '99' WHERE name = 'schema'"))
    engine.close()
    with pytest.raises(StorageError, match="newer version"):
        open_engine(postgres_url)


def test_an_audit_finds_a_balance_and_a_body_that_somebody_changed(cloud, register):
    cloud.sync(register)
    engine = cloud.receiver.engine
    assert engine.read(audit).problems == []
    engine.write(lambda work: work.run("UPDATE balance SET amount = amount + 1"))
    assert "the balance is 31, the events make 30" in engine.read(audit).problems[0]
    engine.write(lambda work: work.run("UPDATE event SET body = ? WHERE seq = 2", make_event(register.place, "x")))
    assert any("the chain breaks at 2" in line for line in engine.read(audit).problems)
    engine.write(lambda work: work.run("DELETE FROM event WHERE seq = 2"))
    assert any("2 to 2 are missing" in line for line in engine.read(audit).problems)


def test_a_backup_of_a_running_receiver_is_whole_and_registers_heal_what_it_lacks(sqlite_cloud, register, tmp_path):
    cloud = sqlite_cloud
    cloud.send(register, 1, 2)
    cloud.receiver.engine.backup(tmp_path / "copy.db")
    cloud.sync(register)
    register.acked = 3
    cloud.url = f"sqlite:///{tmp_path / 'copy.db'}"
    cloud.restart()
    register.put(make_event(register.place, "d/1/9/grant", "M1", {"points": 1}))
    problem = cloud.send(register)
    assert (problem.status, problem.expected) == (409, 3)
    register.learn(problem)
    cloud.sync(register)
    assert cloud.balances("M1") == {"points": 31}
    assert cloud.receiver.engine.read(audit).problems == []


# ---------------------------------------------------------------- admission


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_full_room_turns_away_and_spreads_the_returns_over_the_time_that_is_needed():
    clock = Clock()
    room = Admission(10, clock, random.Random(1).uniform)
    assert [room.enter(f"s{number}") for number in range(10)] == [None] * 10
    for _ in range(10):  # 10 a second
        clock.now += 0.1
        room.leave()
        assert room.enter("again") is None
    waits = [room.enter(f"t{number}") for number in range(1000)]
    assert None not in waits
    assert 80 <= max(waits) <= 103  # 1,000 streams at 10 a second
    assert min(waits[:20]) >= 1
    assert len(set(waits)) > 40
    room.expected = lambda: 100_000
    assert max(room.enter(f"u{number}") for number in range(300)) <= 300  # never longer than five minutes
    clock.now += 700
    room.expected = lambda: 0
    assert room.enter("v") <= 11  # the ones that were turned away long ago are forgotten


def test_a_stream_that_got_in_is_no_longer_waited_for(sqlite_cloud, register):
    sqlite_cloud.receiver.admission = Admission(0)
    reply, problem = sqlite_cloud.run(register.send(sqlite_cloud.app))
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert problem.type.endswith(":overload")
    sqlite_cloud.receiver.admission = Admission(1)
    sqlite_cloud.sync(register)
    assert sqlite_cloud.receiver.admission.inside == 0


def test_registers_that_are_overdue_are_counted(cloud):
    for number in range(3):
        stream = Stream(("acme", "0001", str(number)))
        stream.put(make_event(stream.place, f"k{number}"))
        cloud.sync(stream)
    cloud.clock.now += 1800
    assert cloud.receiver.silent_streams() in {0, 3}  # asked for in the background: known at the next look, or at this one already
    cloud.receiver.threads.submit(lambda: None).result(10)
    cloud.receiver._count_silent(cloud.receiver.now_ms())
    assert cloud.receiver.silent_streams() == 3
