"""The register's own journal and sync lane against the receiver, over a real socket, signed."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager

import pytest
import requests

from offline_queue.errors import CloudBusy, CloudForbidden
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.pull import FilePull
from offline_queue.signature import Key
from offline_queue.signed_file import FileShelf
from offline_queue.sync import SyncLane
from offline_queue.transport import Credentials
from posagent.cloud.audit import audit
from posagent.cloud.embedded import EmbeddedReceiver
from posagent.cloud.receiver import Settings

SOURCE = "/t/acme/s/0042/r/2"
PROGRAM = """schema = 1
[program]
id = "acme-cafe"
version = 12
from = 2025-04-01
until = 2030-03-31
scope = { company = "acme", stores = ["*"] }
[accounts.points]
label = "ポイント"
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
"""


def sale(number, points=10, member="M1"):
    entries = [{"account": "points", "delta": points}]
    data = {"member": member, "entries": entries, "trace": {"mono_ms": number}}
    return NewEvent("posagent.sale.granted.v1", f"m:{member}", f"20261122/2/{number}/grant", "2026-11-22T12:34:56.123+09:00", data)


class Shop:
    """A receiver, and one enrolled register with its journal."""

    def __init__(self, directory):
        self.directory = directory
        self.cloud = EmbeddedReceiver(Settings(signed=True))
        self.url = self.cloud.start(directory / "cloud")
        with requests.Session() as session:
            place = {"store": "0042", "register": "2"}
            code = session.post(f"{self.url}/v1/enrolments?tenant=acme", json=place, timeout=10).json()["code"]
            self.given = session.post(f"{self.url}/v1/enrol", json={"code": code}, timeout=10).json()

    def credentials(self):
        return Credentials(Key(self.given["device"], bytes.fromhex(self.given["key"])))

    @contextmanager
    def register(self, name="journal", files=()):
        journal = Journal.open(self.directory / name, source=SOURCE, reserve_mb=1)
        lane = SyncLane(journal, self.url, credentials=self.credentials, stop=threading.Event(), files=files)
        try:
            yield journal, lane
        finally:
            lane._close_transport()
            journal.close()

    def read(self, question):
        return self.cloud.receiver.engine.read(lambda work: work.rows(question))



@pytest.fixture
def shop(tmp_path):
    found = Shop(tmp_path)
    yield found
    found.cloud.stop()


def drain(lane):
    while lane.round():
        pass


def test_sales_reach_the_ledger_once_across_an_outage(shop):
    with shop.register() as (journal, lane):
        for number in range(40):
            journal.put([sale(number)]).result(10)
        drain(lane)
        assert shop.read("SELECT amount FROM balance") == [(400,)]
        port = int(shop.url.rpartition(":")[2])
        shop.cloud.stop()
        journal.put([sale(41)]).result(10)
        with pytest.raises(CloudBusy):
            lane.round()
        shop.cloud.start(shop.directory / "cloud", port)
        drain(lane)
        assert shop.read("SELECT amount FROM balance") == [(410,)]
        assert lane.state().pending == 0
        assert shop.read("SELECT pending FROM stream") == [(0,)]


def test_a_register_whose_disk_was_restored_goes_on_under_a_new_stream_and_nothing_is_lost_or_doubled(shop):
    with shop.register() as (journal, lane):
        for number in range(10):
            journal.put([sale(number)]).result(10)
        drain(lane)
    shutil.copytree(shop.directory / "journal", shop.directory / "image")
    with shop.register() as (journal, lane):
        for number in range(10, 20):
            journal.put([sale(number)]).result(10)
        drain(lane)
    with shop.register("image") as (journal, lane):
        for number in range(100, 105):
            journal.put([sale(number)]).result(10)
        drain(lane)
        assert lane.state().pending == 0
    assert shop.read("SELECT amount FROM balance") == [(250,)]
    assert len(shop.read("SELECT stream_id FROM stream")) == 2
    assert shop.cloud.receiver.engine.read(audit).problems == []


def test_a_receiver_restored_from_a_backup_is_healed_by_the_registers_heartbeat(shop):
    database = shop.directory / "cloud" / "receiver.db"
    with shop.register() as (journal, lane):
        for number in range(10):
            journal.put([sale(number)]).result(10)
        drain(lane)
        shop.cloud.receiver.engine.backup(shop.directory / "backup.db")
        for number in range(10, 20):
            journal.put([sale(number)]).result(10)
        drain(lane)
        port = int(shop.url.rpartition(":")[2])
        shop.cloud.stop()
        for name in ("", "-wal", "-shm"):
            (database.parent / (database.name + name)).unlink(missing_ok=True)
        shutil.copy(shop.directory / "backup.db", database)
        shop.cloud.start(shop.directory / "cloud", port)
        assert shop.read("SELECT amount FROM balance") == [(100,)]
        lane._beat_at = 0.0  # the next heartbeat is due
        drain(lane)
        assert shop.read("SELECT amount FROM balance") == [(200,)]


def test_a_revoked_register_stops_and_keeps_its_sales(shop):
    with shop.register() as (journal, lane):
        journal.put([sale(1)]).result(10)
        drain(lane)
        with requests.Session() as session:
            session.post(f"{shop.url}/v1/devices/{shop.given['device']}/revoke?tenant=acme", timeout=10).raise_for_status()
        journal.put([sale(2)]).result(10)
        with pytest.raises(CloudForbidden):
            lane.round()
        assert lane.state().pending == 1


def test_programs_and_members_arrive_signed(shop):
    arrived = []
    shelf = FileShelf(shop.directory / "files", {name: bytes.fromhex(key) for name, key in shop.given["file_keys"].items()})
    pulls = [FilePull(name, shelf, arrived.append) for name in ("program", "members")]
    with requests.Session() as session:
        session.put(f"{shop.url}/v1/programs/*?tenant=acme", data=PROGRAM.encode(), timeout=10).raise_for_status()
        member = {"number": "2912345678901", "token": "M1", "rank": "gold"}
        session.post(f"{shop.url}/v1/members?tenant=acme", json=member, timeout=10).raise_for_status()
    with shop.register(files=pulls) as (_, lane):
        drain(lane)
        drain(lane)
    assert [(file.name, file.content[:10]) for file in arrived] == [("program", b"schema = 1"), ("members", b'{"as_of":"')]
    loaded = shelf.load("program")
    assert loaded is not None
    assert loaded.version == 12
