"""The gate: every safety line, broken on purpose in a copy of the package, must turn a test red."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# (module, the line as it stands, the line broken, the test files of which one must notice)
MUTANTS = [
    ("database", '("synchronous", "FULL", 2)', '("synchronous", "NORMAL", 1)', "test_journal"),
    ("database", '("journal_mode", "WAL", "wal")', '("journal_mode", "DELETE", "delete")', "test_journal"),
    ("schema", "CREATE UNIQUE INDEX ev_idem", "CREATE INDEX ev_idem", "test_journal"),
    ("lock", "fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass", "test_journal"),
    ("ledger", "if said != business_digest(", "if not business_digest(", "test_journal"),
    ("wire", 'if name != "trace"', "if name", "test_journal test_wire"),
    ("writer", 'conn.execute("ROLLBACK TO work")', "pass", "test_print_lane"),
    ("writer", "return self._make_room()", "return False", "test_faults"),
    ("verify", "if link != stored:", "if not stored:", "test_damage"),
    ("proof", "elif gap and (chosen", "elif (chosen", "test_damage"),
    ("salvage", "old.replace(aside / old.name)", "old.unlink()", "test_damage"),
    ("startup", "if not clean and not wal_there:\n                rotate", "if False:\n                rotate", "test_damage"),
    ("ledger", 'conn.execute("DELETE FROM ev WHERE seq > ?", (head.seq,))', "pass", "test_journal"),
    ("ledger", "return new == len(rows)", "return True", "test_journal"),
    ("wire", "            _ENCODE(event).encode()", "            pass", "test_wire"),
    ("snapshots", "lambda: not go_on()", "lambda: False", "test_snapshots"),
    ("cursor", "if link != answer.chain:", "if not answer.chain:", "test_sync test_stateful"),
    ("cursor", "if own is None or own != link:", "if own is None:", "test_upkeep test_stateful"),
    ("cursor", "generation=meta_int(values, \"generation\")", "generation=0", "test_upkeep"),
    ("cursor", "        if sent.acked < item.seq <= until:", "        if False:", "test_sync"),
    ("upkeep", 'meta_int(values, "acked_seq"), floor + RETENTION_STEP', "floor + RETENTION_STEP", "test_upkeep"),
    ("upkeep", "resolved IS NULL AND status IN ('rejected', 'conflict'))\"", "resolved = 'never')\"", "test_upkeep"),
    ("rotate", "if len(times) >= PER_DAY:", "if len(times) > 1000:", "test_sync"),
    ("rotate", "stream = new_stream(conn)", 'stream = str(values["stream_id"])', "test_sync"),
    ("batch", "if number in home:", "if False:", "test_sync"),
    ("sync", "min(answer.acked, batch.last)", "answer.acked", "test_upkeep"),
    ("sync", "1 if self._failures >= BREAKER else self._limit", "self._limit", "test_sync"),
    ("print_lane", "if now.state not in _FROM[state]:", "if False:", "test_print_lane"),
    ("print_lane", "if now.attempt != job.attempt:", "if False:", "test_print_lane"),
    ("signed_file", "if there is not None and file.version <= there.version:", "if False:", "test_wire test_transport"),
    ("signature", "if missing:", "if False:", "test_wire"),
    ("transport", "if size > most_bytes:", "if False:", "test_transport"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("module", "line", "broken", "tests"), MUTANTS, ids=[f"{one[0]}: {one[1].strip()[:50]}" for one in MUTANTS])
def test_a_broken_safety_line_turns_a_test_red(tmp_path: Path, module: str, line: str, broken: str, tests: str) -> None:
    shutil.copytree(ROOT / "offline_queue", tmp_path / "offline_queue", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "offline_queue" / f"{module}.py"
    source = path.read_text("utf-8")
    assert source.count(line) == 1, f"the line stands {source.count(line)} times in {module}.py"
    path.write_text(source.replace(line, broken), "utf-8")
    files = [str(HERE / f"{name}.py") for name in tests.split()]
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", "-o", f"pythonpath={tmp_path} {ROOT}",
            "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), *files,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-2000:]


def test_every_mutant_still_finds_its_line() -> None:
    for module, line, _, _ in MUTANTS:
        assert (ROOT / "offline_queue" / f"{module}.py").read_text("utf-8").count(line) == 1, f"{module}: {line}"
