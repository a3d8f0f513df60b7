"""Owns strict reading of TOML tables: every problem at once, each with its path, its line and, for a misspelt key, the nearest real one.

PURE: no I/O. `Table` hands out typed values; a value that is missing or wrong becomes a `Problem` and a harmless stand-in, so that reading
goes on and one run shows everything. Used for the settings, the program file, code rules and receipt profiles alike.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

_NO_DEFAULT: Any = object()


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint. ``path`` is dotted, list items counted from 1 as people do: ``earn[2].rate``."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


def line_numbers(text: str) -> dict[str, int]:
    """Maps the path of each table header and key to its line, by a plain look at line starts (keys of inline tables have their parent's)."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[\s*([^\]]+?)\s*\]\]", line):
            path = _counted(header[1], counts)
            counts[path] = counts.get(path, 0) + 1
            prefix = f"{path}[{counts[path]}]"
            lines[prefix] = number
        elif header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$", line):
            prefix = _counted(header[1], counts)
            lines[prefix] = number
        elif key := re.match(r"\s*([A-Za-z0-9_-]+|\"[^\"]*\")((?:\.[A-Za-z0-9_-]+)*)\s*=", line):
            path = key[1].strip('"') + key[2]
            lines.setdefault(f"{prefix}.{path}" if prefix else path, number)
    return lines


def _counted(header: str, counts: Mapping[str, int]) -> str:
    """A header's path with the numbers of the list items it stands in: after two [[earn]], [earn.when] is earn[2].when."""
    path = ""
    *parents, last = header.split(".")
    for part in parents:
        path = f"{path}.{part}" if path else part
        if path in counts:
            path = f"{path}[{counts[path]}]"
    return f"{path}.{last}" if path else last


class Table:
    """A TOML table under strict reading. Call `finish` when every known key has been asked for."""

    def __init__(
        self, values: Mapping[str, Any], path: str = "", *, problems: list[Problem] | None = None, lines: Mapping[str, int] | None = None
    ) -> None:
        self.values = values
        self.path = path
        self.problems: list[Problem] = [] if problems is None else problems
        self._lines = lines or {}
        self._asked: set[str] = set()

    @classmethod
    def parse(cls, text: str) -> Table:
        """The whole document. A syntax error becomes its only problem, with tomllib's own line and column."""
        try:
            return cls(tomllib.loads(text), lines=line_numbers(text))
        except tomllib.TOMLDecodeError as wrong:
            found = re.search(r"at line (\d+)", str(wrong))
            return cls({}, problems=[Problem("", f"not TOML: {wrong}", int(found[1]) if found else None)])

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> str:
        """The path of a key of this table."""
        return f"{self.path}.{key}" if self.path else key

    def line_of(self, path: str) -> int | None:
        """The line of a path, or of the nearest table around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = re.sub(r"(\.?[^.\[\]]+|\[\d+\])$", "", path)
        return None

    def complain(self, key: str, message: str) -> None:
        """Adds a problem at a key of this table (at the table itself when ``key`` is empty)."""
        path = self.at(key) if key else self.path
        self.problems.append(Problem(path, message, self.line_of(path)))

    def _take(self, key: str, default: Any, stand_in: Any, kinds: tuple[type, ...], wanted: str) -> tuple[Any, bool]:
        """(value, True) when the file gives a value of the right type, else (default or stand-in, False)."""
        self._asked.add(key)
        if key not in self.values:
            if default is _NO_DEFAULT:
                self.complain(key, f"is missing; give {wanted}")
                return stand_in, False
            return default, False
        value = self.values[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.complain(key, f"must be {wanted}, not {_shown(value)}")
            return stand_in if default is _NO_DEFAULT else default, False
        return value, True

    def text(
        self, key: str, default: Any = _NO_DEFAULT, *, choices: Sequence[str] = (), pattern: str = "", wanted: str = "", longest: int = 1000
    ) -> Any:
        """A string; None only where the default is None."""
        wanted = wanted or ("one of " + ", ".join(choices) if choices else "a text in quotes")
        value, given = self._take(key, default, choices[0] if choices else "", (str,), wanted)
        if given and choices and value not in choices:
            near = get_close_matches(value, choices, n=1)
            self.complain(key, f"must be {wanted}, not {_shown(value)}" + (f"; did you mean '{near[0]}'?" if near else ""))
            return choices[0]
        if given and (len(value) > longest or (pattern and not re.fullmatch(pattern, value))):
            self.complain(key, f"must be {wanted}" + ("" if pattern else f" of at most {longest} characters") + f", not {_shown(value)}")
        return value

    def integer(self, key: str, default: Any = _NO_DEFAULT, *, minimum: int | None = None, maximum: int | None = None) -> Any:
        """A whole number; None only where the default is None."""
        span = f" from {minimum or 0} to {maximum}" if maximum is not None else "" if minimum is None else f" of at least {minimum}"
        value, given = self._take(key, default, minimum or 0, (int,), "a whole number" + span)
        if given and ((minimum is not None and value < minimum) or (maximum is not None and value > maximum)):
            self.complain(key, f"must be a whole number{span}, not {value}")
            return minimum if minimum is not None and value < minimum else maximum
        return value

    def boolean(self, key: str, default: Any = _NO_DEFAULT) -> Any:
        """true or false."""
        return self._take(key, default, False, (bool,), "true or false")[0]

    def day(self, key: str, default: Any = _NO_DEFAULT) -> Any:
        """A date without a time."""
        value, given = self._take(key, default, date(1970, 1, 1), (date,), "a date like 2026-04-01 (without quotes)")
        if given and isinstance(value, datetime):
            self.complain(key, "must be a date without a time")
            return value.date()
        return value

    def moment(self, key: str, default: Any = _NO_DEFAULT) -> Any:
        """A date and time with an offset."""
        value, given = self._take(key, default, None, (datetime,), "a time like 2026-04-01T10:00:00+09:00 (without quotes)")
        if given and value.tzinfo is None:
            self.complain(key, "needs an offset, like +09:00")
        return value

    def texts(self, key: str, default: Any = _NO_DEFAULT, *, choices: Sequence[str] = ()) -> Any:
        """A list of strings, as a tuple."""
        value, given = self._take(key, default, (), (list,), "a list of texts")
        if not given:
            return value if value is None else tuple(value)
        for item in value:
            if not isinstance(item, str):
                self.complain(key, f"must hold texts only, not {_shown(item)}")
            elif choices and item not in choices:
                near = get_close_matches(item, choices, n=1)
                self.complain(key, f"knows {', '.join(choices)}, not {_shown(item)}" + (f"; did you mean '{near[0]}'?" if near else ""))
        return tuple(item for item in value if isinstance(item, str) and (not choices or item in choices))

    def raw(self, key: str, default: Any = None) -> Any:
        """The value as it stands, for a reader that checks it itself."""
        self._asked.add(key)
        return self.values.get(key, default)

    def table(self, key: str, *, required: bool = False) -> Table:
        """A sub-table; an empty one where it is absent."""
        value, _ = self._take(key, _NO_DEFAULT if required else {}, {}, (dict,), "a table")
        return self._child(value, self.at(key))

    def tables(self, key: str) -> list[Table]:
        """A list of tables, [[key]]."""
        value, given = self._take(key, [], [], (list,), f"tables written as [[{key}]]")
        found = []
        for number, item in enumerate(value if given else [], 1):
            if isinstance(item, dict):
                found.append(self._child(item, f"{self.at(key)}[{number}]"))
            else:
                self.complain(key, f"must be tables written as [[{key}]], not {_shown(item)}")
        return found

    def each(self) -> list[tuple[str, Table]]:
        """Every sub-table by its name, for tables whose keys are names of the user's own (`[accounts.points]`)."""
        self._asked.update(self.values)
        found = []
        for key, value in self.values.items():
            if isinstance(value, dict):
                found.append((key, self._child(value, self.at(key))))
            else:
                self.complain(key, f"must be a table, not {_shown(value)}")
        return found

    def finish(self, also_known: Sequence[str] = ()) -> None:
        """Complains about every key that nobody asked for."""
        known = sorted(self._asked | set(also_known))
        for key in self.values:
            if key not in self._asked:
                near = get_close_matches(key, known, n=1)
                advice = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known) or 'nothing'}"
                self.complain(key, f"is not a setting; {advice}")

    def _child(self, values: Mapping[str, Any], path: str) -> Table:
        return Table(values, path, problems=self.problems, lines=self._lines)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
