"""Owns the files that head office hands down (program, member snapshot): their signature, their versions, and the copy on this disk.

On the wire::

    GET /v1/files/{name}                    name: "program" or "members"; signed like every request; If-None-Match: "v411"
    200  ETag: "v412"   Posagent-Version: 412   Posagent-File-Key: head-office-1   Posagent-File-Signature: :Ed25519 signature:
         Content-Encoding: gzip (may be)        and the file's bytes
    304  nothing newer      404  there is none for this store

What is signed is `base`: name, version and digest, so that no file passes for another and no old one for a new one. A register takes
only versions that rise, keeps the file together with its signature, and checks it again each time it is loaded.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from offline_queue.errors import WireError
from offline_queue.wire import MAX_INT, SIGNATURE, b64, unb64

PATH: Final = "/v1/files/"
VERSION_HEADER: Final = "Posagent-Version"
KEY_HEADER: Final = "Posagent-File-Key"
SIGNATURE_HEADER: Final = "Posagent-File-Signature"
MAX_FILE_BYTES: Final = 64 << 20
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


class SignedFile(NamedTuple):
    """A file with the proof of who issued it. ``signature`` has 64 bytes and proves nothing until `verified`."""

    name: str
    version: int
    keyid: str
    signature: bytes
    content: bytes


def base(name: str, version: int, content: bytes) -> bytes:
    """The bytes that are signed."""
    return f"posagent/file/1\n{name}\n{version}\n{sha256(content).hexdigest()}\n".encode()


def verified(file: SignedFile, keys: Mapping[str, bytes]) -> SignedFile:
    """The same file, if one of ``keys`` (keyid -> 32 bytes, raw Ed25519 public key) signed it. Raises WireError (signature)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = keys.get(file.keyid)
    if key is None:
        raise WireError(f"{file.name} version {file.version}: signed with key {file.keyid!r}, which the settings do not name", SIGNATURE)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(file.signature, base(file.name, file.version, file.content))
    except InvalidSignature:
        raise WireError(f"{file.name} version {file.version}: the signature does not fit the content", SIGNATURE) from None
    return file


def sign_file(name: str, version: int, content: bytes, keyid: str, private_key: bytes) -> SignedFile:
    """Head office's side; ``private_key`` is the raw 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(base(name, version, content))
    return SignedFile(name, version, keyid, signature, content)


def headers_of(file: SignedFile) -> dict[str, str]:
    """What goes with the content in the answer."""
    return {
        "ETag": f'"v{file.version}"',
        VERSION_HEADER: str(file.version),
        KEY_HEADER: file.keyid,
        SIGNATURE_HEADER: b64(file.signature),
    }


def from_answer(name: str, headers: Mapping[str, str], content: bytes) -> SignedFile:
    """Reads an answer with lower-case header names; not verified yet. Raises WireError."""
    version = headers.get(VERSION_HEADER.lower(), "")
    if not re.fullmatch(r"[1-9][0-9]{0,18}", version) or int(version) > MAX_INT:
        raise WireError(f"{name}: the answer has no version", SIGNATURE)
    return SignedFile(
        name, int(version), headers.get(KEY_HEADER.lower(), "")[:100], unb64(headers.get(SIGNATURE_HEADER.lower(), ""), 64), content
    )


# ---------------------------------------------------------------- the copy on this disk


class FileShelf:
    """``{directory}/{name}.signed``: one header line of JSON, then the content. Replaced atomically; the one before stays as ``.previous``."""

    def __init__(self, directory: Path, keys: Mapping[str, bytes]) -> None:
        self._directory = directory
        self._keys = keys

    def load(self, name: str) -> SignedFile | None:
        """The last good one: the newest whose signature still stands, or the one before it; None when there is none."""
        return self._good(name, "signed") or self._good(name, "previous")

    def keep(self, file: SignedFile) -> bool:
        """Verifies and stores; False when it is not newer than what is there. Raises WireError (signature) and OSError."""
        verified(file, self._keys)
        there = self.load(file.name)
        if there is not None and file.version <= there.version:
            return False
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(file.name)
        fresh = self._path(file.name, "new")
        first = json.dumps({"version": file.version, "keyid": file.keyid, "signature": b64(file.signature)}).encode()
        with open(fresh, "wb") as out:
            out.write(first + b"\n" + file.content)
            out.flush()
            os.fsync(out.fileno())
        if self._good(file.name, "signed") is not None:  # otherwise the previous one is the good one, and stays
            path.replace(self._path(file.name, "previous"))
        fresh.replace(path)
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        return True

    def _path(self, name: str, kind: str = "signed") -> Path:
        if not _NAME.fullmatch(name):
            raise WireError(f"{name!r} is not a file that is handed down", SIGNATURE)
        return self._directory / f"{name}.{kind}"

    def _good(self, name: str, kind: str) -> SignedFile | None:
        try:
            return verified(self._read(name, self._path(name, kind)), self._keys)
        except (OSError, ValueError, KeyError, TypeError, WireError):
            return None

    @staticmethod
    def _read(name: str, path: Path) -> SignedFile:
        with open(path, "rb") as source:
            first = json.loads(source.readline(4096))
            content = source.read(MAX_FILE_BYTES + 1)
        return SignedFile(name, int(first["version"]), str(first["keyid"]), unb64(first["signature"], 64), content)
