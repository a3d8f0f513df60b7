"""Owns the trial at the end of `posagent setup`: each device does once what it is for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import cast

from posagent.cli.setup_words import say
from posagent.errors import DeviceError
from posagent.ports import Driver, Scanner
from posagent.setup_text import Device

SCAN_S = 30.0


def try_devices(devices: Sequence[Device], drivers: Mapping[str, Driver], language: str) -> bool:
    """One test slip on each printer, one scan of each scanner; whether all did it. The agent must not hold them."""
    good = True
    for device in devices:
        driver = drivers[str(device.settings["driver"])]
        if device.kind == "printer":
            from posagent.cli import main

            print(f"{say('print_now', language)}: {device.name}", flush=True)
            chosen = [f"--set={key}={value}" for key, value in device.settings.items() if key != "driver"]
            good &= main(["print", "test", "--driver", driver.name, "--lang", language, *chosen]) == 0
        else:
            good &= _try_scanner(device, driver, language)
    return good


def _try_scanner(device: Device, driver: Driver, language: str) -> bool:
    """One code; only its kind and length are shown, for it may be a customer's card."""
    options = {name: option.default for name, option in driver.options.items()} | {k: v for k, v in device.settings.items() if k != "driver"}
    print(f"{say('scan_now', language)}: {device.name}", flush=True)
    try:
        scanner = cast("Scanner", driver.open(device.name, options))
    except DeviceError as trouble:
        print(f"  [{trouble.code}] {trouble}")
        return False
    try:
        until = time.monotonic() + SCAN_S
        while time.monotonic() < until:
            for scan in scanner.read(1.0):
                if scan.quality == "ok":
                    print(f"  {say('scan_good', language)}: {scan.aim or '?'}, {len(scan.text)}", flush=True)
                    return True
    except DeviceError as trouble:
        print(f"  [{trouble.code}] {trouble}")
        return False
    except KeyboardInterrupt:
        print()
    finally:
        scanner.close()
    print(f"{say('scan_none', language)}: {device.name}", flush=True)
    return False
