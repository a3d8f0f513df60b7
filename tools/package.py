"""Owns `make deb`: from a checkout to dist/posagent_VERSION_ARCH.deb and dist/posagent-camera_VERSION_ARCH.deb, the same bytes every time.

    python -m tools.package [--dist DIR] [--fast] [--core]

The private environment is a virtual environment of the distribution's own Python below /usr/lib/posagent. Libraries come as wheels, checked
against the hashes of requirements.txt; nothing is fetched when the package is installed. Only dpkg-deb is needed beside Python.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tools.make_manual import write_manual
from tools.package_control import CAMERA, CORE, Package, write_control
from tools.package_environment import Environment, build_environment

ROOT = Path(__file__).resolve().parent.parent


def main(words: list[str]) -> int:
    """0: built; what is missing otherwise stands in the message."""
    parser = argparse.ArgumentParser(prog="tools.package", description="builds the Debian packages of this checkout")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the packages go")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels", help="where downloaded wheels are kept")
    parser.add_argument("--tree", type=Path, metavar="DIR", help="only lay the files out there (without the camera), for tools/install.sh")
    parser.add_argument("--fast", action="store_true", help="for a trial: larger files in a third of the time")
    parser.add_argument("--core", action="store_true", help="leave the camera's package out")
    args = parser.parse_args(words)
    if args.tree is not None:
        lay_out(args.tree, args.wheels)
        return 0
    if shutil.which("dpkg-deb") is None:
        print("dpkg-deb is missing: this machine cannot build Debian packages; tools/install.sh installs without one", file=sys.stderr)
        return 69
    for path in build(args.dist, args.wheels, packages=(CORE,) if args.core else (CORE, CAMERA), fast=args.fast):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


def build(dist: Path, wheels: Path, *, packages: Sequence[Package] = (CORE, CAMERA), fast: bool = False) -> list[Path]:
    """The packages' files. Raises CalledProcessError with the tool's own words on standard error."""
    dist.mkdir(parents=True, exist_ok=True)
    version, epoch = product_version(), source_date_epoch()
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    with tempfile.TemporaryDirectory(prefix="posagent-deb-") as scratch:
        core, camera = Path(scratch, "core"), Path(scratch, "camera")
        trees = {CORE: core, CAMERA: camera}
        build_environment(Environment(core, camera if CAMERA in packages else None), ROOT, wheels, epoch)
        write_manual(core, version)
        return [_packed(package, trees[package], version, epoch, dist, fast=fast) for package in packages]


def lay_out(tree: Path, wheels: Path) -> None:
    """The core package's files and scripts, unpacked: for machines without dpkg. Raises CalledProcessError."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    epoch = source_date_epoch()
    build_environment(Environment(tree, None), ROOT, wheels, epoch)
    write_manual(tree, product_version())
    write_control(CORE, tree, product_version(), os.uname().machine, sysconfig.get_python_version(), ROOT)


def product_version() -> str:
    """The version of pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def source_date_epoch() -> int:
    """The time that every file of the packages gets: as said, else that of the last commit, else that of pyproject.toml."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(said)
    commit = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False)
    return int(commit.stdout) if commit.returncode == 0 and commit.stdout.strip() else int((ROOT / "pyproject.toml").stat().st_mtime)


def _packed(package: Package, tree: Path, version: str, epoch: int, dist: Path, *, fast: bool) -> Path:
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    write_control(package, tree, version, architecture, sysconfig.get_python_version(), ROOT)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)
    target = dist / f"{package.name}_{version}_{architecture}.deb"
    # One thread: xz cuts its blocks by the number of threads, and other blocks are other bytes.
    packing = ["-Zgzip", "-z1"] if fast else ["-Zxz", "-z6"]
    command = ["dpkg-deb", "--root-owner-group", *packing, "--build", str(tree), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"DPKG_DEB_THREADS_MAX": "1"})
    return target


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
