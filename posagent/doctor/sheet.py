"""Owns the doctor's screen: one line for what is well, three for what is not, and the same as JSON. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from posagent.doctor.examine import Looked
from posagent.doctor.finding import Level
from posagent.doctor.words import Language, name_of, said

SIGNS: dict[Level, str] = {"ok": "✓", "unknown": "?", "warning": "!", "problem": "✗"}
_WORDS = {
    "ja": {"well": "正常", "skipped": "省略", "problem": "問題", "warning": "注意", "unknown": "調べられないもの", "todo": "対処",
           "all": "問題は見つかりませんでした"},
    "en": {"well": "well", "skipped": "skipped", "problem": "problems", "warning": "warnings", "unknown": "not looked at", "todo": "next",
           "all": "Nothing is wrong"},
}  # fmt: skip


def lines(looked: Iterable[Looked], language: Language, *, colour: bool = False) -> Iterator[str]:
    """The screen: what needs somebody first, gravest first, then what is well in one paragraph, then the sum."""
    words, everything = _WORDS[language], list(looked)
    for level in ("problem", "warning", "unknown"):
        for one in everything:
            for found in one.findings:
                if found.level == level:
                    told = said(found.words, found.values, language)
                    yield _painted(f"{SIGNS[found.level]} {one.check.id} {name_of(one.check.id, language)}: {told.wrong}", found.level, colour)
                    yield f"    {words['todo']}: {told.todo}"
                    if found.detail:
                        yield f"    ({' / '.join(found.detail.split(chr(10)))[:300]})"
    well = [name_of(one.check.id, language) for one in everything if one.level == "ok" and not one.skipped]
    if well:
        yield _painted(f"{SIGNS['ok']} {words['well']}: {('、' if language == 'ja' else ', ').join(well)}", "ok", colour)
    skipped = [name_of(one.check.id, language) for one in everything if one.skipped]
    if skipped:
        yield f"- {words['skipped']}: {('、' if language == 'ja' else ', ').join(skipped)}"
    counts = {level: sum(found.level == level for one in everything for found in one.findings) for level in ("problem", "warning", "unknown")}
    yield "  ".join(f"{words[level]} {count}" for level, count in counts.items() if count) or words["all"]


def as_json(looked: Iterable[Looked]) -> dict[str, Any]:
    """``{"schema": 1, "level": …, "checks": [{"id", "name", "level", "findings": [{"level", "key", "ja", "en", "detail"}]}]}``."""
    checks = [
        {
            "id": one.check.id,
            "name": {"ja": name_of(one.check.id, "ja"), "en": name_of(one.check.id, "en")},
            "level": "skipped" if one.skipped else one.level,
            "findings": [
                {"level": found.level, "key": found.words, "detail": found.detail}
                | {language: said(found.words, found.values, language)._asdict() for language in ("ja", "en")}
                for found in one.findings
            ],
        }
        for one in looked
    ]
    worst = next((level for level in ("problem", "warning", "unknown") if any(check["level"] == level for check in checks)), "ok")
    return {"schema": 1, "level": worst, "checks": checks}


def _painted(line: str, level: Level, colour: bool) -> str:
    return f"\x1b[{ {'ok': 32, 'unknown': 36, 'warning': 33, 'problem': 31}[level] }m{line}\x1b[0m" if colour else line
