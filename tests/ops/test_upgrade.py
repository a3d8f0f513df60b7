"""What an update asks of the installed version: copies, a trial on the copy, a package to go back to, and what is unsent."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from posagent import upgrade
from posagent.errors import SettingsError, StorageError

SOURCE = "/t/acme/s/0042/r/R2"


@pytest.fixture
def register(till):
    """A register's folder with a journal of three events."""
    journal = Journal.open(till.directory / "journal", source=SOURCE, reserve_mb=0)
    for number in range(3):
        event = NewEvent("posagent.test.v1", "x", f"test/{number}", "2026-11-22T12:00:00.000+09:00", {"n": number})
        journal.put([event]).result(10)
    journal.close()
    return till


def test_the_journal_is_copied_beside_itself_for_its_owner_alone(register) -> None:
    made = upgrade.copy_journal(register.directory / "journal", "2.0", 1)
    assert made == register.directory / "journal/upgrade/queue.db"
    assert oct(made.parent.stat().st_mode & 0o777) == "0o700"
    again = upgrade.copy_journal(register.directory / "journal", "2.0", 1)
    assert [path.name for path in again.parent.iterdir()] == ["queue.db"]


def test_while_the_agent_runs_it_is_copied_as_well(till) -> None:
    till.start()
    assert upgrade.copy_journal(till.directory / "journal", "2.0", 1)
    assert upgrade.check(till.settings).endswith("the journal's copy opens, 1 events")
    assert till.stop() == 0


def test_without_a_journal_there_is_nothing_to_copy(till) -> None:
    assert upgrade.copy_journal(till.directory / "journal", "2.0", 1) is None
    assert "there is no journal yet" in upgrade.check(till.settings)
    assert upgrade.unsent(till.directory / "journal") == 0


def test_a_version_that_could_not_read_the_journal_is_refused_before_anything_changes(register) -> None:
    with pytest.raises(StorageError, match=r"form is 1, posagent 0\.0\.1 reads up to 0"):
        upgrade.copy_journal(register.directory / "journal", "0.0.1", 0)
    assert not (register.directory / "journal/upgrade").exists()


def test_a_damaged_journal_is_told_and_not_copied(register) -> None:
    (register.directory / "journal/queue.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageError, match="cannot be read"):
        upgrade.copy_journal(register.directory / "journal", "2.0", 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_on_a_full_disk_the_update_is_refused_and_nothing_is_left_over(register) -> None:
    """A real disk of 16 MB."""
    small = register.directory / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(small)], check=True)
    try:
        shutil.copytree(register.directory / "journal", small / "journal")
        with pytest.raises(StorageError, match="Make room") as refused:
            upgrade.copy_journal(small / "journal", "2.0", 1)
        assert refused.value.code == "E506"
        assert list((small / "journal/upgrade").iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_the_new_version_tries_the_copy_and_leaves_it_as_it_was(register) -> None:
    copy = upgrade.copy_journal(register.directory / "journal", "2.0", 1)
    before = copy.read_bytes()
    assert upgrade.check(register.settings) == "the settings are good; the journal's copy opens, 3 events"
    assert copy.read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == ["queue.db"]


def test_a_copy_that_cannot_be_used_is_told(register) -> None:
    copy = upgrade.copy_journal(register.directory / "journal", "2.0", 1)
    with sqlite3.connect(copy) as newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(StorageError, match="newer posagent"):
        upgrade.check(register.settings)
    register.settings.write_text("[register]\n")
    with pytest.raises(SettingsError):
        upgrade.check(register.settings)


def test_what_head_office_has_not_got_is_counted_and_noted_for_a_purge(register, capsys) -> None:
    assert upgrade.main(["--settings", str(register.settings), "unsent", "--note"]) == 0
    assert capsys.readouterr().out == "3\n"
    assert (register.directory / "journal/unsent").read_text() == "3\n"


def test_troubles_end_in_an_exit_code_and_words(register, capsys) -> None:
    assert upgrade.main(["--settings", str(register.settings), "copy", "--to", "0.0.1", "--reads", "0"]) == 69
    assert capsys.readouterr().err.startswith("posagent: [E500] ")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="not a Debian system")
def test_the_installed_package_is_packed_from_its_own_files(tmp_path: Path) -> None:
    """With a package that every Debian has."""
    first = upgrade.repack("1", tmp_path, package="hostname")
    fields = subprocess.run(["dpkg-deb", "--field", str(first), "Package", "Status"], capture_output=True, text=True, check=True).stdout
    assert fields.splitlines() == ["Package: hostname"]
    listed = subprocess.run(["dpkg-deb", "--contents", str(first)], capture_output=True, text=True, check=True).stdout
    assert "root/root" in listed
    assert "./bin/hostname" in listed or "./usr/bin/hostname" in listed
    second = upgrade.repack("2", tmp_path, package="hostname")
    assert first.exists()  # dpkg may be reading it just now
    third = upgrade.repack("3", tmp_path, package="hostname")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([second.name, third.name])


def test_a_package_that_is_not_there_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="dpkg-query"):
        upgrade.repack("1", tmp_path, package="posagent-of-nobody")
    assert list(tmp_path.iterdir()) == []
