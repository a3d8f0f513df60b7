"""Owns the putting together of an agent from its settings: journal, rules, devices, lanes, page; and the starting of their threads."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from offline_queue import errors as queue_errors
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from offline_queue.sync import SyncLane
from posagent import events as ev
from posagent import service
from posagent.access_log import AccessLog, Paper
from posagent.agent import Agent, NewRules, Say, empty_board, trace_of
from posagent.backend import ScreenBackend
from posagent.checkout import Rules
from posagent.clock import believable, kernel_synchronised
from posagent.cloud_lane import cloud_lane, head_office
from posagent.credentials import read_credentials
from posagent.device_loops import DisplayFeed, RemoteLoop, display_loop, door_loop, scanner_loop
from posagent.errors import AlreadyRunning, SettingsError, StorageError
from posagent.events import Place, draft
from posagent.handed_down import HandedDown, members_file, program_file
from posagent.handout import Stationery
from posagent.hanging import HangingScanners
from posagent.loyalty.days import business_date
from posagent.loyalty.model import Register
from posagent.members import MemberDirectory, read_key
from posagent.pairing import Pairing
from posagent.ports import Home, Scan
from posagent.print_loop import PrintLoop, Recorder, cancel_slips
from posagent.program_store import KEPT, InForce, keep, program_in_force
from posagent.refunds import RefundDesk
from posagent.registry import Registry
from posagent.remote import APART_S, RemoteDevice, entry_of, typist_entry
from posagent.scan_router import is_ours
from posagent.screen.access import Access
from posagent.screen.server import ScreenServer
from posagent.screen.tokens import TokenBook
from posagent.screen.unlocks import Unlocks
from posagent.settings import DeviceSettings, Settings
from posagent.slips import from_json
from posagent.supervision import Facts, Supervision, cloud_check, journal_check, printers_check
from posagent.technician import Technician
from posagent.timed_codes import TimedCodes
from posagent.token_verify import verifier

if TYPE_CHECKING:
    from posagent.door_room import Doors

_log = logging.getLogger(__name__)
PROGRAM_LOOK_S = 30.0
TOKENS = "tokens.json"


@contextmanager
def journal_trouble() -> Iterator[None]:
    """Turns the queue's trouble into ours."""
    try:
        yield
    except queue_errors.JournalLocked as locked:
        raise AlreadyRunning(str(locked)) from locked
    except queue_errors.JournalError as trouble:
        raise StorageError(str(trouble)) from trouble


def open_journal(settings: Settings) -> Journal:
    """The journal of this register. Raises AlreadyRunning and StorageError."""
    place = settings.register
    with journal_trouble():
        source = f"/t/{place.company}/s/{place.store}/r/{place.register}"
        return Journal.open(settings.journal, source=source, snapshots=settings.snapshots)


def start_agent(settings: Settings, registry: Registry, again: Callable[[Settings], Settings] = lambda settings: settings) -> Agent:
    """Opens what must be there (journal, page address), starts every loop, and returns the agent, ready for `Agent.run`.

    ``again`` is asked at a reload: from the settings that were in force to those that are from now on."""
    agent_version = version("posagent")
    journal = open_journal(settings)
    try:
        return _started(settings, registry, journal, agent_version, again)
    except BaseException:
        journal.close()
        raise


def _started(
    settings: Settings, registry: Registry, journal: Journal, agent_version: str, again: Callable[[Settings], Settings]
) -> Agent:
    own = read_credentials(settings.cloud.credentials) if settings.cloud and settings.cloud.credentials else None
    handed = HandedDown(settings.journal, own.file_keys, lambda _name: agent.look.set()) if own else None
    if handed is not None:
        handed.unpack()
    key = own.member_key if own else read_key(settings.code_key or settings.journal / "code.key")
    members = MemberDirectory(key, settings.members or members_file(settings.journal))
    in_force = _in_force(settings)
    lane = PrintLane(journal)
    displays = {device.name: DisplayFeed() for device in settings.of("display")}
    printers = settings.of("printer")
    link: list[SyncLane] = []
    recorder = Recorder(_place(settings), lambda: agent.rules.register.program, lambda: agent.is_offline(), trace_of(agent_version))

    def timed(now: Settings) -> TimedCodes:
        return _timed_codes(now, lambda: link[0].state().clock_offset_ms if link else None)

    agent = Agent(
        journal,
        rules_of(settings, in_force),
        settings.codes,
        members,
        empty_board({device.name: (device.kind, device.driver) for device in settings.devices}),
        printer=printers[0].name if printers else None,
        displays=tuple(displays.values()),
        offline=lambda: bool(link) and link[0].link != "online",
        unsent=_unsent(journal, settings),
        cancel_slips=lambda serials: cancel_slips(lane, recorder, serials),
        timed=timed(settings),
        trace=trace_of(agent_version),
        head_office=head_office(settings.cloud) if settings.cloud else None,
    )
    hanging = HangingScanners(agent.post)
    agent.supervision = _supervision(agent, journal, link, hanging)
    agent.resume()
    journal.subscribe(agent.wake_listeners)
    _install_hooks(agent)
    _record_program(agent, settings, in_force)
    if settings.cloud is not None:
        cloud = cloud_lane(journal, settings.cloud, handed.pulls() if handed else (), agent.stopping)
        link.append(cloud)
        agent.awaited.append(threading.Thread(target=cloud.run, name="cloud", daemon=True))
        agent.closers.append(cloud.wake)
    refunds = RefundDesk(agent)
    _add_devices(agent, settings, registry, lane, recorder, displays, refunds, hanging)
    agent.threads.append(threading.Thread(target=_watch_program, args=(agent, settings, in_force, again, timed), name="program", daemon=True))
    if settings.screen.listen or settings.screen.socket:
        here = settings.register
        technician = Technician(
            agent, lane, language=here.language, store_name=here.store_name, link=lambda: link[0].state() if link else None
        )
        access = _access(settings, AccessLog(journal, lambda: agent.rules, trace_of(agent_version)))
        backend = ScreenBackend(
            agent,
            journal,
            lane,
            language=settings.register.language,
            store_name=settings.register.store_name,
            register_name=settings.register.register,
            link=lambda: link[0].state() if link else None,
            technician=technician,
            slip_picture=_slip_picture(settings, registry),
            refunds=refunds,
            lacks=() if access.unlocks.needed else ("manager_pin",),
        )
        server = ScreenServer(
            backend,
            settings.screen.listen,
            service.listening_sockets(),
            settings.screen.frame_ancestors,
            unix_path=str(settings.screen.socket or ""),
            foreign_origins=settings.screen.allowed_origins,
            access=access,
            count=agent.counts.request,
        )
        agent.closers.append(server.stop)
        agent.awaited.append(threading.Thread(target=server.run, name="page", daemon=True))
        _log.info("page: %s", server.url)
    for finding in journal.findings:
        _log.warning("journal: %s", finding)
    for thread in (*agent.threads, *agent.awaited):
        thread.start()
    return agent


def _access(settings: Settings, record: AccessLog) -> Access:
    """Who gets in beyond the page, and by which PIN."""
    tokens, here, printers = TokenBook(settings.journal / TOKENS), settings.register, settings.of("printer")
    print_code = partial(record.print_code, Paper(printers[0].name, here.store_name, here.language)) if printers else None
    return Access(tokens, Pairing(tokens, record.note), Unlocks(settings.screen.staff, record.note), record.note, print_code)


def _supervision(agent: Agent, journal: Journal, link: list[SyncLane], hanging: HangingScanners) -> Supervision:
    """What systemd is told; ``link`` is filled later, where there is a head office."""
    reader = journal.reader()

    def look() -> Facts:
        board, health = agent.board, journal.health()
        waiting = reader.pending() if link else None
        since = datetime.fromisoformat(waiting.oldest_time) if waiting and waiting.oldest_time else None
        return Facts(
            board.devices.values(),
            board.worst(),
            waiting.count if waiting else 0,
            int((datetime.now().astimezone() - since).total_seconds()) if since else None,
            link[0].link if link else "none",
            health.state,
            agent.rules.program is not None,
        )

    checks = (
        journal_check(lambda: journal.health().state, journal.busy_s),
        printers_check(lambda: agent.board),
        cloud_check(lambda: link[0].moved_ns if link else None),
    )
    return Supervision(look, checks, hanging.look)


def _unsent(journal: Journal, settings: Settings) -> Callable[[], int]:
    """How many events wait for the cloud; a register without one waits for nobody."""
    if settings.cloud is None:
        return lambda: 0
    reader = journal.reader()
    return lambda: reader.pending().count


def _timed_codes(settings: Settings, offset_ms: Callable[[], int | None]) -> TimedCodes:
    """The judge of time-limited codes. cryptography is loaded here, not at the till, and only where there is a key to verify with."""
    signed = settings.tokens.public_keys and any(rule.timed == "signed" for rule in settings.codes)
    verify = verifier(settings.tokens.public_keys) if signed else None
    return TimedCodes(settings.codes, settings.tokens.scope, verify, lambda: believable(kernel_synchronised(), offset_ms()))


def _in_force(settings: Settings) -> InForce:
    file = program_file(settings.journal, settings.program)
    return program_in_force(file, settings.journal / KEPT, _place(settings), datetime.now().astimezone().date())


def _place(settings: Settings) -> Place:
    place = settings.register
    return Place(place.company, place.brand, place.store, place.register)


def rules_of(settings: Settings, in_force: InForce) -> Rules:
    """What the counter computes with."""
    own, program = settings.register, in_force.program
    register = Register(
        own.company, own.brand, own.store, own.register, own.tax_rounding, program.reference if program else "none@0"
    )
    stationery = Stationery(own.store, own.register, own.store_name, own.language) if settings.of("printer") else None
    checkout = settings.checkout
    return Rules(
        _place(settings), program, register, stationery, checkout.operator, checkout.pair_window_s * 1000,
        head_office=settings.cloud is not None, bounce_ms=checkout.bounce_s * 1000,
    )  # fmt: skip


def rules_in_force(settings: Settings) -> Rules:
    """What an agent with these settings would compute with now, for commands that look without one."""
    return rules_of(settings, _in_force(settings))


def _record_program(agent: Agent, settings: Settings, in_force: InForce) -> None:
    """A program that was not in force before goes on record; trouble is told."""
    if in_force.trouble:
        _log.error("program: %s", in_force.trouble)
        agent.post(Say("E600", {"why": in_force.trouble}))
    if in_force.program is None:
        return
    at = datetime.now().astimezone()
    program = in_force.program
    applied = draft(
        ev.PROGRAM_APPLIED,
        place=_place(settings),
        idemkey=f"program/{settings.register.register}/{program.reference}/{in_force.digest[:16]}",
        at=at.isoformat(timespec="milliseconds"),
        business_date=business_date(at, program.day_start).isoformat(),
        operator="system",
        role="system",
        program=program.reference,
        data={"sha256": in_force.digest, "approvals": [{"level": each.level, "by": each.by} for each in program.approvals]},
        trace={"at": at.isoformat(timespec="milliseconds")},
    )
    # business_date may differ between two starts with the same program: it is a circumstance here, so the key alone decides
    with journal_trouble():
        if agent.journal.reader().find(applied.idemkey) is None:
            agent.journal.put([NewEvent(applied.type, applied.subject, applied.idemkey, applied.time, applied.data)]).result(10)
    if not in_force.trouble:
        keep(program_file(settings.journal, settings.program), settings.journal / KEPT, in_force.digest)


def _watch_program(
    agent: Agent, settings: Settings, known: InForce, again: Callable[[Settings], Settings], timed: Callable[[Settings], TimedCodes]
) -> None:
    """Looks, now and then and when asked, whether the program file was replaced or its dates ran out; at a reload also into the settings."""
    while not agent.stopping.is_set():
        agent.look.wait(PROGRAM_LOOK_S)
        agent.look.clear()
        before = settings
        if reload := agent.asked_to_reload.is_set():
            service.notify(RELOADING="1")
            agent.asked_to_reload.clear()
            settings = again(before)
            if agent.bench.doors is not None:
                agent.bench.doors.settings_changed(settings.of("sale_door"))
        found = _in_force(settings)
        if not agent.stopping.is_set() and ((found.digest, found.trouble) != (known.digest, known.trouble) or settings != before):
            known = found
            _record_program(agent, settings, found)
            agent.post(NewRules(rules_of(settings, found), (settings.codes, timed(settings)) if settings != before else None))
        if reload:
            service.notify(READY="1")


def _add_devices(
    agent: Agent, settings: Settings, registry: Registry, lane: PrintLane, recorder: Recorder, displays: dict[str, DisplayFeed],
    refunds: RefundDesk, hanging: HangingScanners,
) -> None:  # fmt: skip
    def hosted(home: Home, devices: list[RemoteDevice], after_s: float = 0.0) -> RemoteLoop:
        """A process for these devices."""
        return RemoteLoop(
            home, devices, agent.post, agent.stopping, agent.bench.saw, lambda scan: _is_ours(agent, scan),
            lambda code, fields: agent.post(Say(code, fields)), after_s, lambda: None if agent.bench.testing_s else agent.codes,
        )  # fmt: skip

    def apart(device: DeviceSettings) -> None:
        hosted("agent", [RemoteDevice(device.name, entry_of(device.driver), device.options)], APART_S).start()

    remote: dict[Home, list[RemoteDevice]] = {}
    for device in settings.devices:
        driver = registry.drivers[device.driver]
        match device.kind:
            case "scanner" if driver.home != "agent" or device.route:
                # The keyboard that types on belongs into the process that holds the scanner: the kernel frees both with it.
                home: Home = "reader" if driver.home == "agent" else driver.home
                route = {**asdict(device.route), "typist": typist_entry()} if device.route else None
                remote.setdefault(home, []).append(RemoteDevice(device.name, entry_of(device.driver), device.options, route))
            case "scanner":
                stop = threading.Event()
                agent.closers.append(stop.set)
                reading = scanner_loop(device.name, driver, device.options, agent.post, stop)
                hanging.watch(reading, partial(apart, device))
                agent.threads.append(reading)
            case "printer":
                printing = PrintLoop(device, driver, lane, recorder, agent.post, agent.stopping, agent.bench.printer_said)
                agent.journal.subscribe(printing.wake)
                agent.closers.append(printing.wake)
                agent.awaited.append(printing)
            case "display":
                agent.threads.append(display_loop(device.name, driver, device.options, displays[device.name], agent.post, agent.stopping))
            case "sale_door":
                sales = _doors(agent, settings, refunds).add(device)
                agent.threads.append(
                    door_loop(device.name, driver, device.options, sales.prepare, sales.take, agent.post, agent.stopping)
                )
            case _:
                raise SettingsError(f"{device.kind} '{device.name}': devices of this kind are not used yet; take the table out", code="E102")
    for home, devices in remote.items():
        loop = hosted(home, devices)
        agent.threads.append(loop)
        if home == "camera":
            agent.bench.watch |= {device.name: loop.watch for device in devices}


def _doors(agent: Agent, settings: Settings, refunds: RefundDesk) -> Doors:
    """The doors of this agent; they are loaded where there is one."""
    from posagent.door_room import Doors

    if agent.bench.doors is None:
        agent.bench.doors = Doors(agent, settings.journal, refunds)
        agent.threads.append(threading.Thread(target=agent.bench.doors.watch, name="doors", daemon=True))
    return agent.bench.doors


def _is_ours(agent: Agent, scan: Scan) -> bool:
    """Whether a routed scan stays here. In test mode all do: the technician wants to see them."""
    return bool(agent.bench.testing_s) or is_ours(scan.text, scan.aim, agent.codes)


def _slip_picture(settings: Settings, registry: Registry) -> Callable[[bytes], bytes] | None:
    """Draws a stored slip as its printer would print it; None where there is no printer, or its driver cannot draw."""
    printers = settings.of("printer")
    draw = registry.drivers[printers[0].driver].preview if printers else None
    if draw is None:
        return None
    return lambda document: draw(from_json(document), printers[0].options).png


def _install_hooks(agent: Agent) -> None:
    """An exception that nobody expected ends the process, whichever thread it was in."""

    def thread_died(details: threading.ExceptHookArgs) -> None:
        if details.exc_value is not None:
            sys.__excepthook__(type(details.exc_value), details.exc_value, details.exc_traceback)
            agent.failed(details.exc_value)

    threading.excepthook = thread_died
