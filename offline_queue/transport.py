"""Owns the HTTP exchange with the receiver: one session, hard deadlines, bounded answers, no redirects, no retries of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from offline_queue.errors import CloudBusy
from offline_queue.signature import Key, sign

if TYPE_CHECKING:
    from requests import Response, Session

_log = logging.getLogger(__name__)

CONNECT_S: Final = 3.0
READ_S: Final = 15.0
WHOLE_S: Final = 60.0  # a server that drips its answer
MAX_RETRY_AFTER_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who this register is to the receiver: a shared key (requests are signed), a client certificate, both, or in a demo neither."""

    key: Key | None = None
    certificate: tuple[str, str] | None = field(default=None, repr=False)  # paths of certificate and private key (PEM)
    ca: str | None = None  # path of the authority that signed the receiver's certificate; None: the system's
    proxy: str | None = None


class Reply(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange(Protocol):
    """What the lane needs of the way to the receiver. Raises CloudBusy for everything that is not a whole answer."""

    url: str

    def get(self, path: str, *, etag: str = "", most_bytes: int = 1 << 20) -> Reply:
        """A signed GET."""

    def post(self, path: str, headers: Mapping[str, str], payload: bytes) -> Reply:
        """A signed POST of a coded payload."""

    def close(self) -> None:
        """Closes the connection; the next exchange opens one again."""


class Transport:
    """Used by one thread. Raises CloudBusy for everything that is not a whole answer."""

    def __init__(self, url: str, credentials: Credentials, *, connect_s: float = CONNECT_S, read_s: float = READ_S) -> None:
        self.url = url.rstrip("/")
        self._credentials = credentials
        self._timeout = (connect_s, read_s)
        self._session: Session | None = None

    def get(self, path: str, *, etag: str = "", most_bytes: int = 1 << 20) -> Reply:
        """A signed GET."""
        return self._exchange("GET", path, {"If-None-Match": etag} if etag else {}, None, most_bytes)

    def post(self, path: str, headers: Mapping[str, str], payload: bytes) -> Reply:
        """A signed POST of a coded payload."""
        return self._exchange("POST", path, headers, payload, 1 << 20)

    def close(self) -> None:
        """Closes the connection; the next exchange opens one again."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], payload: bytes | None, most_bytes: int) -> Reply:
        import requests

        session = self._open()
        target = self.url + path
        sent = dict(headers)
        if self._credentials.key is not None:
            sent.update(sign(self._credentials.key, method, target, sent, int(time.time())))
        deadline = time.monotonic() + WHOLE_S
        try:
            answer = session.request(
                method, target, headers=sent, data=payload, timeout=self._timeout, allow_redirects=False, stream=True
            )
            try:
                body = _read(answer, most_bytes, deadline)
            finally:
                answer.close()
        except (requests.RequestException, OSError, ValueError) as trouble:  # ValueError: an address that is none
            self.close()
            raise CloudBusy(f"{self.url}: {_plainly(trouble)}") from None
        return Reply(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)

    def _open(self) -> Session:
        if self._session is None:
            import requests

            session = requests.Session()
            session.trust_env = False  # neither ~/.netrc nor proxy variables decide where grants go
            session.headers.update({"User-Agent": "posagent", "Accept-Encoding": "gzip"})
            if self._credentials.certificate is not None:
                session.cert = self._credentials.certificate
            if self._credentials.ca is not None:
                session.verify = self._credentials.ca
            if self._credentials.proxy is not None:
                session.proxies = {"http": self._credentials.proxy, "https": self._credentials.proxy}
            self._session = session
        return self._session


def retry_after_s(reply: Reply) -> int | None:
    """What the server asks for, in seconds, at most an hour; a date counts from the answer's own Date, so that our clock does not matter."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), MAX_RETRY_AFTER_S)
    from email.utils import parsedate_to_datetime

    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(reply.headers.get("date", ""))
        return max(0, min(int((until - now).total_seconds()), MAX_RETRY_AFTER_S))
    except (ValueError, TypeError):
        return None


def clock_off_s(reply: Reply) -> int:
    """How far our wall clock is from the answer's Date, in seconds (positive: ours is ahead); 0 where it has none."""
    from email.utils import parsedate_to_datetime

    try:
        return int(time.time() - parsedate_to_datetime(reply.headers.get("date", "")).timestamp())
    except (ValueError, TypeError, OverflowError):
        return 0


def _read(answer: Response, most_bytes: int, deadline: float) -> bytes:
    parts = []
    size = 0
    for part in answer.iter_content(1 << 16):
        size += len(part)
        if size > most_bytes:
            raise ValueError(f"the answer has more than {most_bytes} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"the answer took longer than {WHOLE_S:.0f} s")
        parts.append(part)
    return b"".join(parts)


def _plainly(trouble: Exception) -> str:
    """The innermost reason, in a few words."""
    text = str(trouble)
    for sign_of, words in (
        ("NameResolution", "the name cannot be resolved; is the network up?"),
        ("Name or service not known", "the name cannot be resolved; is the network up?"),
        ("Connection refused", "nobody answers on that port"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted; check the authority file and this machine's clock"),
        ("Read timed out", "no answer in time"),
        ("timed out", "no connection in time"),
        ("Network is unreachable", "the network is unreachable"),
    ):
        if sign_of in text:
            return words
    return f"{type(trouble).__name__}: {text[:200]}"
