"""Owns the register's credentials: the JSON file that enrolment wrote ({"device", "key", "member_key", "file_keys", …}, secrets in hex)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posagent.errors import SettingsError


@dataclass(frozen=True, slots=True)
class RegisterCredentials:
    """``member_key`` hashes member numbers alike in the whole company; ``file_keys`` prove what head office hands down."""

    device: str
    key: bytes = field(repr=False)
    member_key: bytes = field(repr=False)
    file_keys: Mapping[str, bytes] = field(repr=False)


def read_credentials(path: Path) -> RegisterCredentials:
    """Raises SettingsError (E104). Under systemd the file is root's alone; LoadCredential= hands a copy over, which is what is read then."""
    try:
        given = json.loads(_handed_over(path).read_text("utf-8"))
        return RegisterCredentials(
            str(given["device"]),
            bytes.fromhex(given["key"]),
            bytes.fromhex(given["member_key"]),
            {str(name): bytes.fromhex(key) for name, key in given["file_keys"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise SettingsError(f"{path}: the register's credentials cannot be read ({trouble}); enrol it again", code="E104") from trouble


def _handed_over(path: Path) -> Path:
    """systemd.exec(5), LoadCredential=: the file of the same name in $CREDENTIALS_DIRECTORY."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    copy = Path(directory, path.name)
    return copy if directory and copy.is_file() else path
