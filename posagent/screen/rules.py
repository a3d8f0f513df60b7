"""Owns what the request policy goes by: names, origins, frames and tokens, from the settings and the sockets. Imports next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from posagent.screen.tokens import FixedTokens, Scope, TokenBook


def scope_of(path: str) -> Scope:
    """Which scope a token needs for a path."""
    return "tech" if path == "/v1/test-mode" or path == "/v1/devices" or path.startswith("/v1/devices/") else "pos"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings and the sockets decide. ``hosts`` are exact "name:port" pairs; ``foreign_origins`` exact origins of web pages."""

    hosts: frozenset[str]
    foreign_origins: frozenset[str] = frozenset()
    frame_ancestors: tuple[str, ...] = ()
    tokens: TokenBook = field(default_factory=FixedTokens)
    keyless: frozenset[str] = frozenset({"/v1/quotes"})  # POST paths that change nothing
    scope_of: Callable[[str], Scope] = scope_of

    @property
    def own_origins(self) -> frozenset[str]:
        """The page's own origins."""
        return frozenset(f"http://{host}" for host in self.hosts)

    def security_headers(self) -> list[tuple[bytes, bytes]]:
        """What every answer carries."""
        ancestors = " ".join(self.frame_ancestors) or "'none'"
        policy = f"default-src 'self'; frame-ancestors {ancestors}; base-uri 'none'; form-action 'self'; object-src 'none'"
        return [
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", policy.encode("latin-1")),
            (b"referrer-policy", b"no-referrer"),
        ]


def hosts_of(ports: Iterable[int]) -> frozenset[str]:
    """The Host values under which loopback sockets may be addressed."""
    return frozenset(f"{name}:{port}" for port in ports for name in ("127.0.0.1", "localhost", "[::1]"))
