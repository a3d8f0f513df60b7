"""Writes config/program.schema.json: the JSON Schema of a program file, learned from the reader itself.

    python tools/make_program_schema.py            writes it
    python tools/make_program_schema.py --check    exit 1 when the file is not what the reader says

The reader is run on a table that answers "yes, with every key" and records which keys are asked for and within which limits. So the schema
cannot forget a key that the reader knows, and a test compares the checked-in file with this.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posagent.loyalty.numbers import RATE_PATTERN, TIMES_PATTERN
from posagent.loyalty.program import read_table
from posagent.loyalty.read_rules import ID
from posagent.strict import Table

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "config" / "program.schema.json"
_NEEDED: Any = object()
_CLOCK = "([01][0-9]|2[0-4]):[0-5][0-9]"

# What the reader parses from a text by itself, so that the table cannot see its form.
_FORMS: dict[str, dict[str, Any]] = {
    "rate": {"pattern": f"^{RATE_PATTERN}$", "examples": ["1.25%"]},
    "off_rate": {"pattern": f"^{RATE_PATTERN}$", "examples": ["50%"]},
    "times": {"pattern": f"^{TIMES_PATTERN}$", "examples": ["1.5"]},
    "day_start": {"pattern": f"^{_CLOCK}$", "examples": ["05:00"]},
    "hours": {"pattern": f"^{_CLOCK}-{_CLOCK}$", "examples": ["14:00-17:00"]},
    "dates": {"pattern": r"^\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d$", "examples": ["2026-04-01..2026-04-30"]},
    "cooldown": {"pattern": "^(none|day|hours:[1-9][0-9]{0,3})$"},
}
_DATE = {"type": "string", "format": "date", "description": "a TOML date, without quotes"}


class Recorder(Table):
    """A table that has every key and remembers what was asked of it."""

    def __init__(self, path: str = "") -> None:
        super().__init__({}, path)
        self.schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}

    def __contains__(self, key: str) -> bool:
        return True

    def _note(self, key: str, default: Any, schema: dict[str, Any]) -> None:
        self.schema["properties"].setdefault(key, {k: value for k, value in schema.items() if value not in (None, "", ())})
        if default is _NEEDED and key not in self.schema.setdefault("required", []):
            self.schema["required"].append(key)
        elif default is not None and default not in (_NEEDED, (), "") and key not in ("id", "label"):  # those two follow from the place
            self.schema["properties"][key].setdefault("default", list(default) if isinstance(default, tuple) else default)

    def text(
        self, key: str, default: Any = _NEEDED, *, choices: Sequence[str] = (), pattern: str = "", wanted: str = "", longest: int = 1000
    ) -> Any:
        form = {"enum": list(choices)} if choices else {"pattern": f"^{pattern}$"} if pattern else _FORMS.get(key, {"maxLength": longest})
        self._note(key, default, {"type": "string", **form})
        return choices[0] if choices else None if default is None else "" if default is _NEEDED else default

    def integer(self, key: str, default: Any = _NEEDED, *, minimum: int | None = None, maximum: int | None = None) -> Any:
        self._note(key, default, {"type": "integer", "minimum": minimum, "maximum": maximum})
        return (minimum or 0) if default is _NEEDED else default

    def boolean(self, key: str, default: Any = _NEEDED) -> Any:
        self._note(key, None, {"const": True} if key in ("birth_month", "first") else {"type": "boolean"})
        return False if default is _NEEDED else default

    def day(self, key: str, default: Any = _NEEDED) -> Any:
        self._note(key, default, _DATE)
        return None

    def moment(self, key: str, default: Any = _NEEDED) -> Any:
        self._note(key, default, {"type": "string", "format": "date-time", "description": "a TOML time with an offset, without quotes"})
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00")

    def texts(self, key: str, default: Any = _NEEDED, *, choices: Sequence[str] = ()) -> Any:
        items = {"type": "string", **({"enum": list(choices)} if choices else {})}
        self._note(key, default, {"type": "array", "items": items})
        return () if default is _NEEDED else default

    def raw(self, key: str, default: Any = None) -> Any:
        if key == "until":  # of a coupon's validity
            self._note(key, None, {"anyOf": [{"const": "month_end"}, _DATE]})
        if key == "metric_window":
            self._note(key, None, {})
        return None if default == "lifetime" else default

    def table(self, key: str, *, required: bool = False) -> Table:
        child = Recorder(self.at(key))
        if key in ("rewards", "need", "per_sale"):  # keys are the author's own
            values = {"type": "string", "pattern": f"^{ID}$"} if key == "rewards" else {"type": "integer", "minimum": 0}
            names = {"propertyNames": {"pattern": "^[1-9][0-9]*$"}} if key == "rewards" else {}
            child.schema = {"type": "object", "properties": {}, "additionalProperties": values, **names}
        if key == "metric_window":
            self.schema["properties"][key] = {"anyOf": [{"const": "lifetime"}, child.schema]}
        else:
            self.schema["properties"].setdefault(key, child.schema)
        if required and key not in self.schema.setdefault("required", []):
            self.schema["required"].append(key)
        return child

    def tables(self, key: str) -> list[Table]:
        child = Recorder(self.at(key))
        self.schema["properties"][key] = {"type": "array", "items": child.schema}
        return [child]

    def each(self) -> list[tuple[str, Table]]:
        child = Recorder(self.at("*"))
        self.schema["additionalProperties"] = child.schema
        return [("points", child)]

    def complain(self, key: str, message: str) -> None:
        pass

    def finish(self, also_known: Sequence[str] = ()) -> None:
        pass


def program_schema() -> dict[str, Any]:
    """The schema as a dictionary."""
    root = Recorder()
    read_table(root)
    root.schema["required"] = ["program", "accounts", "earn"]
    root.schema["properties"]["schema"] = {"const": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://posagent.example/program.schema.json",
        "title": "posagent program file",
        "description": "The loyalty rules of a store, one version. Written in TOML; 'posagent program check' says more than a schema can.",
        **root.schema,
    }


def schema_text() -> str:
    """The file's text."""
    return json.dumps(program_schema(), ensure_ascii=False, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    """Writes or checks; returns the exit code."""
    if arguments == ["--check"]:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == schema_text()
        print("config/program.schema.json is up to date" if same else "config/program.schema.json is not what the reader says; run this tool")
        return 0 if same else 1
    if arguments:
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    TARGET.write_text(schema_text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
