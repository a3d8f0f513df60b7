"""Owns what SIGHUP changes: which settings are taken up by a running agent, and which are named because they need a restart.

No device is touched, so no scan is lost: what a device's table says, and who this register is, waits for a restart (half a second, during which
callers wait at the sockets that systemd holds). A file with problems changes nothing at all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from posagent.errors import SettingsError
from posagent.settings import DeviceSettings, Settings, load_settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """``settings``: the old ones with what could be taken up; ``taken`` and ``waits``: tables of the file, by name."""

    settings: Settings
    taken: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    trouble: str = ""


def reload_settings(path: Path, before: Settings, *, safe_mode: bool = False) -> Reloaded:
    """Reads the file again. Never raises: trouble is in the answer, and the old settings stay."""
    try:
        after, _ = load_settings(path, safe_mode=safe_mode)
    except SettingsError as wrong:
        return Reloaded(before, trouble=str(wrong))
    return compared(before, after)


def compared(before: Settings, after: Settings) -> Reloaded:
    """What of the difference is taken up now."""
    own, new = before.register, after.register
    register = replace(own, store_name=new.store_name, language=new.language, tax_rounding=new.tax_rounding)
    devices = tuple(_with_profile(device, after) for device in before.devices)
    mixed = replace(
        before, register=register, program=after.program, checkout=after.checkout, codes=after.codes, tokens=after.tokens, devices=devices
    )
    taken = {
        "[register] store_name, language, tax_rounding": register != own,
        "[program]": after.program != before.program,
        "[checkout]": after.checkout != before.checkout,
        "[[code]]": after.codes != before.codes,
        "[members] token_keys, token_scope": after.tokens != before.tokens,
    }
    waits = {
        "[register]": (new.company, new.brand, new.store, new.register) != (own.company, own.brand, own.store, own.register),
        "[journal]": (after.journal, after.snapshots) != (before.journal, before.snapshots),
        "[members]": (after.members, after.code_key) != (before.members, before.code_key),
        "[cloud]": after.cloud != before.cloud,
        "[screen]": after.screen != before.screen,
    }
    taken |= {f"[[sale_door]] {old.name} profile": old != new for old, new in zip(before.devices, devices, strict=True)}
    old_devices, new_devices = ({device.name: device for device in each.devices} for each in (mixed, after))
    for name in sorted(old_devices.keys() | new_devices.keys()):
        device = new_devices.get(name) or old_devices[name]
        waits[f"[[{device.kind}]] {name}"] = old_devices.get(name) != new_devices.get(name)
    return Reloaded(mixed, _changed(taken), _changed(waits))


def _with_profile(device: DeviceSettings, after: Settings) -> DeviceSettings:
    """A door reads by another profile without being opened anew: nothing of the device changes."""
    new = next((one for one in after.of("sale_door") if one.name == device.name), None)
    if new is None or "profile" not in new.options or device.kind != "sale_door":
        return device
    return replace(device, options={**device.options, "profile": new.options["profile"]})


def _changed(tables: dict[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, changed in tables.items() if changed)


def tell(done: Reloaded, path: Path) -> None:
    """One line for the log."""
    if done.trouble:
        _log.error("reload: nothing was changed: %s", done.trouble, extra={"code": "E100"})
    elif done.waits:
        _log.warning("reload: %s: taken up: %s; needs 'systemctl restart posagent': %s", path, _listed(done.taken), _listed(done.waits))
    else:
        _log.info("reload: %s: taken up: %s", path, _listed(done.taken))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
