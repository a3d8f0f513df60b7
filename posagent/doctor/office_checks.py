"""Owns the checks of the way to head office: credentials, name, connection, certificate, acceptance."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from posagent.doctor.case import Case
from posagent.doctor.finding import Finding, problem, unknown, warning
from posagent.errors import SettingsError

CONNECT_S = 3.0
CERTIFICATE_DAYS = 14


def the_register_is_enrolled(case: Case) -> Iterator[Finding]:
    """D-403."""
    if case.settings is None or case.settings.cloud is None or case.settings.cloud.credentials is None:
        return
    from posagent.credentials import read_credentials

    path = case.host.path(case.settings.cloud.credentials)
    try:
        path.read_bytes()
    except PermissionError:
        yield unknown("may_not_look", file=path)
        return
    except OSError:
        yield problem("not_enrolled", file=path)
        return
    try:
        read_credentials(path)
    except SettingsError as trouble:
        yield problem("credentials_broken", str(trouble), file=path)


def head_office_is_reached(case: Case) -> Iterator[Finding]:
    """D-401: step by step, so that it can be said which one fails."""
    if case.settings is None or case.settings.cloud is None:
        return
    target = urlsplit(case.settings.cloud.url)
    host, port = target.hostname or "", target.port or (443 if target.scheme == "https" else 80)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as trouble:
        yield problem("office_no_name", str(trouble), host=host)
        return
    try:
        line = socket.create_connection((host, port), CONNECT_S)
    except OSError as trouble:
        yield problem("office_no_way", str(trouble), host=host, port=port)
        return
    with line:
        if target.scheme == "https":
            yield from _certificate(line, host)
    blocked = (case.room or {}).get("cloud", {}).get("blocked", "")
    if blocked:
        yield problem("office_refuses" if "enrol" in blocked else "office_blocked", blocked)


def _certificate(line: socket.socket, host: str) -> Iterator[Finding]:
    try:
        with ssl.create_default_context().wrap_socket(line, server_hostname=host) as secure:
            until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"])), UTC)
    except ssl.SSLCertVerificationError as wrong:
        yield problem("certificate_wrong", wrong.verify_message, host=host)
        return
    except (OSError, KeyError) as trouble:
        yield problem("office_no_tls", str(trouble), host=host)
        return
    days = (until - datetime.now(UTC)).days
    if days < CERTIFICATE_DAYS:
        yield warning("certificate_ends", host=host, days=days)
