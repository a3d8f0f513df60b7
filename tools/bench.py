"""Owns `make bench`: runs every tools/bench_*.py and prints one JSON object per line.

Each module has `measure() -> list[dict]` of ``{"name", "value", "unit", "goal", "better", "how"}``; goal is null where there is none. Values
are ratios, counts, or times that are only compared within the run: these machines are noisy.

    python -m tools.bench [WORD ...]     only the modules whose names hold one of the words
"""

from __future__ import annotations

import json
import sys
import traceback
from importlib import import_module
from pathlib import Path

KEYS = ("name", "value", "unit", "goal", "better", "how")


def main(words: list[str]) -> int:
    """0 when every module measured; a module that fails says so and the others go on."""
    failed = 0
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        if words and not any(word in path.stem for word in words):
            continue
        try:
            rows = import_module(f"tools.{path.stem}").measure()
        except Exception:  # noqa: BLE001 - a benchmark that breaks must not hide the others' figures
            traceback.print_exc()
            failed += 1
            continue
        for row in rows:
            print(json.dumps({key: row.get(key) for key in KEYS}, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
