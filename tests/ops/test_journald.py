"""Log lines in systemd's journal, on a fake of its socket."""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys

import pytest

from posagent.errors import DeviceMissing
from posagent.journald import EVERY_S, FIRST, FORGET_S, MOST_KINDS, JournalHandler, RateLimit, message_id, stderr_is_the_journal


def decode(datagram: bytes) -> dict[str, str]:
    """The protocol read by its description, not by our writer."""
    fields = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", datagram)
            value, datagram = datagram[8 : 8 + length], datagram[8 + length + 1 :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def journal(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as made:
        made.bind(str(tmp_path / "socket"))
        yield made


@pytest.fixture
def log(journal, tmp_path):
    handler = JournalHandler(str(tmp_path / "socket"))
    logger = logging.Logger("posagent.test")  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    logger.handler = handler
    yield logger
    handler.close()


def test_a_line_carries_its_code_and_device(log, journal):
    log.warning("%s is %s", "printer-1", "held", extra={"code": "E210", "device": "printer-1"})
    fields = decode(journal.recv(65536))
    assert fields["MESSAGE"] == "printer-1 is held"
    assert fields["PRIORITY"] == "4"
    assert (fields["POSAGENT_CODE"], fields["POSAGENT_DEVICE"]) == ("E210", "printer-1")
    assert fields["MESSAGE_ID"] == message_id("E210")
    assert (fields["SYSLOG_IDENTIFIER"], fields["LOGGER"]) == ("posagent", "posagent.test")


def test_set_up_sends_plain_messages_where_stderr_is_the_journals(journal, tmp_path):
    reading, writing = os.pipe()
    status = os.fstat(writing)
    program = (
        "import logging, sys; from posagent import journald; journald.SOCKET = sys.argv[1]; journald.set_up(20); "
        "logging.getLogger('x').info('hello')"
    )
    environment = os.environ | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "socket")], stderr=writing, env=environment, check=True)
    os.close(writing)
    with open(reading, "rb") as stderr:
        assert stderr.read() == b""
    fields = decode(journal.recv(65536))
    assert (fields["MESSAGE"], fields["PRIORITY"], fields["LOGGER"]) == ("hello", "6", "x")


def test_a_code_has_one_id_on_every_register():
    assert message_id("E210") == "0ec8f355e0cf557088fa2deee2320404"
    assert message_id("E211") != message_id("E210")
    assert len(message_id("E211")) == 32


def test_japanese_and_lines_with_newlines_arrive_whole(log, journal):
    log.error("紙がありません\nPRIORITY=0\nlast")
    fields = decode(journal.recv(65536))
    assert fields["MESSAGE"] == "紙がありません\nPRIORITY=0\nlast"
    assert fields["PRIORITY"] == "3"


def test_a_trouble_among_the_values_brings_its_code(log, journal):
    log.warning("cannot open: %s", DeviceMissing("front: not there"))
    assert decode(journal.recv(65536))["POSAGENT_CODE"] == "E301"


def test_a_trace_comes_along(log, journal):
    try:
        raise DeviceMissing("front: not there")
    except DeviceMissing:
        log.critical("ended", exc_info=True)
    fields = decode(journal.recv(65536))
    assert "Traceback" in fields["MESSAGE"]
    assert (fields["PRIORITY"], fields["POSAGENT_CODE"]) == ("2", "E301")


def test_a_journal_that_is_gone_or_full_costs_a_line_and_nothing_else(log, journal):
    for _ in range(5000):  # more than its queue takes: nobody reads
        log.info("line")
    journal.close()
    log.info("line")


@pytest.fixture
def limited(log):
    now = [0.0]
    log.handler.addFilter(RateLimit(lambda: now[0]))
    log.now = now
    return log


def messages(journal) -> list[str]:
    found = []
    while True:
        try:
            found.append(decode(journal.recv(65536))["MESSAGE"])
        except BlockingIOError:
            return found


def test_of_one_code_five_lines_pass_then_one_a_minute_with_the_count(limited, journal):
    passed = []
    for number in range(100):
        limited.warning("paper %d", number, extra={"code": "E210", "device": "p"})
        limited.now[0] += 0.1
        passed += messages(journal)
    assert passed == [f"paper {number}" for number in range(FIRST)]
    limited.now[0] += EVERY_S
    limited.warning("paper", extra={"code": "E210", "device": "p"})
    assert messages(journal) == ["paper (and 95 more like this)"]
    limited.now[0] += FORGET_S + 1
    limited.warning("paper", extra={"code": "E210", "device": "p"})
    assert messages(journal) == ["paper"]


def test_another_device_another_code_and_another_text_are_of_another_kind(limited, journal):
    passed = []
    for _ in range(FIRST + 1):
        for device in ("a", "b"):
            for code in ("E210", "E211"):
                limited.warning("x", extra={"code": code, "device": device})
        limited.info("scan %s", "1")
        limited.info("sale %s", "1")
        passed += messages(journal)  # the socket's own queue is short
    assert len(passed) == FIRST * 6


def test_what_ends_the_process_is_never_held_back(limited, journal):
    passed = []
    for _ in range(FIRST * 2):
        limited.critical("ended")
        passed += messages(journal)
    assert len(passed) == FIRST * 2


def test_kinds_are_counted_in_bounded_memory(limited):
    for number in range(MOST_KINDS * 2):
        limited.info(f"a text of its own {number}")  # what a careless third party would write
    limiter = limited.handler.filters[0]
    assert len(limiter._kinds) == MOST_KINDS


def test_stderr_is_the_journal_only_where_systemd_says_so_of_this_very_file(monkeypatch):
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert stderr_is_the_journal() or sys.platform != "linux"
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino + 1}")
    assert not stderr_is_the_journal()
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not stderr_is_the_journal()


def test_a_device_that_comes_back_is_told_also_when_others_came_and_went_often(limited, journal) -> None:
    for _ in range(FIRST + 3):
        limited.info("%s is %s", "slips", "ready", extra={"code": "", "device": "slips"})
    limited.info("%s is %s", "gun", "ready", extra={"code": "", "device": "gun"})
    assert messages(journal)[-1] == "gun is ready"
