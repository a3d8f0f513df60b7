"""A real CUPS between us and the printer: bytes arrive as they left, and what CUPS cannot know is not claimed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from counter_bench import Counter, small_coupon

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.encoder import RESET, encode
from drivers.escpos.paper import PAPERS
from drivers.escpos.records import CUPS
from posagent.errors import DeviceError, DeviceMissing
from posagent.ports import Evidence, Ticket
from virtual_counter.profiles import T3_80

CUPSD = Path("/usr/sbin/cupsd")
pytestmark = pytest.mark.skipif(not CUPSD.exists() or shutil.which("lp") is None, reason="apt-get install cups cups-client")
OPTIONS = {name: option.default for name, option in CUPS.options.items()}


def everybody(location: str) -> str:
    return f"<{location}>\nOrder allow,deny\nAllow all\n</{location.split()[0]}>\n"


@pytest.fixture
def shop(monkeypatch) -> Iterator[tuple[Counter, subprocess.Popen[bytes]]]:
    """A printer on the network, a raw queue for it, and a CUPS of its own."""
    root = Path(tempfile.mkdtemp(prefix="posagent-cups-"))  # not under tmp_path: what cupsd starts runs as another user, who must get in
    root.chmod(0o755)
    for name in ("spool", "cache", "state", "tmp"):
        (root / name).mkdir()
    counter = Counter(T3_80)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rules = everybody("Location /") + "<Policy default>\n" + everybody("Limit All") + "</Policy>\n"
    (root / "cupsd.conf").write_text(f"Listen 127.0.0.1:{port}\nBrowsing Off\nDefaultAuthType None\n{rules}")
    places = {"ServerRoot": "", "RequestRoot": "spool", "CacheDir": "cache", "StateDir": "state", "TempDir": "tmp", "AccessLog": "access",
              "ErrorLog": "error", "PageLog": "page"}  # fmt: skip
    (root / "cups-files.conf").write_text("".join(f"{key} {root / name}\n" for key, name in places.items()))
    queue = f"<Printer slips>\nDeviceURI socket://127.0.0.1:{counter.server.port}\nState Idle\nAccepting Yes\n</Printer>\n"
    (root / "printers.conf").write_text(queue)
    monkeypatch.setenv("CUPS_SERVER", f"127.0.0.1:{port}")
    words = [str(CUPSD), "-f", "-c", str(root / "cupsd.conf"), "-s", str(root / "cups-files.conf")]
    cupsd = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(lambda: subprocess.run(["lpstat", "-p", "slips"], capture_output=True, check=False).returncode == 0, counter)
        yield counter, cupsd
    finally:
        cupsd.terminate()
        cupsd.wait()
        counter.stop()
        shutil.rmtree(root, ignore_errors=True)


def until(true: Callable[[], object], counter: Counter) -> None:
    for _ in range(400):
        if true():
            return
        counter.paper.wait(0.05)
    pytest.fail("nothing came of it")


def test_a_slip_goes_through_cups_byte_for_byte_and_is_called_assumed(shop):
    counter, cupsd = shop
    printer = CUPS.open("front", {**OPTIONS, "queue": "slips"})
    seen: list[Evidence] = []
    outcome = printer.print(Ticket("1", "ab", 1, small_coupon()), seen.append, 10.0)  # type: ignore[union-attr]
    assert (outcome.state, outcome.certainty, outcome.reason) == ("printed", "assumed", "taken by CUPS")
    until(lambda: counter.paper.totals["cuts"], counter)
    sent = RESET + encode(small_coupon(), DIALECTS["epson"], PAPERS["80mm-203"]).stream
    assert counter.paper.totals["bytes"] == len(sent) == seen[-1].bytes_handed
    assert [(slip.serial, slip.complete) for slip in counter.paper.slips()] == [("S01-R1-20261122-1", True)]
    assert counter.paper.oddities == []
    with pytest.raises(DeviceError, match="no queue nowhere"):
        CUPS.open("front", {**OPTIONS, "queue": "nowhere"})
    cupsd.terminate()
    cupsd.wait()
    with pytest.raises(DeviceMissing, match="does not run"):
        CUPS.open("front", {**OPTIONS, "queue": "slips"})
    late = printer.print(Ticket("1", "ab", 2, small_coupon()), seen.append, 10.0)  # type: ignore[union-attr]
    assert late.state == "not_printed"
    assert late.evidence is not None
    assert late.evidence.bytes_handed == 0
