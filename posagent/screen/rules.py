"""Owns what the request policy goes by: names, origins, frames, tokens, peers and releases, from the settings and the sockets. Imports next to
nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from posagent.screen.access import Access
from posagent.screen.peers import Peers
from posagent.screen.tokens import Scope

PAIR_PATH = "/v1/pair"
_OF_ADMIN = ("/v1/pairings", "/v1/tokens")
METRICS_PATH = "/metrics"
_OF_TECH = ("/v1/devices", "/v1/test-mode", METRICS_PATH)
_OF_BOTH = ("/v1/status", "/v1/unlock", PAIR_PATH)

_OF_MANAGER = ("/v1/voids", "/v1/refunds", "/v1/adjustments", "/v1/reprints")


def scopes_of(path: str) -> frozenset[Scope]:
    """Which scopes reach a path; one of them is enough. Nothing below /v1 is for everybody but pairing."""
    if _below(path, _OF_ADMIN):
        return frozenset({"admin"})
    if _below(path, _OF_TECH):
        return frozenset({"tech"})
    return frozenset({"pos", "tech"}) if _below(path, _OF_BOTH) else frozenset({"pos"})


def needs_manager(path: str) -> bool:
    """Whether nothing there is done without a manager, where a manager has a PIN. What depends on the wish itself (a closing, a grant that is
    too late) the counter refuses."""
    return _below(path, _OF_MANAGER)


def is_open(path: str) -> bool:
    """Whether a path needs no token from a program: the page and its files, the probes, and pairing itself."""
    return (not path.startswith("/v1/") and path != METRICS_PATH) or path == PAIR_PATH


def _below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


Count = Callable[[str, int, str], None]
"""(route, status, code of the refusal or ""): called for every answer."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings and the sockets decide. ``hosts`` are exact "name:port" pairs; ``foreign_origins`` exact origins of web pages."""

    hosts: frozenset[str]
    foreign_origins: frozenset[str] = frozenset()
    frame_ancestors: tuple[str, ...] = ()
    access: Access = field(default_factory=Access)
    peers: Peers = field(default_factory=Peers)
    # POST paths that change nothing, or are good for once only
    keyless: frozenset[str] = frozenset({"/v1/quotes", "/v1/coupons/check", "/v1/unlock", PAIR_PATH})

    @property
    def own_origins(self) -> frozenset[str]:
        """The page's own origins."""
        return frozenset(f"http://{host}" for host in self.hosts)

    def allows(self, origin: str, path: str) -> bool:
        """Whether a page of another origin may ask at all: the settings name it, it is paired, or it is being paired."""
        access = self.access
        return origin in self.foreign_origins or origin in access.tokens.origins() or (path == PAIR_PATH and origin in access.pairing.origins())

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
