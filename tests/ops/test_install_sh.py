"""tools/install.sh for real: on a copy of this system, in a namespace of its own, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ENTER = """\
set -eu
mount -t tmpfs none "$1"
mkdir "$1/up" "$1/work" "$1/root" "$1/our-up" "$1/our-work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
mount --rbind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs none "$1/root/run"
mkdir -p "$1/root$2"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/our-up,workdir=$1/our-work" "$1/root$2"
cp "$3" "$1/root/scenario"
ip link set lo up
cd "$1/root$2"
exec chroot "$1/root" sh /scenario "$2" "$4"
"""
_SCENARIO = """\
cd "$1"
[ -e .venv ] || ln -s "$2" .venv
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$PWD/build/wheels"
step() { name=$1; shift; "$@" > /out 2>&1; echo "@@@ $name $?"; cat /out; }
OURS='/usr/lib/posagent /usr/bin/posagent /usr/lib/systemd/system/posagent* /usr/lib/udev/rules.d/*posagent* /usr/lib/cups/backend/posagent
  /usr/share/doc/posagent /etc/systemd/system/*.wants/posagent*'
step nothing sh tools/install.sh --remove
step install sh tools/install.sh
step setup posagent setup --no-input --lang en --company acme --brand cafe --store 0042 --register R2 --store-name s \
  --scanner none --printer none --no-test --no-start
install -m 640 -g posagent config/program.example.toml /etc/posagent/program.toml
sed -i 's|/run/posagent/api.sock|/var/lib/posagent/api.sock|' /etc/posagent/posagent.toml  # no systemd here makes the socket for us
runuser -u posagent -- /usr/lib/posagent/bin/python3 -I -X utf8 -m posagent run 2> log &
agent=$!
for i in $(seq 1200); do [ -S /var/lib/posagent/api.sock ] && break; sleep 0.1; done
step status posagent status
touch /usr/lib/posagent/of-the-version-before
step again sh tools/install.sh
step newer test ! -e /usr/lib/posagent/of-the-version-before
step still posagent status
kill "$agent"; wait "$agent"
step owners sh -c '! find /usr/lib/posagent /usr/lib/cups/backend/posagent ! -user root -o ! -type l -perm /022 | grep .'
step there ls -d $OURS
step back sh -c 'rm -r /usr/lib/posagent && tar -C / -xzf /var/cache/posagent/previous.tar.gz && posagent --help'
step older test -e /usr/lib/posagent/of-the-version-before
step full sh -c 'mount -t tmpfs -o size=1m none /var/cache/posagent && sh tools/install.sh; code=$?; umount /var/cache/posagent; exit $code'
step untouched posagent check-config
step remove sh tools/install.sh --remove
step gone sh -c "! ls -d $(echo $OURS) 2> /dev/null"
step stays sh -c 'ls /etc/posagent/posagent.toml /var/lib/posagent/queue.db && cat /var/lib/posagent/unsent'
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="installing needs root (it happens in a mount namespace, on a copy of this system)")
def test_install_again_back_full_disk_and_remove(tmp_path: Path) -> None:
    wheels = [sys.executable, "-m", "tools.package", "--tree", str(tmp_path / "tree")]
    subprocess.run(wheels, cwd=ROOT, check=True, timeout=1800)  # fetches what the scenario, which has no network, needs
    place = tmp_path / "system"
    place.mkdir()
    for name, text in (("enter", _ENTER), ("scenario", _SCENARIO)):
        (tmp_path / name).write_text(text, "utf-8")
    words = ["unshare", "--mount", "--net", "--propagation", "private", "sh", str(tmp_path / "enter"), str(place), str(ROOT)]
    words += [str(tmp_path / "scenario"), sys.prefix]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=3000)
    steps = {}
    for part in done.stdout.split("@@@ ")[1:]:
        head, _, said = part.partition("\n")
        steps[head.split()[0]] = (int(head.split()[1]), said)
    assert {name: code for name, (code, _) in steps.items()} == {
        "nothing": 1, "install": 0, "setup": 0, "status": 0, "again": 0, "newer": 0, "still": 0, "owners": 0, "there": 0, "back": 0, "older": 0,
        "full": 1, "untouched": 0, "remove": 0, "gone": 0, "stays": 0,
    }, done.stdout + done.stderr  # fmt: skip
    said = {name: words for name, (_, words) in steps.items()}
    assert "there is nothing to remove" in said["nothing"]
    assert "the journal's copy opens, 1 events" in said["again"]
    assert "to go back: rm -r /usr/lib/posagent && tar -C / -xzf /var/cache/posagent/previous.tar.gz && systemctl restart" in said["again"]
    assert "no room for a copy of the installed version in /var/cache/posagent; nothing was changed" in said["full"]
    assert said["remove"] == "install.sh: posagent is gone; /var/lib/posagent and /etc/posagent stay\n"
    assert said["stays"].endswith("\n1\n")  # what a later purge asks
