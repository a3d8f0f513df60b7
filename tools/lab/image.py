"""Owns the guest's disk image: Debian with its stock kernel, built once from packages and kept outside the tree under a digest of this recipe.

    $XDG_CACHE_HOME/posagent-lab/<digest>/disk.raw  vmlinuz  initrd.img

The image holds no part of the product. What runs in it for the lab (`tools/lab/guest`) comes over a shared folder, so that a change
there needs no new image.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

STEPS = 1
"""To be counted up when `_build` does something else with the same ingredients."""
SUITE = "bookworm"
DISK = "3G"
BASE = (
    "systemd", "systemd-sysv", "udev", "dbus", "kmod", "usbutils", "iproute2", "procps", "python3", "libusb-1.0-0", "v4l-utils",
    "ca-certificates", "tzdata", "initramfs-tools", "busybox-static",
)  # fmt: skip
KERNEL = "linux-image-amd64"
FIRST_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "ext4", "9pnet_virtio", "9p")
"""Loaded by our own initial file system, which does nothing else: Debian's runs udev a second time, a third of a boot without acceleration."""

INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module; done
/bin/busybox mount -t ext4 -o rw /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""

FILES: dict[str, str] = {
    "etc/hostname": "register\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 register\n",
    "etc/fstab": "",
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitIntervalSec=0\n",
    "etc/modprobe.d/lab.conf": "".join(f"blacklist {name}\n" for name in ("cfg80211", "kvm", "kvm_amd", "kvm_intel", "pcspkr", "parport_pc")),
    # 10.0.2.2 is the machine that the lab runs on; without a gateway there is no way further out.
    "etc/systemd/system/lab.service": (
        "[Unit]\nDescription=The lab's hand inside of the register\nDefaultDependencies=no\nAfter=local-fs.target systemd-journald.service\n"
        "[Service]\nExecStartPre=/bin/sh -c 'ip address replace 10.0.2.15/24 dev eth0; ip link set eth0 up; mkdir -p /lab; "
        "mountpoint -q /lab || mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 lab /lab'\n"
        "ExecStart=/usr/bin/python3 -u -X utf8 /lab/guest/hand.py\nRestart=always\nRestartSec=1\nOOMScoreAdjust=-900\n"
        "StandardOutput=journal+console\nStandardError=journal+console\n"
        "[Install]\nWantedBy=sysinit.target\n"
    ),
}
OFF = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer", "e2scrub_all.timer", "dpkg-db-backup.timer", "e2scrub_reap.service",
    "getty@tty1.service", "serial-getty@ttyS0.service", "getty-static.service", "systemd-networkd.service", "systemd-networkd.socket",
    "systemd-networkd-wait-online.service", "systemd-network-generator.service", "systemd-timesyncd.service", "systemd-logind.service",
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "dev-hugepages.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "sys-fs-fuse-connections.mount", "modprobe@drm.service", "modprobe@dm_mod.service", "modprobe@loop.service", "modprobe@fuse.service",
    "modprobe@efi_pstore.service", "systemd-pstore.service",
)  # fmt: skip
"""Nothing of a register, all of it seconds of every boot."""


@dataclass(frozen=True, slots=True)
class Image:
    """The three files that a machine boots."""

    disk: Path
    kernel: Path
    initrd: Path
    built_s: float  # 0.0: it was there


def cache() -> Path:
    """Where images are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "posagent-lab"


def digest() -> str:
    """Of everything that decides what is in the image."""
    recipe = (STEPS, SUITE, DISK, BASE, KERNEL, FIRST_MODULES, INIT, sorted(FILES.items()), OFF)
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]


def sources(listed: str) -> tuple[str, ...]:
    """Where packages of the guest's suite come from, as lines of a sources.list: this machine's own places (`apt-get indextargets`), the main
    archive first. ``listed``: a line "address codename component" for each. Raises RuntimeError where this machine knows none."""
    found = dict.fromkeys(tuple(words[:2]) for line in listed.splitlines() if len(words := line.split()) == 3 and words[2] == "main")
    wanted = [(address, suite) for suite in (SUITE, f"{SUITE}-security") for address, other in found if other == suite]
    if not wanted or wanted[0][1] != SUITE:
        raise RuntimeError(f"this machine's apt has no source of Debian {SUITE}; add one to /etc/apt/sources.list")
    return tuple(f"deb {address} {suite} main" for address, suite in wanted)


def image() -> Image:
    """The image of this recipe, built when it is not there. Raises RuntimeError with the step that failed."""
    folder = cache() / digest()
    made = 0.0
    if not (folder / "disk.raw").exists():
        if os.geteuid() != 0:
            raise RuntimeError("the lab's image is built by debootstrap, which needs root; run: sudo make lab")
        made = _build(folder)
    return Image(folder / "disk.raw", folder / "vmlinuz", folder / "initrd.img", made)


def _build(folder: Path) -> float:
    begun = time.monotonic()
    work = folder.with_name(folder.name + ".building")
    for mounted in ("proc", "sys"):  # an interrupted build leaves them; nobody removes a folder over a living /proc
        while (work / "rootfs" / mounted).is_mount():
            subprocess.run(["umount", str(work / "rootfs" / mounted)], check=True)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log = work / "build.log"
    root = work / "rootfs"
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"]
    places = sources(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    print(f"building the guest's image in {folder} (once; some minutes)", file=sys.stderr, flush=True)
    _run(log, ["debootstrap", "--variant=minbase", f"--include={','.join(BASE)}", SUITE, str(root), places[0].split()[1]])
    for name, text in {**FILES, "etc/apt/sources.list": "\n".join(places) + "\n"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/localtime").unlink(missing_ok=True)
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    _run(log, ["mount", "-t", "proc", "proc", str(root / "proc")])
    try:
        chroot = ["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"]
        _run(log, [*chroot, "apt-get", "update", "-qq"])
        _run(log, [*chroot, "apt-get", "install", "-y", "-qq", "--no-install-recommends", KERNEL])
        _run(log, [*chroot, "systemctl", "enable", "lab.service"])
        _run(log, [*chroot, "systemctl", "set-default", "multi-user.target"])
        _run(log, [*chroot, "systemctl", "mask", *OFF])
        _run(log, [*chroot, "passwd", "-d", "root"])
        _run(log, [*chroot, "apt-get", "clean"])
    finally:
        _run(log, ["umount", str(root / "proc")])
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    (root / "usr/sbin/policy-rc.d").unlink()
    (root / "etc/resolv.conf").unlink()
    (root / "etc/machine-id").write_text("", "utf-8")  # every overlay is a machine of its own
    shutil.copy(next((root / "boot").glob("vmlinuz-*")), work / "vmlinuz")
    _write_initrd(log, root, work / "initrd.img")
    _run(log, ["truncate", "-s", DISK, str(work / "disk.raw")])
    _run(log, ["mkfs.ext4", "-q", "-F", "-e", "remount-ro", "-d", str(root), str(work / "disk.raw")])
    shutil.rmtree(root)
    work.replace(folder)
    return time.monotonic() - begun


def _write_initrd(log: Path, root: Path, target: Path) -> None:
    """busybox, the first modules in their order, and `INIT`, as a cpio archive."""
    (version,) = [path.name for path in (root / "lib/modules").iterdir()]
    tree = root / "initrd"
    for name in ("bin", "dev", "root"):
        (tree / name).mkdir(parents=True)
    shutil.copy(root / "bin/busybox", tree / "bin/busybox")
    order: list[str] = []
    for module in FIRST_MODULES:
        shown = ["chroot", str(root), "modprobe", "-S", version, "--show-depends", module]
        for line in subprocess.run(shown, check=True, capture_output=True, text=True).stdout.splitlines():
            words = line.split()
            if words[0] == "insmod" and Path(words[1]).name not in order:
                shutil.copy(root / words[1].lstrip("/"), tree)
                order.append(Path(words[1]).name)
    (tree / "init").write_text(INIT.format(modules=" ".join(order)), "utf-8")
    (tree / "init").chmod(0o755)
    _run(log, ["chroot", str(root), "sh", "-c", "cd /initrd && find . | cpio --quiet -o -H newc > /initrd.cpio"])
    (root / "initrd.cpio").replace(target)
    shutil.rmtree(tree)


def _run(log: Path, command: list[str]) -> None:
    with log.open("ab") as out:
        out.write(f"+ {' '.join(command)}\n".encode())
        out.flush()
        if subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False).returncode:
            tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
            raise RuntimeError(f"building the guest's image failed at: {' '.join(command)}\n{tail}\n(the whole log: {log})")
