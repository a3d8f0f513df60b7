"""The packages: what goes in, what they say of themselves; and, slowly, that they build alike, install, update, go back and let go."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offline_queue.schema import VERSION
from posagent.upgrade import FIELDS
from tools.package_control import CAMERA, CORE, write_control
from tools.package_environment import CAMERA_LIBRARIES, LEFT_OUT, pinned

ROOT = Path(__file__).parents[2]
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


def names(wanted) -> set[str]:
    return {re.split(r"[=\s\[;]", block)[0] for block in pinned(ROOT / "requirements.txt", wanted)}


def test_every_library_is_in_one_package_or_left_out_for_a_reason() -> None:
    everything = names(lambda name: True)
    assert set(LEFT_OUT) <= everything
    assert everything >= CAMERA_LIBRARIES
    core = names(lambda name: name not in LEFT_OUT and name not in CAMERA_LIBRARIES)
    assert {"cryptography", "sqlite-utils", "python-escpos", "pyserial"} <= core
    assert core | CAMERA_LIBRARIES | set(LEFT_OUT) == everything


def test_every_library_comes_with_hashes() -> None:
    assert all("--hash=sha256:" in block for block in pinned(ROOT / "requirements.txt", lambda name: True))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    made.mkdir()
    write_control(CORE, made, "1.2.3", "amd64", "3.11", ROOT)
    return made


def test_the_package_says_what_it_needs(tree: Path) -> None:
    control = (tree / "DEBIAN/control").read_text("utf-8")
    assert "Version: 1.2.3\nArchitecture: amd64\n" in control
    assert "python3 (>= 3.11~), python3 (<< 3.12~)" in control
    assert "libusb-1.0-0" in control
    fields = {line.partition(":")[0] for line in control.splitlines() if not line.startswith(" ")}
    assert fields == FIELDS  # what an update keeps of them
    assert "posagent (>= {version})" in CAMERA.depends


def test_the_sums_are_those_of_the_files(tree: Path) -> None:
    lines = [line.split("  ") for line in (tree / "DEBIAN/md5sums").read_text("utf-8").splitlines()]
    assert {name for _, name in lines} == {target for _, target, _ in CORE.system_files}
    assert all(hashlib.md5((tree / name).read_bytes(), usedforsecurity=False).hexdigest() == found for found, name in lines)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_whole_and_knows_its_version(tree: Path, script: str) -> None:
    text = (tree / "DEBIAN" / script).read_text("utf-8")
    assert "@" not in re.sub(r"\$@", "", text)
    subprocess.run(["sh", "-n", str(tree / "DEBIAN" / script)], check=True)
    if script == "preinst":
        assert f"NEW='1.2.3'\nKNOWS='{VERSION}'\n" in text


def test_the_cameras_package_tells_systemd_of_its_part_of_the_unit_and_when_it_is_gone(tmp_path: Path) -> None:
    write_control(CAMERA, tmp_path, "1.2.3", "amd64", "3.11", ROOT)
    assert (tmp_path / "usr/lib/systemd/system/posagent.service.d/camera.conf").exists()
    for script in ("postinst", "postrm"):
        assert "systemctl daemon-reload" in (tmp_path / "DEBIAN" / script).read_text("utf-8")
        subprocess.run(["sh", "-n", str(tmp_path / "DEBIAN" / script)], check=True)
    assert not (tmp_path / "usr/bin").exists()


def test_the_plain_installer_is_whole() -> None:
    subprocess.run(["sh", "-n", str(ROOT / "tools/install.sh")], check=True)


# ---------------------------------------------------------------- the whole thing, minutes long

_ENTER = """\
set -eu
mount -t tmpfs none "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
mkdir -p "$1/root/packages"
mount --bind "$2" "$1/root/packages"
ip link set lo up
exec chroot "$1/root" sh /packages/scenario
"""
_SCENARIO = """\
cd /packages
step() { name=$1; shift; "$@" > out 2>&1; echo "@@@ $name $?"; cat out; }
step install dpkg -i 1.deb
step setup posagent setup --no-input --lang en --company acme --brand cafe --store 0042 --register R2 --store-name s \
  --scanner none --printer none --no-test --no-start
install -m 640 -g posagent /usr/share/doc/posagent/examples/program.toml /etc/posagent/program.toml
sed -i 's|/run/posagent/api.sock|/var/lib/posagent/api.sock|' /etc/posagent/posagent.toml  # no systemd here makes the socket for us
runuser -u posagent -- /usr/lib/posagent/bin/python3 -I -X utf8 -m posagent run 2> log &
agent=$!
for i in $(seq 300); do [ -S /var/lib/posagent/api.sock ] && break; sleep 0.1; done
step status posagent status
step update dpkg -i 2.deb
step still posagent status
kill "$agent"
wait "$agent"
step cups sh -c '! command -v cupsd > /dev/null || { test "$(stat -c %U:%a /usr/lib/cups/backend/posagent)" = root:755 &&
  su -s /bin/sh lp -c /usr/lib/cups/backend/posagent; }'
step version cat /usr/lib/posagent/version-of-the-test
step back dpkg -i /var/cache/posagent/posagent_0.0.1_*.deb
step forth dpkg -i /var/cache/posagent/posagent_0.0.2_*.deb
step toold dpkg -i 0.deb
step fulldisk sh -c 'mount -t tmpfs -o size=1m none /var/cache/posagent && dpkg -i 1.deb; code=$?; umount /var/cache/posagent; exit $code'
step fulljournal sh -c 'mount -t tmpfs -o size=1m,mode=700,uid=$(id -u posagent),gid=$(id -g posagent) none /var/lib/posagent/upgrade
  dpkg -i 1.deb; code=$?; umount /var/lib/posagent/upgrade; exit $code'
step fullusr sh -c 'set -e; need=$(du -sm /usr/lib/posagent | cut -f1); mkdir /kept; cp -a /usr/lib/posagent/. /kept
  mount -t tmpfs -o size=$((need + 3))m none /usr/lib/posagent; cp -a /kept/. /usr/lib/posagent; code=0; dpkg -i 1.deb || code=$?
  posagent --help > /dev/null; cat /usr/lib/posagent/version-of-the-test; umount /usr/lib/posagent; exit $code'
step dpkg dpkg-query -W -f '${Status} ${Version}' posagent
step purge dpkg --purge posagent
step kept sh -c 'test -e /var/lib/posagent/queue.db && test -e /etc/posagent/posagent.toml'
rm -r /var/lib/posagent
step purgeagain dpkg --purge posagent
step gone sh -c '! ls -d /etc/posagent /usr/lib/posagent /var/cache/posagent /usr/lib/cups/backend/posagent'
"""


def variant(package: Path, folder: Path, version: str, reads: int | None = None) -> None:
    """The same package under another version."""
    tree = folder / f"tree-{version}"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    changes = [("control", r"^Version: .*", f"Version: {version}"), ("preinst", r"^NEW=.*", f"NEW='{version}'")]
    if reads is not None:
        changes.append(("preinst", r"^KNOWS=.*", f"KNOWS='{reads}'"))
    for name, old, new in changes:
        path = tree / "DEBIAN" / name
        path.write_text(re.sub(old, new, path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
    (tree / "usr/lib/posagent/version-of-the-test").write_text(version + "\n", "ascii")
    words = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(folder / f"{version[-1]}.deb")]
    subprocess.run(words, check=True, capture_output=True)
    shutil.rmtree(tree)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "tools.package", "--core", "--fast", "--dist", str(folder)], cwd=ROOT, check=True, timeout=1800)
    return next(folder.glob("posagent_*.deb"))


@pytest.mark.slow
def test_two_builds_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tools.package", "--core", "--fast", "--dist", str(tmp_path)], cwd=ROOT, check=True, timeout=1800)
    assert (tmp_path / built.name).read_bytes() == built.read_bytes()


@pytest.mark.slow
def test_nothing_in_the_package_names_the_machine_that_built_it(built: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(built), str(tmp_path)], check=True)
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert str(ROOT).encode() not in path.read_bytes(), path
            assert not path.stat().st_mode & 0o022, path


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="installing a package needs root (it happens in a mount namespace, on a copy of this system)")
def test_install_update_back_too_old_full_disk_and_purge(built: Path, tmp_path: Path) -> None:
    packages, place = tmp_path / "packages", tmp_path / "system"
    packages.mkdir()
    place.mkdir()
    for version, reads in (("0.0.1", None), ("0.0.2", None), ("0.0.0", 0)):
        variant(built, packages, version, reads)
    (packages / "scenario").write_text(_SCENARIO, "utf-8")
    (tmp_path / "enter").write_text(_ENTER, "utf-8")
    words = ["unshare", "--mount", "--net", "--propagation", "private", "sh", str(tmp_path / "enter"), str(place), str(packages)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
    steps = {}
    for part in done.stdout.split("@@@ ")[1:]:
        head, _, said = part.partition("\n")
        steps[head.split()[0]] = (int(head.split()[1]), said)
    codes = {name: code for name, (code, _) in steps.items()}
    assert codes == {
        "install": 0, "setup": 0, "status": 0, "update": 0, "still": 0, "cups": 0, "version": 0, "back": 0, "forth": 0, "toold": 1,
        "fulldisk": 1,
        "fulljournal": 1, "fullusr": 1, "dpkg": 0, "purge": 1, "kept": 0, "purgeagain": 0, "gone": 0,
    }, done.stdout + done.stderr  # fmt: skip
    said = {name: words for name, (_, words) in steps.items()}
    assert "Next: posagent setup" in said["install"] or "Setting up posagent" in said["install"]
    assert "to go back: dpkg -i /var/cache/posagent/posagent_0.0.1_" in said["update"]
    assert "the journal's copy opens, 1 events" in said["update"]
    assert said["version"] == "0.0.2\n"
    assert "going back from 0.0.2 to 0.0.1" in said["back"]
    assert "reads up to 0" in said["toold"]
    assert "nothing was changed; version 0.0.2 goes on" in said["toold"]
    assert "could not be kept" in said["fulldisk"] or "No space left" in said["fulldisk"]
    assert "[E506]" in said["fulljournal"]
    assert "nothing was changed; version 0.0.2 goes on" in said["fulljournal"]
    assert "No space left on device" in said["fullusr"]
    assert said["fullusr"].endswith("0.0.2\n")  # dpkg took its half of the new files back
    if shutil.which("cupsd"):
        assert "posagent capture printer" in said["cups"]
    assert said["dpkg"] == "install ok installed 0.0.2"
    assert "holds events that head office has not got (1)" in said["purge"]
