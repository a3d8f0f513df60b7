"""Owns the lab's hand inside of the register: it calls the lab, then plugs devices, types, and runs commands as it is told.

    lab -> hand   {"id": 7, "do": "run", "command": "...", "timeout": 60}      one JSON object a line
    hand -> lab   {"id": 7, "rc": 0, "out": "...", "err": "..."}               in any order; {"hello": ...} comes first

Runs as root in a machine that exists for nothing else.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from gadgets import LAB, Gadget, load_modules  # type: ignore[import-not-found]  # it lies beside us in the guest

_REDIAL_S = 0.2


class Hand:
    """One connection to the lab."""

    def __init__(self, line: socket.socket, gadgets: dict[str, Gadget]) -> None:
        self._line, self._gadgets = line, gadgets
        self._sending = threading.Lock()

    def serve(self) -> None:
        """Until the lab hangs up."""
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        self._say({"hello": Path("/proc/sys/kernel/random/boot_id").read_text().strip(), "uptime": uptime})
        for raw in self._line.makefile("rb"):
            order = json.loads(raw)
            threading.Thread(target=self._obey, args=(order,), daemon=True).start()

    def _say(self, answer: dict[str, Any]) -> None:
        with self._sending:
            self._line.sendall(json.dumps(answer).encode() + b"\n")

    def _obey(self, order: dict[str, Any]) -> None:
        try:
            answer = getattr(self, "do_" + order["do"])(order)
        except Exception as trouble:  # noqa: BLE001 - whatever it is, the lab must hear of it
            answer = {"trouble": f"{type(trouble).__name__}: {trouble}"}
        self._say({"id": order["id"], **answer})

    def do_run(self, order: dict[str, Any]) -> dict[str, Any]:
        """A command for the shell; ``input`` goes into it."""
        try:
            done = subprocess.run(
                ["/bin/bash", "-c", order["command"]], input=order.get("input", "").encode(), capture_output=True,
                timeout=order.get("timeout", 60), check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return {"rc": 124, "out": (late.stdout or b"").decode("utf-8", "replace"), "err": (late.stderr or b"").decode("utf-8", "replace")}
        return {"rc": done.returncode, "out": done.stdout.decode("utf-8", "replace"), "err": done.stderr.decode("utf-8", "replace")}

    def do_write(self, order: dict[str, Any]) -> dict[str, Any]:
        """A text into a file, flushed."""
        path = Path(order["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.write(order["text"])
            file.flush()
            os.fsync(file.fileno())
        path.chmod(order.get("mode", 0o644))
        return {}

    def do_plug(self, order: dict[str, Any]) -> dict[str, Any]:
        """A device comes onto its cable; it is made at its first time."""
        spec = order["spec"]
        if spec["name"] not in self._gadgets:
            self._gadgets[spec["name"]] = Gadget(spec)
        return {"at": self._gadgets[spec["name"]].plug()}

    def do_unplug(self, order: dict[str, Any]) -> dict[str, Any]:
        """A device leaves its cable."""
        return {"at": self._gadgets[order["name"]].unplug()}

    def do_put_away(self, order: dict[str, Any]) -> dict[str, Any]:
        """A device is not needed any more."""
        self._gadgets.pop(order["name"]).put_away()
        return {}

    def do_feed(self, order: dict[str, Any]) -> dict[str, Any]:
        """A device sends."""
        at, sent = self._gadgets[order["name"]].feed([bytes.fromhex(chunk) for chunk in order["chunks"]], order.get("gap_s", 0.0))
        return {"at": at, "sent": sent}


def main() -> None:
    """Calls the lab for as long as the machine runs."""
    port = int(re.search(r"lab\.hand=(\d+)", Path("/proc/cmdline").read_text())[1])  # type: ignore[index]
    load_modules()
    gadgets: dict[str, Gadget] = {}
    while True:
        try:
            line = socket.create_connection((LAB, port), 5.0)
        except OSError:
            time.sleep(_REDIAL_S)
            continue
        line.settimeout(None)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            Hand(line, gadgets).serve()
        except (OSError, ValueError) as trouble:
            print(f"hand: {trouble}", flush=True)
        finally:
            line.close()


if __name__ == "__main__":
    main()
