"""Owns the settings file that `posagent setup` writes: from answers to TOML with a word on every table, and back for the next time."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

MARK = "# Written by `posagent setup`; run it again to change it. `posagent check-config` tells every problem at once.\n"
PREFIX = "20-29"
Door = Literal["program", "printer", "typed"]


@dataclass(frozen=True, slots=True)
class Device:
    """A table of a device: ``settings`` as `posagent devices` proposes them, with "driver"."""

    kind: str
    name: str
    settings: Mapping[str, Any]

    @property
    def place(self) -> tuple[Any, ...]:
        """Which device it is, whatever else its table says."""
        return place_of(self.settings)


def place_of(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a table says of where its device is."""
    return tuple(str(settings.get(key, "")) for key in ("driver", "port", "device", "node", "usb", "host"))


@dataclass(frozen=True, slots=True)
class Answers:
    """What setup asks for. ``door``: how a sale arrives ("printer" has the two addresses). ``url`` "": no head office."""

    language: str = "ja"
    company: str = ""
    brand: str = ""
    store: str = ""
    register: str = ""
    store_name: str = ""
    url: str = ""
    members: str = PREFIX
    door: Door = "typed"
    door_listen: str = "127.0.0.1:9100"
    door_forward: str = ""
    devices: tuple[Device, ...] = field(default=())


def settings_text(answers: Answers, credentials: str) -> str:
    """The whole file."""
    parts = [
        MARK,
        _table("[register]", {"company": answers.company, "brand": answers.brand, "store": answers.store, "register": answers.register,
                              "store_name": answers.store_name, "language": answers.language}),
        _table("[journal]", {"directory": "/var/lib/posagent"}),
        "# the rules until head office hands some down\n" + _table("[program]", {"file": "program.toml"}),
    ]  # fmt: skip
    if answers.url:
        parts.append(_table("[cloud]", {"url": answers.url, "credentials": credentials}))
    parts.append("# the page, and the socket for a POS program on this machine; posagent.socket opens both\n" + _table(
        "[screen]", {"listen": "127.0.0.1:8931", "socket": "/run/posagent/api.sock"}))  # fmt: skip
    parts += [_table(f"[[{device.kind}]]", {"name": device.name, **device.settings}) for device in answers.devices]
    if answers.door == "printer":
        door = {"name": "pos-printer", "driver": "capture-printer", "listen": answers.door_listen, "forward": answers.door_forward}
        parts.append("# the POS prints to us, we print on; if this register is down: give the POS the real address")
        parts.append(_table("[[sale_door]]", door))
    code = {"name": "member", "kind": "member", "symbologies": ["ean13"], "length": 13, "prefixes": [answers.members]}
    parts.append("# which codes are members' cards\n" + _table("[[code]]", code))
    return "\n".join(parts)


def read_answers(text: str) -> Answers:
    """What an earlier run (or a person) wrote, as far as setup asks for it; the rest is left to the reader of settings. Never raises."""
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return Answers()
    register, cloud, codes = _dict(top.get("register")), _dict(top.get("cloud")), top.get("code")
    own = {each.name: str(register[each.name]) for each in fields(Answers) if each.name in register}
    first = _dict(codes[0]) if isinstance(codes, list) and codes else {}
    prefixes = first.get("prefixes")
    members = str(prefixes[0]) if isinstance(prefixes, list) and prefixes else PREFIX
    devices = tuple(_device(kind, table) for kind in ("scanner", "printer") for table in _tables(top.get(kind)))
    answers = Answers(**{**own, "url": str(cloud.get("url", "")), "members": members}, devices=devices)  # type: ignore[arg-type]  # texts only
    for door in _tables(top.get("sale_door")):
        if door.get("driver") == "capture-printer" and "forward" in door:
            listen = str(door.get("listen", answers.door_listen))
            return replace(answers, door="printer", door_listen=listen, door_forward=str(door["forward"]))
    return answers


def _tables(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _device(kind: str, table: dict[str, Any]) -> Device:
    return Device(kind, str(table.get("name", kind)), {key: value for key, value in table.items() if key != "name"})


def own_work(text: str) -> bool:
    """Whether the file is setup's own, so that writing it anew loses nobody's work."""
    return text.startswith(MARK.split(";", maxsplit=1)[0])


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _table(header: str, values: Mapping[str, Any]) -> str:
    return "\n".join([header, *(f"{key} = {toml_value(value)}" for key, value in values.items())]) + "\n"


def toml_value(value: Any) -> str:
    """A value as TOML; whatever a device calls itself stays inside its quotes."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Mapping():
            return "{ " + ", ".join(f"{key} = {toml_value(inner)}" for key, inner in value.items()) + " }"
        case str():
            text = "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in value)
            return f'"{text}"'
        case Sequence():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
        case _:
            return toml_value(str(value))
