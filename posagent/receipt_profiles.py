"""Owns receipt profiles as files: where they are looked for, how they are read and written. They can be shared between shops."""

from __future__ import annotations

import os
import re
from pathlib import Path

from posagent.doors.profiles import Profile, read_profile
from posagent.errors import PosagentError, SettingsError

FOLDERS = (Path("/etc/posagent/receipts"), Path("/var/lib/posagent/receipts"), Path(__file__).parent.parent / "config" / "receipts")
PROFILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def load_profile(name: str, folder: str = "") -> Profile:
    """The profile, by its path or by its name in ``folder`` or one of `FOLDERS`. Raises SettingsError with every problem."""
    path = profile_path(name, folder)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        folders = " or ".join(map(str, FOLDERS))
        raise SettingsError(f"receipt profile '{name}': cannot be read; give a file, or the name of one in {folders}", code="E101") from trouble
    profile, problems = read_profile(text)
    if problems:
        raise SettingsError(f"{path}: {len(problems)} to mend:", [f"  {problem}" for problem in problems])
    return profile


def profile_path(name: str, folder: str = "") -> Path:
    """Where a profile is, whether it is there or not."""
    if name.endswith(".toml") or "/" in name:
        return Path(name)
    folders = (Path(folder), *FOLDERS) if folder else FOLDERS
    return next((path for each in folders if (path := each / f"{name}.toml").is_file()), Path(name))


def write_profile(path: Path, text: str) -> None:
    """A new file; one that is there is never overwritten. Raises PosagentError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise PosagentError(f"{path} is there already; give the profile another name", code="E101") from None
    except OSError as trouble:
        raise PosagentError(f"{path} cannot be written: {trouble.strerror}; may posagent write there?", code="E101") from trouble
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
