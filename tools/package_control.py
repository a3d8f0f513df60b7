"""Owns what a package says of itself: control fields, scripts around the installation, sums, and the system's files beside the environment."""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    """One Debian package."""

    name: str
    depends: str
    description: str
    system_files: tuple[tuple[str, str, int], ...]
    """(in the checkout, below /, mode)"""
    scripts: str
    """The folder of dpkg's scripts, in the checkout."""
    commands: bool


CORE = Package(
    "posagent",
    # The byte code and the compiled libraries are of one Python: apt refuses to take it away from under the service.
    "python3 (>= {python}~), python3 (<< {next_python}~), libusb-1.0-0, libstdc++6, tzdata, systemd (>= 249), udev, util-linux, procps",
    "agent beside the cash register: member barcodes, points, coupon slips\n"
    " Reads member barcodes from scanners, learns the amount of the sale, computes\n"
    " points, prints slips on ESC/POS printers and carries a durable journal to head\n"
    " office. Works offline for days.",
    (
        ("systemd/posagent.service", "usr/lib/systemd/system/posagent.service", 0o644),
        ("systemd/posagent.socket", "usr/lib/systemd/system/posagent.socket", 0o644),
        ("systemd/posagent-tech.socket", "usr/lib/systemd/system/posagent-tech.socket", 0o644),
        ("systemd/posagent.sysusers", "usr/lib/sysusers.d/posagent.conf", 0o644),
        ("systemd/posagent.tmpfiles", "usr/lib/tmpfiles.d/posagent.conf", 0o644),
        ("systemd/71-posagent.rules", "usr/lib/udev/rules.d/71-posagent.rules", 0o644),
        ("systemd/86-posagent-brltty.rules", "usr/lib/udev/rules.d/86-posagent-brltty.rules", 0o644),
        ("systemd/cups-backend.sh", "usr/lib/cups/backend/posagent", 0o755),
        ("systemd/posagent-router.conf", "usr/share/doc/posagent/examples/posagent-router.conf", 0o644),
        ("systemd/73-posagent-router.rules", "usr/share/doc/posagent/examples/73-posagent-router.rules", 0o644),
        ("config/posagent.example.toml", "usr/share/doc/posagent/examples/posagent.toml", 0o644),
        ("config/program.example.toml", "usr/share/doc/posagent/examples/program.toml", 0o644),
        ("config/codes.example.toml", "usr/share/doc/posagent/examples/codes.toml", 0o644),
        ("docs/install.md", "usr/share/doc/posagent/install.md", 0o644),
        ("CHANGELOG.md", "usr/share/doc/posagent/CHANGELOG.md", 0o644),
        ("LICENSE", "usr/share/doc/posagent/copyright", 0o644),
    ),
    scripts="systemd/debian",
    commands=True,
)
CAMERA = Package(
    "posagent-camera",
    "posagent (>= {version}), python3 (>= {python}~), python3 (<< {next_python}~)",
    "camera libraries for posagent\n OpenCV and NumPy in the agent's private environment, and the right to open cameras.",
    (
        ("systemd/posagent-camera.conf", "usr/lib/systemd/system/posagent.service.d/camera.conf", 0o644),
        ("LICENSE", "usr/share/doc/posagent-camera/copyright", 0o644),
    ),
    scripts="systemd/debian-camera",
    commands=False,
)


def write_control(package: Package, tree: Path, version: str, architecture: str, python: str, root: Path) -> None:
    """Adds the system's files and DEBIAN/ to a package's tree."""
    for source, target, mode in package.system_files:
        (tree / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / source, tree / target)
        (tree / target).chmod(mode)
    control = tree / "DEBIAN"
    if package.commands:
        (tree / "usr/bin").mkdir(parents=True)
        for name in commands(root):
            (tree / "usr/bin" / name).symlink_to(f"../lib/posagent/bin/{name}")
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    control.mkdir()
    major, minor = python.split(".")
    depends = package.depends.format(version=version, python=python, next_python=f"{major}.{int(minor) + 1}")
    size_kb = sum(path.stat().st_size for path in files) // 1024
    (control / "control").write_text(
        f"Package: {package.name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: posagent project <posagent@example.invalid>\n"
        f"Installed-Size: {size_kb}\nDepends: {depends}\nSection: misc\nPriority: optional\nDescription: {package.description}\n",
        "utf-8",
    )
    sums = (f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n" for path in files)
    (control / "md5sums").write_text("".join(sums), "utf-8")
    for path in sorted((root / package.scripts).iterdir()):
        script = path.read_text("utf-8").replace("@VERSION@", version).replace("@JOURNAL_VERSION@", journal_version(root))
        (control / path.name).write_text(script, "utf-8")
        (control / path.name).chmod(0o755)


def commands(root: Path) -> dict[str, str]:
    """The commands that the package installs: name -> "module:function"."""
    found: dict[str, str] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    return found


def journal_version(root: Path) -> str:
    """The newest journal tables that this version reads."""
    found = re.search(r"^VERSION: Final = (\d+)$", (root / "offline_queue/schema.py").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]
