"""Owns `make lab`: builds what is needed, plays the scenarios, compares the books, writes the report. Exit 0 only when everything agreed.

    python -m tools.lab [--long] [--only NAME,NAME] [--out DIR] [--package FILE] [--seed N] [--cuts N] [--soak-minutes N] [--tcg]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.lab import moments, report
from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.image import image
from tools.lab.machine import kvm_works
from tools.lab.photograph import photograph
from tools.lab.reckoning import reckon, settle
from tools.lab.register import Failed, Register
from tools.lab.scenarios import ALL, Play, Scenario
from tools.lab.wire import HandLost

ROOT = Path(__file__).resolve().parents[2]
SOAK_S = 3600
SHORT_CUTS, LONG_CUTS = 3, 25
MARK = "made-by-lab.txt"


def main(words: list[str]) -> int:
    """0: everything agreed; 1: something was found; 2: usage; 69: the lab cannot run here."""
    parser = argparse.ArgumentParser(prog="tools.lab", description="plays a whole register PC in a virtual machine and compares its books")
    parser.add_argument("--long", action="store_true", help="25 power cuts, a camera, a soak of an hour, long measurements")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help=f"of: {', '.join(scenario.name for scenario in ALL)}")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "lab", help="where the report goes (default: %(default)s)")
    parser.add_argument("--package", type=Path, help="a built package; otherwise this checkout is packed")
    parser.add_argument("--seed", type=int, default=20261122, help="of the dice (default: %(default)s)")
    parser.add_argument("--soak-minutes", type=int, default=SOAK_S // 60, help="length of the soak in the long form (default: %(default)s)")
    parser.add_argument("--cuts", type=int, default=0, help=f"how many power cuts (default: {SHORT_CUTS}, in the long form {LONG_CUTS})")
    parser.add_argument("--tcg", action="store_true", help="no KVM, even where there is one")
    args = parser.parse_args(words)
    missing = [tool for tool in ("qemu-system-x86_64", "qemu-img", "debootstrap", "dpkg-deb", "mkfs.ext4") if shutil.which(tool) is None]
    if missing:
        print(f"missing: {', '.join(missing)}; tools/debian-packages installs them (make lab does it as root)", file=sys.stderr)
        return 69
    chosen = _chosen(args.only, long=args.long)
    if args.out.exists() and any(args.out.iterdir()) and not (args.out / MARK).exists():
        print(f"{args.out} holds something else than a report of the lab; give another --out", file=sys.stderr)
        return 2
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    (args.out / MARK).write_text("Written by make lab; the next run removes this folder.\n", "utf-8")
    story = _run(args, chosen)
    (args.out / "lab.json").write_text(json.dumps(story, ensure_ascii=False, indent=1) + "\n", "utf-8")
    report.write(story, args.out)
    verdict = "everything agreed" if story["agree"] else f"{len(story['wrong'])} findings"
    print(f"{verdict}; the report: {args.out / 'index.html'}")
    for line in story["wrong"]:
        print(f"  {line}")
    return 0 if story["agree"] else 1


def _chosen(only: str, *, long: bool) -> list[Scenario]:
    if not only:
        return [scenario for scenario in ALL if scenario.short or long]
    names = only.split(",")
    unknown = set(names) - {scenario.name for scenario in ALL}
    if unknown:
        raise SystemExit(f"there is no scenario {', '.join(sorted(unknown))}; there are: {', '.join(scenario.name for scenario in ALL)}")
    return [scenario for scenario in ALL if scenario.name in names]


def _run(args: argparse.Namespace, chosen: list[Scenario]) -> dict[str, Any]:
    begun = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - begun:7.1f} s  {words}", flush=True)

    guest_image = image()
    package = args.package or _packed(args.out, camera=any(scenario.name == "camera" for scenario in chosen))
    kvm = kvm_works() and not args.tcg
    say(f"{package.name}, {'KVM' if kvm else 'without KVM'}")
    work = args.out / "work"
    register = Register(work, guest_image, [package], kvm=kvm, say=say)
    cuts = args.cuts or (LONG_CUTS if args.long else SHORT_CUTS)
    play = Play(args.long, random.Random(args.seed), package, args.out, args.soak_minutes * 60, cuts)
    story: dict[str, Any] = {
        "schema": 1, "started": datetime.now().astimezone().isoformat(timespec="seconds"), "package": package.name, "kvm": kvm,
        "form": "long" if args.long else "short", "seed": args.seed, "scenarios": [], "wrong": [], "figures": {},
    }  # fmt: skip
    try:
        _open_shop(register, story, say)
        for scenario in chosen:
            story["scenarios"].append(_played(scenario, register, play, story, say))
        say("the books")
        settle(register)
        story["books"] = reckon(register, args.out)
        story["wrong"] += story["books"]["wrong"]
        photograph(register, args.out)
    except (Failed, HandLost, RuntimeError, OSError, subprocess.SubprocessError) as trouble:
        story["wrong"].append(f"the run ended early: {trouble}")
    finally:
        story["machine_cpu_s"], story["waited_s"] = round(register.machine.cpu_s), round(register.machine.waited_s)
        _keep_logs(register, args.out)
        register.stop()
        shutil.rmtree(work / "share", ignore_errors=True)
        register.machine.disk.unlink(missing_ok=True)
    story["seconds"] = round(time.monotonic() - begun)
    story["agree"] = not story["wrong"]
    return story


def _open_shop(register: Register, story: dict[str, Any], say: Any) -> None:
    """From the factory's disk to the first grant."""
    register.machine.new_disk()
    story["figures"]["factory_boot_s"] = round(register.boot(), 1)
    say(f"the machine is up after {story['figures']['factory_boot_s']} s")
    story["figures"]["install_s"] = round(register.install(), 1)
    say(f"installed, enrolled and ready after {story['figures']['install_s']} s")
    register.plug_printer()
    for device in (WEDGE, HIDPOS, SERIAL):
        register.plug(device)
    register.devices_ok("gun", "pos", "com", "slips")
    register.checkout(WEDGE, 1980)
    story["figures"]["slowness"] = moments.slowness(register)
    say(f"the first grant; the machine's processor is {story['figures']['slowness']} times slower than ours")


def _played(scenario: Scenario, register: Register, play: Play, story: dict[str, Any], say: Any) -> dict[str, Any]:
    say(f"== {scenario.title}")
    begun, spent, waited = time.monotonic(), register.machine.cpu_s, register.machine.waited_s
    told: dict[str, Any] = {"name": scenario.name, "title": scenario.title, "figures": {}, "trouble": ""}
    try:
        told["figures"] = scenario.play(register, play)
        story["figures"] |= told["figures"]
    except (Failed, HandLost, RuntimeError, OSError) as trouble:
        told["trouble"] = str(trouble)
        story["wrong"].append(f"{scenario.name}: {str(trouble).splitlines()[0]}")
        say(f"FOUND: {trouble}")
        try:
            _recover(register)
        except (Failed, HandLost, RuntimeError, OSError) as worse:
            story["wrong"].append(f"after {scenario.name} the register could not be brought back: {str(worse).splitlines()[0]}")
    told["seconds"] = round(time.monotonic() - begun)
    told["machine_cpu_s"] = round(register.machine.cpu_s - spent)
    told["waited_s"] = round(register.machine.waited_s - waited)
    say(f"   {told['seconds']} s, of which {told['waited_s']} s others had the processors  {told['figures']}")
    return told


def _recover(register: Register) -> None:
    """After a finding the next scenario gets a register that is as whole as it can be."""
    register.cloud(up=True)
    register.printer.power_on()
    register.printer.reconnect()
    register.printer.load_paper()
    register.printer.cover(False)
    if not register.hand.up:
        register.machine.cut_power()
        register.boot()
    for name in set(register.cabled) - {"slips", *(device["name"] for device in (WEDGE, HIDPOS, SERIAL))}:
        register.put_away(name)
    register.plug_printer()
    for device in (WEDGE, HIDPOS, SERIAL):
        register.plug(device)
    if register.used != register.settings():
        register.use(register.settings())
    register.wait_ready()
    register.devices_ok("pos")
    register.close_open()


def _packed(out: Path, *, camera: bool) -> Path:
    """The agent's package of this checkout; the camera's lies beside it where it is wanted."""
    from tools import package
    from tools.package_control import CAMERA, CORE

    wanted = (CORE, CAMERA) if camera else (CORE,)
    built = package.build(out / "package", ROOT / "build" / "wheels", packages=wanted)
    return next(path for path in built if path.name.startswith("posagent_"))


def _keep_logs(register: Register, out: Path) -> None:
    if register.hand.up:
        ran = register.hand.run("journalctl --no-pager -o short-precise -u posagent -u posagent.socket -u lab; dmesg | tail -200", 120)
        (out / "agent.log").write_text(ran.out, "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
