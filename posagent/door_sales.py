"""Owns what the shell does with sale doors: where receipt profiles are found, and how captured sales become sales of the counter."""

from __future__ import annotations

from pathlib import Path

from posagent.doors.profiles import Profile, read_profile
from posagent.errors import SettingsError

FOLDERS = (Path("/etc/posagent/receipts"), Path(__file__).parent.parent / "config" / "receipts")


def load_profile(name: str) -> Profile:
    """The profile, by its path or by its name in one of the folders. Raises SettingsError with every problem."""
    path = Path(name)
    if not name.endswith(".toml") and "/" not in name:
        path = next((folder / f"{name}.toml" for folder in FOLDERS if (folder / f"{name}.toml").is_file()), path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        folders = " or ".join(map(str, FOLDERS))
        raise SettingsError(f"receipt profile '{name}': cannot be read; give a file, or the name of one in {folders}", code="E101") from trouble
    profile, problems = read_profile(text)
    if problems:
        raise SettingsError(f"{path}: {len(problems)} to mend:", [f"  {problem}" for problem in problems])
    return profile
