"""Owns how this register gets its key: head office's one-time code against credentials, once, and where they are kept.

The exchange is one POST; what comes back is checked before anything is written, written whole or not at all, readable for its owner alone,
and never shown. The code is used up by the answer, so whatever can be refused is refused before it is sent.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posagent.errors import CloudUnavailable, PosagentError, SettingsError

CREDENTIALS = Path("/etc/posagent/credentials/register.json")
"""Where posagent.service hands the file over from (LoadCredential=)."""
_CODE = re.compile(r"[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_KEY_BYTES = 32
_MOST_OTHERS = 20


class EnrolmentRefused(PosagentError):
    """Head office's code was not taken, or is not for this register."""

    code = "E401"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who this register is from now on. ``document`` is the credentials file, with the secrets."""

    company: str
    store: str
    register: str
    device: str
    document: bytes = field(repr=False)
    others: tuple[str, ...] = ()
    """Keys of the same register that head office still accepts."""


def ask(url: str, code: str) -> Enrolment:
    """Uses up the code. Raises SettingsError (it is no code), EnrolmentRefused, CloudUnavailable (nothing was used up, as far as we know)."""
    from offline_queue.errors import CloudBusy
    from offline_queue.transport import Credentials, Transport

    typed = "".join(code.split())
    if not _CODE.fullmatch(typed):
        raise SettingsError("the code has twelve letters and digits, like 7KQM-4D2X-9PHA; look at what head office wrote")
    line = Transport(url, Credentials())
    try:
        reply = line.post("/v1/enrol", {"Content-Type": "application/json"}, json.dumps({"code": typed}).encode())
    except CloudBusy as trouble:
        raise CloudUnavailable(f"{trouble}; check the address and the line, then try the same code again") from None
    finally:
        line.close()
    if reply.status == 403:
        raise EnrolmentRefused(f"{url}: {_reason(reply.body) or 'this code is not accepted; ask head office for a new one'}")
    if reply.status != 200:
        raise CloudUnavailable(f"{url}: answers {reply.status} to an enrolment; is this the receiver's address?")
    return read_answer(url, reply.body)


def same_register(given: Enrolment) -> str:
    """What to do about other keys of the same register: two machines that sell under one name cannot be told apart in any report."""
    return (
        f"head office also accepts {', '.join(given.others)} as store {given.store}, register {given.register}. If that was this register's"
        f" key before, have it revoked (posagent cloud revoke --company {given.company} {given.others[0]}). If another machine sells with it,"
        " one of the two is enrolled for the wrong register: ask head office for a code of its own. Nothing is lost meanwhile; each key has"
        " a record of its own"
    )


def _reason(body: bytes) -> str:
    """The receiver's own words; nothing of a proxy's page."""
    from offline_queue.answers import parse_problem

    problem = parse_problem(body, 403)
    said = problem.detail or problem.title if problem.type else ""
    return "".join(char for char in said if char.isprintable())[:200]


def read_answer(url: str, body: bytes) -> Enrolment:
    """Checks what the receiver sent; it becomes the credentials file as it is. Raises EnrolmentRefused, without a word of its content."""
    try:
        given: dict[str, Any] = json.loads(body)
        names = [given[key] for key in ("company", "store", "register", "device")]
        keys = [given["key"], given["member_key"], *given["file_keys"].values()]
        others = given.get("others", [])  # a receiver of before does not know of them
        whole = isinstance(others, list) and len(others) <= _MOST_OTHERS
        named = whole and all(_NAME.fullmatch(name) for name in (*names, *given["file_keys"], *others))
        whole = named and all(len(bytes.fromhex(key)) == _KEY_BYTES for key in keys)
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise EnrolmentRefused(
            f"{url}: took the code, but did not answer with credentials; this is no posagent receiver, or a proxy changes its answers"
        )
    kept = {key: given[key] for key in ("device", "key", "company", "store", "register", "member_key", "file_keys")}
    company, store, register, device = names
    return Enrolment(company, store, register, device, json.dumps(kept, ensure_ascii=False, indent=1).encode() + b"\n", tuple(others))


def enrolled_as(path: Path) -> Mapping[str, str] | None:
    """Company, store, register and device of an existing credentials file; None where there is none. Raises SettingsError."""
    try:
        given = json.loads(path.read_text("utf-8"))
        return {key: str(given[key]) for key in ("company", "store", "register", "device")}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise _forbidden(path) from None
    except (OSError, ValueError, KeyError, TypeError) as trouble:
        raise SettingsError(f"{path}: holds no credentials ({type(trouble).__name__}); --again replaces the file", code="E104") from None


def check_writable(path: Path) -> None:
    """Before the code is used up: that the credentials can be kept at all. Raises SettingsError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        probe.touch(mode=0o600, exist_ok=False)
        probe.unlink()
    except PermissionError:
        raise _forbidden(path) from None
    except OSError as trouble:
        raise SettingsError(f"{path.parent}: cannot be written ({trouble.strerror}); the code was not used", code="E104") from None


def keep(enrolment: Enrolment, path: Path) -> None:
    """Writes the credentials: whole or not at all, for the owner's eyes only. Raises SettingsError."""
    write_private(path, enrolment.document)


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Puts a file in place in one step, on disk before it is seen. Raises SettingsError."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as out:
            os.fchmod(out.fileno(), mode)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except PermissionError:
        raise _forbidden(path) from None
    except OSError as trouble:
        fresh.unlink(missing_ok=True)
        raise SettingsError(f"{path}: cannot be written ({trouble.strerror}); make room or choose another place", code="E104") from None


def _forbidden(path: Path) -> SettingsError:
    refused = SettingsError(f"{path}: this user may not write there; use sudo", code="E104")
    refused.exit_code = 77
    return refused
