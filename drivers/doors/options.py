"""Owns the settings that every door has which leaves the meaning of its bytes to the agent."""

from __future__ import annotations

from posagent.ports import Option

PROFILE: dict[str, Option] = {
    "profile": Option(str, "receipt profile: a file, or a name in `profiles`; `posagent receipt teach` makes one", ""),
    "profiles": Option(str, "the folder where teaching writes receipt profiles", "/var/lib/posagent/receipts"),
}
READING: dict[str, Option] = {
    **PROFILE,
    "trust": Option(
        str, "earn: pre-fills only, until 20 sales were confirmed; grant: the technician vouches for it", "earn", choices=("earn", "grant")
    ),
    "without_number": Option(str, "a paid receipt without a number: ask (pre-fills only), or grant", "ask", choices=("ask", "grant")),
}
"""Read by posagent.door_room and posagent.door_sales."""
