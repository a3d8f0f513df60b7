"""Members by number, and the program in force: what is broken never stops the till."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from posagent.errors import SettingsError
from posagent.events import Place
from posagent.members import MemberDirectory, code_hash, read_key
from posagent.program_store import keep, program_in_force

KEY = bytes(range(32))
PLACE = Place("acme", "cafe", "0042", "R2")
DAY = date(2026, 11, 22)
GOOD = """\
schema = 1
[program]
id = "shop"
version = {version}
until = 2026-11-30
[accounts.points]
label = "P"
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
"""


def snapshot(path: Path, **members: object) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps({"as_of": "2026-11-22T09:00:00Z", "members": members}), "utf-8")
    os.utime(scratch, ns=(0, snapshot.clock))
    snapshot.clock += 1_000_000_000
    scratch.replace(path)


snapshot.clock = 1_000_000_000_000_000_000


def test_an_unknown_number_is_an_unverified_member_under_a_keyed_hash() -> None:
    member = MemberDirectory(KEY, None).find("2012345678903")
    assert member.status == "unverified"
    assert member.token == "?" + code_hash(KEY, "2012345678903")
    assert "2012345678903" not in member.token
    assert member.token != MemberDirectory(bytes(32), None).find("2012345678903").token


def test_a_known_number_is_the_snapshots_member_and_a_new_snapshot_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "members.json"
    directory = MemberDirectory(KEY, path)
    assert directory.find("77").status == "unverified"
    snapshot(path, **{code_hash(KEY, "77"): {"token": "aoki", "rank": "gold", "balances": {"points": 5}}})
    assert (directory.find("77").token, directory.find("77").rank) == ("aoki", "gold")
    snapshot(path, **{code_hash(KEY, "77"): {"token": "aoki", "status": "blocked"}})
    assert directory.find("77").status == "blocked"


def test_a_broken_snapshot_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "members.json"
    snapshot(path, **{code_hash(KEY, "77"): {"token": "aoki"}})
    directory = MemberDirectory(KEY, path)
    assert directory.find("77").token == "aoki"
    path.write_text('{"members": [', "utf-8")
    assert directory.find("77").token == "aoki"


def test_the_key_is_made_once_and_kept_secret(tmp_path: Path) -> None:
    key = read_key(tmp_path / "code.key")
    assert read_key(tmp_path / "code.key") == key
    assert (tmp_path / "code.key").stat().st_mode & 0o077 == 0
    (tmp_path / "code.key").write_text("abcd")
    with pytest.raises(SettingsError, match="enrol"):
        read_key(tmp_path / "code.key")


def test_the_stores_own_program_is_in_force_when_it_holds(tmp_path: Path) -> None:
    file, kept = tmp_path / "p.toml", tmp_path / "kept.toml"
    file.write_text(GOOD.format(version=4), "utf-8")
    found = program_in_force(file, kept, PLACE, DAY)
    assert found.program is not None
    assert (found.program.reference, found.trouble) == ("shop@4", "")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("not toml", "not TOML"),
        (GOOD.format(version=5).replace("every", "evry"), "earn[1].every"),
        (GOOD.format(version=5) + '[[approval]]\nlevel = 1\nby = "a"\nat = 2026-11-01T10:00:00+09:00\ndecision = "rejected"\n', "rejected"),
        (GOOD.format(version=5).replace("[accounts", 'scope = { stores = ["0001"] }\n[accounts', 1), "0001"),
        (GOOD.format(version=5).replace("until = 2026-11-30", "from = 2027-01-01"), "2027-01-01"),
    ],
)
def test_a_program_that_does_not_hold_is_not_applied_and_the_last_good_one_stays(tmp_path: Path, broken: str, said: str) -> None:
    file, kept = tmp_path / "p.toml", tmp_path / "kept.toml"
    file.write_text(GOOD.format(version=4), "utf-8")
    keep(file, kept, program_in_force(file, kept, PLACE, DAY).digest)
    file.write_text(broken, "utf-8")
    found = program_in_force(file, kept, PLACE, DAY)
    assert found.program is not None
    assert found.program.reference == "shop@4"
    assert said in found.trouble
    assert "shop@4 stays in force" in found.trouble


def test_with_no_program_that_holds_nothing_is_granted(tmp_path: Path) -> None:
    found = program_in_force(tmp_path / "p.toml", tmp_path / "kept.toml", PLACE, DAY)
    assert found.program is None
    assert "there is no program file" in found.trouble


def test_a_program_past_its_last_day_has_a_week_of_grace_and_then_ends(tmp_path: Path) -> None:
    file, kept = tmp_path / "p.toml", tmp_path / "kept.toml"
    file.write_text(GOOD.format(version=4), "utf-8")
    assert program_in_force(file, kept, PLACE, date(2026, 12, 7)).program is not None
    assert program_in_force(file, kept, PLACE, date(2026, 12, 8)).program is None


def test_a_program_that_was_replaced_while_it_was_applied_is_not_kept(tmp_path: Path) -> None:
    file, kept = tmp_path / "p.toml", tmp_path / "kept.toml"
    file.write_text(GOOD.format(version=4), "utf-8")
    digest = program_in_force(file, kept, PLACE, DAY).digest
    file.write_text("half a file", "utf-8")
    keep(file, kept, digest)
    assert not kept.exists()
