"""Owns the virtual machine: one QEMU process over one copy-on-write disk, its power switch, its network cable and its forwarded ports.

A power cut is SIGKILL: with ``cache=none`` what the guest has flushed is on the disk, and what it has not is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from tools.lab.image import Image

MEMORY_MB = 1024
CORES = 2
GUEST_ADDRESS = "10.0.2.15"
SOCKET_DOOR, PAGE_DOOR = 9001, 9002
"""Ports of the guest behind which its relay passes on to the agent's Unix socket and to its page."""

_KVM_GET_API_VERSION, _KVM_CREATE_VM = 0xAE00, 0xAE01  # linux/kvm.h
_QMP_S = 5.0
_LOOK_S = 0.05


def kvm_works() -> bool:
    """Whether the processor itself can run a virtual machine and the kernel lets us make one.

    /dev/kvm alone proves nothing: without vmx or svm there are kernels that make one and emulate it, slower than QEMU does.
    """
    if not re.search(r"^flags\s*:.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text("ascii", "replace"), re.MULTILINE):
        return False
    try:
        device = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if fcntl.ioctl(device, _KVM_GET_API_VERSION) != 12:
            return False
        os.close(fcntl.ioctl(device, _KVM_CREATE_VM))
    except OSError:
        return False
    finally:
        os.close(device)
    return True


class Machine:
    """One register PC. ``share`` is what the guest sees as /lab (read-only); ``hand_port`` is where its hand calls us."""

    def __init__(self, image: Image, work: Path, share: Path, hand_port: int, *, kvm: bool) -> None:
        self._image, self._work, self._share, self._hand_port = image, work, share, hand_port
        self.kvm = kvm
        self.disk = work / "disk.qcow2"
        self.console = work / "console.log"
        self.doors = {SOCKET_DOOR: _free_port(), PAGE_DOOR: _free_port()}
        self._process: subprocess.Popen[bytes] | None = None
        self.powered_at = 0.0
        self._spent = self._queued = 0.0

    @property
    def running(self) -> bool:
        """The power is on."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """QEMU's; 0 when the power is off."""
        return self._process.pid if self._process is not None and self.running else 0

    @property
    def cpu_s(self) -> float:
        """Processor time of all its lives so far: what a run costs on a machine that does nothing else."""
        pid = self.pid
        return self._spent + (_processor_time(pid) if pid else 0.0)

    @property
    def waited_s(self) -> float:
        """How long its busiest processor stood ready in all its lives so far while others had ours: what this machine's load costs a run."""
        pid = self.pid
        return self._queued + (_queued(pid) if pid else 0.0)

    def lived_s(self) -> float:
        """A clock that stands still while others have our processors: deadlines count the time that the machine has had."""
        return time.monotonic() - self.waited_s

    def new_disk(self) -> None:
        """A fresh overlay over the image: the machine as it leaves the factory."""
        self._work.mkdir(parents=True, exist_ok=True)
        self.disk.unlink(missing_ok=True)
        made = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(self._image.disk), str(self.disk)]
        subprocess.run(made, check=True)

    def power_on(self) -> None:
        """Switches on and returns at once. Raises RuntimeError when QEMU does not start."""
        if self.running:
            return
        qmp = self._work / "qmp.sock"
        qmp.unlink(missing_ok=True)
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{ours}-{GUEST_ADDRESS}:{its}" for its, ours in self.doors.items())
        accelerator = ["-accel", "kvm", "-cpu", "host"] if self.kvm else ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem"]
        hurry = "" if self.kvm else " mitigations=off nokaslr no_timer_check random.trust_cpu=on"
        command = [
            "nice", "-n", "5", "qemu-system-x86_64", *accelerator, "-smp", str(CORES), "-m", str(MEMORY_MB),
            "-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd),
            "-append",
            f"root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 systemd.show_status=0 lab.hand={self._hand_port}{hurry}",
            "-drive", f"file={self.disk},format=qcow2,if=virtio,cache=none",
            "-virtfs", f"local,path={self._share},mount_tag=lab,security_model=none,readonly=on",
            "-netdev", f"user,id=net{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci",
            "-nodefaults", "-vga", "none", "-serial", f"file:{self.console}", "-display", "none", "-monitor", "none",
            "-qmp", f"unix:{qmp},server=on,wait=off",
            "-rtc", "base=utc,clock=host", "-no-reboot",
        ]  # fmt: skip
        if self.console.exists():
            with (self._work / "console-before.log").open("ab") as kept:
                kept.write(self.console.read_bytes())
        self.powered_at = time.monotonic()
        with (self._work / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        time.sleep(0.2)
        if not self.running:
            raise RuntimeError(f"qemu did not start; {self._work / 'qemu.log'} ends with:\n{_tail(self._work / 'qemu.log')}")

    def cut_power(self) -> None:
        """The plug is pulled."""
        if self._process is not None:
            self._spent, self._queued = self.cpu_s, self.waited_s
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def wait_off(self, timeout_s: float) -> bool:
        """Whether the machine switched itself off by then."""
        if self._process is None:
            return True
        deadline = self.lived_s() + timeout_s
        spent, queued = self.cpu_s, self.waited_s
        while self.running:
            spent, queued = max(spent, self.cpu_s), max(queued, self.waited_s)
            if self.lived_s() > deadline:
                return False
            time.sleep(_LOOK_S)
        self._spent, self._queued = spent, queued
        self._process = None
        return True

    def network(self, *, up: bool) -> None:
        """Plugs the network cable in or out."""
        self.qmp("set_link", name="net", up=up)

    def qmp(self, command: str, **arguments: Any) -> Any:
        """One command to QEMU itself; its answer. Raises RuntimeError."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_QMP_S)
            line.connect(str(self._work / "qmp.sock"))
            stream = line.makefile("rw", encoding="utf-8")
            stream.readline()
            for order in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(order) + "\n")
                stream.flush()
                while "event" in (answer := json.loads(stream.readline())):
                    continue
            if "error" in answer:
                raise RuntimeError(f"qemu refused {command}: {answer['error']['desc']}")
            return answer["return"]

    def console_tail(self, lines: int = 20) -> str:
        """The last words of the guest's console."""
        return _tail(self.console, lines)


def _processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _queued(pid: int) -> float:
    """Seconds in which the process's most delayed thread was runnable and did not run; 0.0 where the kernel does not count them
    (proc(5), Documentation/scheduler/sched-stats: nanoseconds on the run queue)."""
    try:
        return max(int(path.read_text("ascii").split()[1]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except (OSError, ValueError):
        return 0.0


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:]) if path.exists() else "(nothing)"


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
