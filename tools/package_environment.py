"""Owns the private environment that the packages carry: a virtual environment below /usr/lib/posagent, without pip, compiled ahead.

::

    /usr/lib/posagent/pyvenv.cfg  bin/python3 -> /usr/bin/python3.11  bin/posagent
                      lib/python3.11/site-packages/   posagent, drivers, offline_queue, virtual_counter and the libraries
    the camera's package adds cv2 and numpy to the same site-packages
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.package_control import commands

HOME = "usr/lib/posagent"
SITE = f"{HOME}/lib/python{sysconfig.get_python_version()}/site-packages"
LOCAL_DRIVERS = "/usr/local/lib/posagent"
"""Where store IT puts drivers of third parties; an update leaves them alone."""

OURS = ("posagent", "drivers", "offline_queue", "virtual_counter")
CAMERA_LIBRARIES = frozenset({"opencv-python-headless", "numpy"})
LEFT_OUT = {
    "pip": "nothing is installed on a register; sqlite-utils wants it for a command that we do not offer",
    "setuptools": "builds packages; python-escpos names it and does not import it",
    "psycopg": "the receiver's, not the register's",
    "psycopg-binary": "the receiver's, not the register's",
    "tzdata": "the system has the time zones",
}
_RECORDS = frozenset({"RECORD", "REQUESTED", "INSTALLER", "direct_url.json"})
_LAUNCHER = """\
#!/{home}/bin/python3 -IXutf8
import sys

from {module} import {function}

sys.exit({function}())
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the two packages' files are collected, each as it will lie below /; ``camera`` is None where nobody wants it."""

    core: Path
    camera: Path | None


def build_environment(into: Environment, root: Path, wheels: Path, epoch: int) -> None:
    """Fills both trees. ``wheels`` is where downloads are kept. Raises CalledProcessError."""
    core = pinned(root / "requirements.txt", lambda name: name not in LEFT_OUT and name not in CAMERA_LIBRARIES)
    parts = [(into.core, core)]
    if into.camera is not None:
        parts.append((into.camera, pinned(root / "requirements.txt", lambda name: name in CAMERA_LIBRARIES)))
    for tree, lines in parts:
        site = tree / SITE
        site.mkdir(parents=True)
        _install(lines, wheels, site)
        _thin(site)
    _install_ours(root, into.core / SITE)
    _thin(into.core / SITE)
    (into.core / SITE / "posagent-local.pth").write_text(f"{LOCAL_DRIVERS}\n", "ascii")
    _venv(into.core / HOME, commands(root))
    for tree, _ in parts:
        _compile(tree, epoch)


def pinned(requirements: Path, wanted: Callable[[str], bool]) -> list[str]:
    """The requirement blocks (name==version, markers, hashes) whose names are ``wanted``."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", requirements.read_text("utf-8"), flags=re.MULTILINE).strip())
    return [block for block in blocks if wanted(re.split(r"[=\s\[;]", block, maxsplit=1)[0].lower())]


def _install(lines: Iterable[str], wheels: Path, site: Path) -> None:
    wheels.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch, "requirements.txt")
        wanted.write_text("\n".join(lines) + "\n", "utf-8")
        pinned_only = ["--require-hashes", "--no-deps", "-r", str(wanted)]
        _pip("download", "--only-binary", ":all:", "-d", str(wheels), *pinned_only)
        _pip("install", "--no-index", "--find-links", str(wheels), "--no-compile", "--target", str(site), *pinned_only)


def _install_ours(root: Path, site: Path) -> None:
    """Our packages as setuptools builds them, from a copy: its build folder in the checkout would bring back files that were removed."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, "source")
        copy.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, copy)
        for name in OURS:
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        _pip("wheel", "--no-deps", "--no-build-isolation", "-w", scratch, str(copy))
        _pip("install", "--no-index", "--no-deps", "--no-compile", "--target", str(site), *map(str, Path(scratch).glob("posagent-*.whl")))


def _pip(*words: str) -> None:
    """Only trouble is printed."""
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", *words], check=True)


def _thin(site: Path) -> None:
    """Takes out what a register never reads: commands, tests, stubs, headers, and records with this machine's paths."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for path in sorted(site.rglob("*"), reverse=True):
        if path.is_dir() and path.name in {"tests", "test", "include", "__pycache__"}:
            shutil.rmtree(path)
        elif path.suffix in {".pyi", ".h", ".pxd", ".c", ".a"} or (path.parent.name.endswith(".dist-info") and path.name in _RECORDS):
            path.unlink()


def _venv(home: Path, scripts: Mapping[str, str]) -> None:
    """``scripts``: name -> "module:function"."""
    minor = sysconfig.get_python_version()
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python3").symlink_to(f"/usr/bin/python{minor}")
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {minor}\n", "ascii")
    for name, entry in scripts.items():
        module, _, function = entry.partition(":")
        launcher = home / "bin" / name
        launcher.write_text(_LAUNCHER.format(home=HOME, module=module, function=function), "ascii")
        launcher.chmod(0o755)


def _compile(tree: Path, epoch: int) -> None:
    """Byte code that is believed unseen (PEP 552, unchecked-hash): /usr is read-only for us, and without it a start takes five times as long.

    One process with a fixed hash seed, so that the same sources give the same bytes."""
    command = [sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(tree), "-p", "/", str(tree / SITE)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(epoch)})
