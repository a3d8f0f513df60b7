"""The acceptance cases, and the tool that runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOOL = HERE.parents[1] / "tools" / "check_vectors.py"
CASES = json.loads((HERE / "vectors.json").read_text(encoding="utf-8"))["vectors"]
MORE = json.loads((HERE / "more_vectors.json").read_text(encoding="utf-8"))["vectors"]

sys.path.insert(0, str(TOOL.parent))
try:
    import check_vectors
finally:
    sys.path.remove(str(TOOL.parent))


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=lambda case: f"{case['id']}-{case['op']}")
def test_a_case_gives_what_it_expects(case: dict[str, object]) -> None:
    assert check_vectors.run_case(case) == []


def test_the_tool_prints_every_mismatch_and_fails(tmp_path: Path) -> None:
    good = {"id": "G", "op": "mask", "given": {"number": "123"}, "expect": {"printed": "**3"}}
    bad = {"id": "B", "op": "mask", "given": {"number": "123"}, "expect": {"printed": "123"}}
    other = {"id": "O", "op": "mask", "status": "contrast", "given": {"number": "123"}, "expect": {"printed": "123"}}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"vectors": [good, bad, other]}), encoding="utf-8")
    done = subprocess.run([sys.executable, str(TOOL), str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'B mask: printed: expected "123", found "**3"' in done.stdout
    assert "1 passed, 1 failed, 1 not asserted (contrast)" in done.stdout


@pytest.mark.parametrize(
    "case",
    [
        {"op": "nonsense", "given": {}, "expect": {}},
        {"op": "mask", "given": {}, "expect": {"printed": ""}},
        {"op": "earn", "given": {"earn": [{"evry": 100, "give": 1}], "lines": [{"amount": 1}]}, "expect": {"points": 0}},
        {"op": "earn", "given": {"earn": [{"every": 100, "give": 1}], "lines": [{"amount": 1}]}, "expect": {"error": "negative"}},
        {"op": "earn", "given": {"earn": [{"every": 100, "give": 1}], "lines": [{"amount": -1}]}, "expect": {"error": "range"}},
        {"op": "cooldown", "given": {"at": "2025-04-02T05:00:00+09:00"}, "expect": {"allow": 1}},
        {"op": "sequence", "given": {"events": []}, "expect": {"balances": {"m": 1}}},
    ],
    ids=["unknown op", "missing field", "unknown key", "no refusal", "other refusal", "number for boolean", "missing balance"],
)
def test_a_case_that_does_not_hold_is_reported(case: dict[str, object]) -> None:
    assert check_vectors.run_case(case)
