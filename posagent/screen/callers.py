"""Owns who asks: what a request's door, token and release say of it, and as whom its wish goes on record. Routes ask `role_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request

from posagent.screen.tokens import Scope
from posagent.screen.unlocks import Person
from posagent.staff import StaffRole

Door = Literal["page", "web", "program", "socket"]
"""page: our own page; web: another origin's page, by token; program: no browser, by token; socket: the Unix socket, by its peer."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What the request policy found out about a request. ``name``: the token's name, or the peer's user.

    ``asserts``: no manager has a PIN here, so the role that a request asserts is believed and recorded as asserted."""

    door: Door
    name: str
    scopes: frozenset[Scope]
    person: Person | None = None
    asserts: bool = True

    @property
    def holder(self) -> str:
        """To whom a release by PIN belongs."""
        return f"{self.door} {self.name}".rstrip()


def caller_of(request: Request) -> Caller:
    """Who asks, as the policy wrote it down."""
    caller: Caller = request.scope["caller"]
    return caller


def role_of(request: Request, asked: Mapping[str, Any]) -> tuple[StaffRole, str]:
    """(role, operator) that a wish goes on record with. ``asked``: the checked body, for its ``role`` and ``operator``.

    A release by PIN (header ``posagent-unlock``) says both, whatever the body says. Without one nobody is a manager where a manager has a
    PIN; where none has, the body's word holds. What always needs a manager the policy has refused before (E613, `rules.needs_manager`); for the
    rest routes pass this on and let the counter refuse: the page then asks for the PIN and sends the same again with the release."""
    caller = caller_of(request)
    if caller.person is not None:
        return caller.person.role, caller.person.operator
    asserted: StaffRole = "manager" if caller.asserts and asked.get("role") == "manager" else "cashier"
    return asserted, asked.get("operator", "")
