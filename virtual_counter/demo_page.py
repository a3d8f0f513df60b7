"""Owns the demo's page: both sides of a counter in one window, served on loopback by Starlette. The cashier's own page stands in a frame."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from posagent.errors import PortTaken
from virtual_counter.cards import draw_card, draw_phone
from virtual_counter.demo_counter import FIXED_RATE, PER_AMOUNT, Counter
from virtual_counter.demo_day import ledger
from virtual_counter.paper import PhysicalSlip

STATIC = Path(__file__).parent / "static"
NEWEST_SLIPS = 12
CARDS: dict[str, tuple[str, str, str]] = {  # id -> (symbology as drawn, AIM identifier, text as scanned)
    "jan": ("JAN13", "E0", "2012345678903"),
    "nw7": ("NW7", "F0", "A123456784A"),
    "code128": ("CODE128", "C0", "4012345678901239"),
    "qr": ("QR", "Q1", "5012345678901236"),
}


class _Server(uvicorn.Server):
    """Leaves signals to the command."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class DemoPage:
    """Binds its port at once (so that its address is known), serves when the counter is there. Raises PortTaken."""

    def __init__(self, port: int) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind(("127.0.0.1", port))
        except OSError as trouble:
            self._listener.close()
            raise PortTaken(f"demo page: port {port} of 127.0.0.1 is taken ({trouble.strerror}); choose another with --port") from trouble
        self._port: int = self._listener.getsockname()[1]
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self._port}/"

    def serve(self, counter: Counter) -> None:
        """Starts serving in a thread."""
        app = make_app(counter, {f"127.0.0.1:{self._port}", f"localhost:{self._port}"})
        self._server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, name="demo-page", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the server."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(5)
        self._listener.close()


def make_app(counter: Counter, hosts: set[str]) -> Starlette:
    """The routes. Changes need a header that no foreign page can send without asking first."""

    def page(_request: Request) -> Response:
        return Response((STATIC / "demo.html").read_bytes(), media_type="text/html")

    def file(request: Request) -> Response:
        kinds = {"demo.css": "text/css", "demo.js": "text/javascript"}
        name = request.path_params["name"]
        return Response((STATIC / name).read_bytes(), media_type=kinds[name]) if name in kinds else Response(status_code=404)

    def card(request: Request) -> Response:
        return _png(_picture(request.path_params["kind"], request.path_params["id"]))

    def slip(request: Request) -> Response:
        found = [one for one in counter.printer.slips() if one.number == request.path_params["number"]]
        return _png(found[0].png()) if found else Response(status_code=404)

    def look(_request: Request) -> Response:
        return _json(state_of(counter))

    async def act(request: Request) -> Response:
        if request.headers.get("host") not in hosts or request.headers.get("x-demo") != "1":
            return Response("this page only", 403)
        try:
            asked = json.loads(await request.body())
            said = await _in_thread(lambda: do(counter, asked))
        except (ValueError, KeyError, TypeError) as wrong:
            return _json({"error": f"not understood: {wrong}"}, 400)
        return _json(said)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/static/{name}", file),
            Route("/cards/{kind}/{id}.png", card),
            Route("/slips/{number:int}.png", slip),
            Route("/state", look),
            Route("/do", act, methods=["POST"]),
        ]
    )


async def _in_thread(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work)


def _picture(kind: str, card: str) -> bytes | None:
    if card not in CARDS:
        return None
    symbology, _, text = CARDS[card]
    return draw_card(symbology, text) if kind == "plastic" else draw_phone(symbology, text, seed=3)  # type: ignore[arg-type]


def _png(picture: bytes | None) -> Response:
    return Response(picture, media_type="image/png") if picture else Response(status_code=404)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, media_type="application/json", headers={"Cache-Control": "no-store"})


def state_of(counter: Counter) -> dict[str, Any]:
    """Everything that the page shows of the customer's side and of what lies behind the counter."""
    told = counter.listener.told("granted")
    slips = [slip for slip in counter.printer.slips() if not slip.blank]
    whole = {serial for slip in slips if slip.complete and not slip.void for serial in slip.serials}  # a copy is of the same slip
    status = counter.till.status()
    return {
        "cashier": counter.page_url,
        "office": counter.receiver_url,
        "agent": {"pid": counter.agent_pid, "starts": counter.starts},
        "scanner": counter.scanner.plugged,
        "wedge": counter.wedge_missing,
        "camera": counter.camera.view.name if counter.camera.view else None,
        "display": counter.display.lines(),
        "printer": {**counter.printer.state(), "paper_mm": counter.printer.paper_left_mm},
        "cloud": counter.cloud_up,
        "pending": status.body.get("queue", {}).get("pending"),
        "slips": [_slip(slip) for slip in slips[-NEWEST_SLIPS:]][::-1],
        "promised": {
            "grants": len(told),
            "points": sum(event["points"] for event in told),
            "slips": sum(len(event["slips"]) for event in told),
        },
        "arrived": {**_arrived(counter), "slips": len(whole)},
    }


def _slip(slip: PhysicalSlip) -> dict[str, Any]:
    return {"number": slip.number, "complete": slip.complete, "void": slip.void, "serials": list(slip.serials)}


def _arrived(counter: Counter) -> dict[str, Any]:
    """Grants and points in head office's ledger; None while the line is cut."""
    if not counter.cloud_up:
        return {"grants": None, "points": None}
    rows = [row for row in ledger(counter) if row["type"] == "granted"]
    return {"grants": len(rows), "points": sum(row["points"] for row in rows)}


def do(counter: Counter, asked: dict[str, Any]) -> dict[str, Any]:
    """One action of the page. Raises KeyError and ValueError for what it does not know."""
    action = ACTIONS.get(str(asked["what"]))
    if action is None:
        raise ValueError(f"no such action: {asked['what']!r:.40}")
    return action(counter, asked) or {"done": True}


def _scan(counter: Counter, asked: dict[str, Any]) -> None:
    _, aim, text = CARDS[asked["card"]]
    if asked.get("wedge") and counter.wedge is not None:
        counter.wedge.scan(text)
    else:
        counter.scanner.scan(text, aim=aim)


def _camera(counter: Counter, asked: dict[str, Any]) -> None:
    picture = _picture(asked["kind"], asked["card"])
    if picture is None:
        raise ValueError("there is no such card")
    counter.camera.show(picture)


def _sale(counter: Counter, asked: dict[str, Any]) -> dict[str, Any]:
    said = counter.till.ring_up(int(asked["total"]), receipt_no=str(asked["receipt_no"]))
    return {"status": said.status, **said.body}


ACTIONS: dict[str, Callable[[Counter, dict[str, Any]], dict[str, Any] | None]] = {
    "scan": _scan,
    "camera": _camera,
    "camera-clear": lambda counter, _: counter.camera.clear(),
    "sale": _sale,
    "paper-out": lambda counter, asked: counter.printer.paper_out(after_rows=int(asked["rows"])),
    "paper-in": lambda counter, _: counter.printer.load_paper(),
    "cover": lambda counter, asked: counter.printer.cover(is_open=bool(asked["open"])),
    "printer-power": lambda counter, asked: counter.printer.power_on() if asked["on"] else counter.printer.power_cut(),
    "scanner": lambda counter, asked: counter.scanner.plug() if asked["plugged"] else counter.scanner.unplug(),
    "cloud": lambda counter, asked: counter.cloud(up=bool(asked["up"])),
    "kill": lambda counter, _: {"killed": counter.kill_agent()},
    "program": lambda counter, asked: {"version": counter.publish(FIXED_RATE if asked["rate"] else PER_AMOUNT)},
}
