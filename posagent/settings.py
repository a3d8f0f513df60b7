"""Owns the settings file: its model and its strict reading, every problem at once, each with path, line and "did you mean".

The file is TOML; `config/posagent.example.toml` shows every table. Device tables carry the options of their driver, which the driver's own
record declares (`posagent.ports.Option`), so that a third party's driver is checked like ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from posagent.errors import SettingsError
from posagent.member_code import Rule, read_rules
from posagent.pairing import is_origin
from posagent.ports import Kind, Option
from posagent.registry import Registry, driver_names, load_drivers
from posagent.scan_router import Route, read_route, routed_options
from posagent.staff import Staff, read_staff, staff_file
from posagent.strict import Problem, Table

DEFAULT_PATH = Path("/etc/posagent/posagent.toml")
DEVICE_KINDS: tuple[Kind, ...] = ("scanner", "printer", "display", "drawer", "sale_door")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"
_NAME_WANTED = "a short name of letters, digits, '-', '_' or '.' (at most 32)"

Ambiguous = Literal["reprint_marked", "ask", "hold"]


@dataclass(frozen=True, slots=True)
class RegisterSettings:
    """Who this register is; it stands on every event and slip and never changes while the journal lives."""

    company: str
    brand: str
    store: str
    register: str
    store_name: str
    language: Literal["ja", "en"]
    tax_rounding: Literal["floor", "half_up", "ceil"]


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Where the journal goes. ``credentials`` is a JSON file that enrolment writes (device id and key); None: unsigned, for tests.

    ``certificate``: this register's own (PEM) and its private key, where head office asks for one; ``authority``: who signed head office's
    certificate, where that is nobody whom the system knows."""

    url: str
    credentials: Path | None
    heartbeat_s: int
    certificate: tuple[Path, Path] | None = None
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """The page's address (empty: no page), the local Unix socket (None: none), who may show the page in a frame, which pages of other origins
    may call with a token, and the staff with their PINs."""

    listen: str
    socket: Path | None
    frame_ancestors: tuple[str, ...]
    allowed_origins: tuple[str, ...] = ()
    staff: tuple[Staff, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckoutSettings:
    """How a scan and a sale find each other. Times in seconds."""

    pair_window_s: int
    bounce_s: int
    operator: str


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One device: its name in messages, its driver, and the driver's options, checked and completed."""

    name: str
    kind: Kind
    driver: str
    options: Mapping[str, Any]
    ambiguous: Ambiguous = "reprint_marked"  # printers only: what to do when nothing can prove whether a slip came out
    route: Route | None = None  # scanners only: what is not ours is typed on into the POS


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """How signed member codes are verified: the issuer's public keys (Ed25519, 64 hexadecimal digits each) and this shop's scope ("": any)."""

    public_keys: tuple[str, ...] = ()
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file."""

    register: RegisterSettings
    journal: Path
    snapshots: Path | None
    program: Path
    members: Path | None
    cloud: CloudSettings | None
    screen: ScreenSettings
    checkout: CheckoutSettings
    code_key: Path | None
    codes: tuple[Rule, ...]
    devices: tuple[DeviceSettings, ...]
    tokens: TokenSettings

    def of(self, kind: Kind) -> tuple[DeviceSettings, ...]:
        """The devices of one kind, in the file's order."""
        return tuple(device for device in self.devices if device.kind == kind)


def load_settings(path: Path, *, safe_mode: bool = False) -> tuple[Settings, Registry]:
    """Reads the file and loads the drivers that it names. Raises SettingsError with every problem."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no settings file; copy config/posagent.example.toml there and edit it", code="E105") from None
    except (OSError, UnicodeDecodeError) as trouble:
        raise SettingsError(f"{path}: cannot be read: {trouble}; it must be UTF-8 text, readable by this user", code="E105") from trouble
    settings, registry, problems = read_settings(text, base=path.parent, safe_mode=safe_mode)
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise SettingsError(f"{path}: {len(problems)} {noun}:", [f"  {problem}" for problem in problems])
    return settings, registry


def read_settings(text: str, *, base: Path, safe_mode: bool = False) -> tuple[Settings, Registry, list[Problem]]:
    """Reads a settings text; relative paths in it start at ``base``. With problems, the settings returned are only good for further checks."""
    top = Table.parse(text)
    if top.problems:  # not TOML: nothing else can be said
        return _assemble(Table({}), Registry(), base), Registry(), top.problems
    wanted = {table.values.get("driver") for kind in DEVICE_KINDS for table in _quietly(top, kind)}
    registry = load_drivers(only=frozenset(name for name in wanted if isinstance(name, str)), safe_mode=safe_mode)
    settings = _assemble(top, registry, base)
    return settings, registry, top.problems


def _quietly(top: Table, kind: str) -> list[Table]:
    return Table(top.values).tables(kind)


def _assemble(top: Table, registry: Registry, base: Path) -> Settings:
    register = _register(top.table("register", required=True))
    journal = top.table("journal")
    directory = journal.text("directory", "/var/lib/posagent")
    snapshots = journal.text("snapshots", None)
    journal.finish()
    program = top.table("program")
    program_file = program.text("file", "/etc/posagent/program.toml")
    program.finish()
    members = top.table("members")
    members_file = members.text("file", None)
    code_key = members.text("code_key", None)
    tokens = _tokens(members)
    members.finish()
    cloud = _cloud(top.table("cloud"), base) if "cloud" in top else None
    screen = _screen(top.table("screen"), top.tables("staff"), base)
    checkout = _checkout(top.table("checkout"))
    codes = read_rules(top.tables("code"))
    devices = _devices(top, registry, top.raw("code", []))
    top.finish()
    return Settings(
        register, base / directory, base / snapshots if snapshots else None, base / program_file, base / members_file if members_file else None,
        cloud, screen, checkout, base / code_key if code_key else None, codes, devices, tokens,
    )  # fmt: skip


def _register(table: Table) -> RegisterSettings:
    def name(key: str) -> str:
        value: str = table.text(key, pattern=_NAME, wanted=_NAME_WANTED)
        return value

    found = RegisterSettings(
        company=name("company"),
        brand=name("brand"),
        store=name("store"),
        register=name("register"),
        store_name=table.text("store_name", longest=40),
        language=table.text("language", "ja", choices=("ja", "en")),
        tax_rounding=table.text("tax_rounding", "floor", choices=("floor", "half_up", "ceil")),
    )
    table.finish()
    return found


def _tokens(table: Table) -> TokenSettings:
    keys = table.texts("token_keys", ())
    for key in keys:
        if not re.fullmatch("[0-9a-fA-F]{64}", key):
            table.complain("token_keys", f"holds '{key[:12]}…', which is no public key; the issuer's has 64 hexadecimal digits")
    return TokenSettings(keys, table.text("token_scope", "", pattern="[0-9A-Za-z_-]{0,32}", wanted="at most 32 letters, digits, '-' or '_'"))


def _cloud(table: Table, base: Path) -> CloudSettings:
    url = table.text("url", pattern=r"https?://[^\s/]+(/\S*)?", wanted="an address like https://points.example.jp")
    if url.startswith("http://") and not re.match(r"http://(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?(/|$)", url):
        table.complain("url", "sends members' points over an open line; use https:// (http:// is for this machine only)")
    credentials = table.text("credentials", None)
    heartbeat_s = table.integer("heartbeat_s", 900, minimum=5, maximum=900)
    certificate, private_key, authority = (table.text(name, None) for name in ("certificate", "private_key", "authority"))
    if (certificate is None) != (private_key is None):
        table.complain("certificate" if certificate else "private_key", "is half of a pair; give both certificate and private_key (PEM files)")
    found = CloudSettings(
        url.rstrip("/"), base / credentials if credentials else None, heartbeat_s,
        (base / certificate, base / private_key) if certificate and private_key else None, base / authority if authority else None,
    )  # fmt: skip
    table.finish()
    return found


def _screen(table: Table, people: list[Table], base: Path) -> ScreenSettings:
    listen = table.text("listen", "127.0.0.1:8931", pattern=r"((127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d{1,5})?", wanted=(
        "an address of this machine like 127.0.0.1:8931, or \"\" for no page (the page is never offered to the network)"))  # fmt: skip
    socket = table.text("socket", None)
    origins = table.texts("allowed_origins", ())
    for origin in origins:
        if not is_origin(origin):
            table.complain("allowed_origins", f"holds '{origin[:60]}', which no browser sends; give origins like https://pos.example.jp")
    staff = read_staff(people)
    if file := table.text("staff_file", None):
        staff += _staff_beside(table, base / file, staff)
    found = ScreenSettings(listen, base / socket if socket else None, table.texts("frame_ancestors", ()), origins, staff)
    table.finish()
    return found


def _staff_beside(table: Table, path: Path, known: tuple[Staff, ...]) -> tuple[Staff, ...]:
    try:
        found = staff_file(path)
    except SettingsError as wrong:
        table.complain("staff_file", str(wrong))
        return ()
    if twice := {one.code for one in found} & {one.code for one in known}:
        table.complain("staff_file", f"names {', '.join(sorted(twice))}, who stands in [[staff]] already; leave one of the two out")
    return found


def _checkout(table: Table) -> CheckoutSettings:
    found = CheckoutSettings(
        pair_window_s=table.integer("pair_window_s", 120, minimum=10, maximum=3600),
        bounce_s=table.integer("bounce_s", 2, minimum=0, maximum=10),
        operator=table.text("operator", "register", pattern=_NAME, wanted=_NAME_WANTED),
    )
    table.finish()
    return found


def _devices(top: Table, registry: Registry, codes: list[Any]) -> tuple[DeviceSettings, ...]:
    """``codes``: the shop's [[code]] tables, which a camera judges by as well unless it has its own."""
    devices: list[DeviceSettings] = []
    seen: dict[str, str] = {}
    for kind in DEVICE_KINDS:
        for table in top.tables(kind):
            device = _device(table, kind, registry, codes)
            if device.name in seen:
                table.complain("name", f"'{device.name}' is the name of {seen[device.name]} already; every device needs its own")
            seen[device.name] = table.path
            devices.append(device)
    return tuple(devices)


def _device(table: Table, kind: Kind, registry: Registry, codes: list[Any]) -> DeviceSettings:
    name = table.text("name", kind, pattern=_NAME, wanted=_NAME_WANTED)
    ambiguous: Ambiguous = "reprint_marked"
    if kind == "printer":
        ambiguous = table.text("ambiguous", "reprint_marked", choices=("reprint_marked", "ask", "hold"))
    driver_name = table.text("driver")
    driver = registry.drivers.get(driver_name)
    if driver is None:
        if driver_name:
            table.complain("driver", _no_driver(driver_name, registry))
        return DeviceSettings(name, kind, driver_name, {}, ambiguous)
    if driver.kind != kind:
        table.complain("driver", f"'{driver_name}' drives a {driver.kind}, not a {kind}; move this table to [[{driver.kind}]]")
    options = {key: _option(table, key, option) for key, option in driver.options.items()}
    if options.get("code") == []:
        options["code"] = codes
    route = read_route(table, types_keys=driver.name == "wedge", camera=driver.home == "camera") if kind == "scanner" else None
    table.finish()
    return DeviceSettings(name, kind, driver_name, routed_options(options, route), ambiguous, route)


def _no_driver(name: str, registry: Registry) -> str:
    from difflib import get_close_matches

    for broken in registry.broken:
        if broken.name == name:
            return f"'{name}' of {broken.distribution} cannot be loaded ({broken.why}); update or remove it"
    installed = driver_names()
    near = get_close_matches(name, installed, n=1)
    return f"there is no driver '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"installed: {', '.join(installed) or 'none'}")


def _option(table: Table, key: str, option: Option) -> Any:
    given = {} if option.required else {"default": option.default}
    if option.kind is str:
        value = table.text(key, choices=option.choices, **given)
    elif option.kind is int:
        value = table.integer(key, minimum=option.minimum, maximum=option.maximum, **given)
        if option.choices and value not in option.choices and key in table:
            table.complain(key, f"must be one of {', '.join(map(str, option.choices))}, not {value}")
    elif option.kind is bool:
        value = table.boolean(key, **given)
    else:
        value = table.raw(key, option.default)
        if key in table and not isinstance(value, list):
            table.complain(key, "must be a list")
    return value
