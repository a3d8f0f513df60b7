"""Owns what the screen asks of the agent: the only way from HTTP to the counter.

Every call may come from any thread, returns or raises within its deadline (2 s), and raises `posagent.errors.PosagentError` for trouble that
has a code; anything else it raises ends the process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

if TYPE_CHECKING:
    from posagent.screen.counter_backend import CounterBackend
    from posagent.screen.manager import ManagerBackend
    from posagent.screen.technician import TechnicianBackend

Language = Literal["ja", "en"]
Level = Literal["ok", "offline", "action"]  # green, amber, red: three and no more
DeviceState = Literal["ready", "held", "gone", "opening", "unknown"]
"""ready: works; held: waits for a person (paper, cover); gone: lost, being reopened; opening: on its way; unknown: it does not say."""
Json = dict[str, Any]


class DeviceStatus(TypedDict, total=False):
    """One device as the strip shows it."""

    name: str  # "front printer"
    kind: str  # posagent.ports.Kind
    driver: str
    state: DeviceState
    as_of: int | None  # seconds since the last success; None: never yet
    stale: bool
    code: str | None  # of posagent.messages, where somebody should act; "" or None: all is well
    detail: str  # English, for technicians


class QueueStatus(TypedDict, total=False):
    """What still waits for head office."""

    pending: int
    oldest_s: int | None
    link: Literal["online", "offline", "unknown"]


class OpenCheckout(TypedDict, total=False):
    """The half of a sale that waits for its other half."""

    member: str | None  # masked
    amount: int | None  # minor unit, tax included
    paid: bool | None  # only before the payment something can be used in the sale
    door: str | None  # where the amount came from: "typed", "api", or a sale door's name
    proposed: bool  # a door read it, and nobody has said yet that it is right and paid: POST /v1/sales with ``confirms``
    sale_id: str | None
    payable: int | None  # what is left to pay, after all reductions
    per_rate: list[dict[str, int]]  # {"tax", "amount", "discount"}
    reductions: list[dict[str, Any]]  # {"id", "kind", "label", "amount", "gift", "points"}
    coupons: list[dict[str, Any]]  # {"key", "label", "benefit": {"ja", "en"}, "last_day", "usable", "code"}
    points: dict[str, Any] | None  # {"balance", "as_of", "redeemable", "yen"}
    stamps: list[dict[str, Any]]  # {"label", "position", "size"}
    asking: bool  # head office is being asked at this moment
    value: dict[str, Any] | None  # {"label", "balance", "usable"}
    charge: dict[str, Any] | None  # {"label", "unit", "min", "max"}
    accounts: list[dict[str, str]]  # {"name", "label"}: what a manager may put right


class Question(TypedDict, total=False):
    """A slip of which nobody knows whether it is on paper."""

    job: str
    member: str | None  # masked
    at: str


class RefundRungUp(TypedDict, total=False):
    """A refund of the till's that waits for a manager to confirm it, with the sale that it means."""

    id: str
    amount: int
    sale_id: str
    remaining_total: int  # of the sale, after it
    total: int
    points: int
    member: str | None  # masked
    receipt_no: str | None
    sold_at: str


class Status(TypedDict, total=False):
    """The state of the counter now."""

    level: Level
    code: str | None  # what the level is about
    values: dict[str, Any]  # for the code's placeholders: device, holder, count
    devices: list[DeviceStatus]
    queue: QueueStatus
    open: OpenCheckout | None
    questions: list[Question]
    refunds: list[RefundRungUp]
    shift_start_seq: int  # the page's history begins after this
    degraded: list[str]  # what does not work, or is not set up, while the agent is ready all the same; "manager_pin": roles are asserted
    ready: bool  # the journal can be written and the settings are good


class PageEvent(TypedDict, total=False):
    """One fact of the journal, as the page shows it. Nothing personal beyond the masked number."""

    # granted, voided, slip; coupon_used, points_used, value_used (before the granted of their sale, or without one); charged, charge_voided,
    # refunded, adjusted; sale (paid, and nothing granted for it yet). A page passes over kinds that it does not know
    kind: str
    at: str  # RFC 3339 with offset
    member: str | None  # masked
    points: int  # signed: a void takes back
    balance: dict[str, Any] | None  # {"value": int, "as_of": RFC 3339}
    amount: int | None  # yen: the sale's total, what was used or charged, what a refund leaves
    payable: int  # what was left to pay
    reductions: list[dict[str, Any]]  # {"kind", "amount"}
    label: str  # of a coupon
    gift: str | None
    bonus: int
    returned_points: int
    value_back: int
    account: str
    coupons: list[dict[str, Any]]  # {"label": {"ja", "en"} or str, "last_day": "2026-12-31"}
    stamps: dict[str, int] | None  # {"position", "size"}
    sale_id: str
    offline: bool
    explain: dict[str, list[str]]  # {"ja": [...], "en": [...]}
    slips: list[str]  # of a grant or a charge: the serials of its slips
    job: str  # of a slip
    coupon: bool  # of a slip: it is a coupon
    receipt_no: str | None
    lines: list[dict[str, int]]  # of a sale of several lines: {"amount", "tax", "qty"}
    kept: dict[str, int]  # of a refund: line, from 1 -> what the customer keeps of it
    state: str  # of a slip: printed, held, not_printed, unknown, asked
    code: str | None
    reason: str


class Notice(TypedDict, total=False):
    """Something passing that is not in the journal: an unknown barcode, a lost device."""

    kind: str  # trouble, cleared
    at: str
    code: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    ``done``              granted, voided or answered: it is durable
    ``waiting``           durable or held, and waits for its other half (the scan, the amount, the payment)
    ``accepted_offline``  granted here; head office learns of it later
    """

    state: Literal["done", "waiting", "accepted_offline"]
    body: Json
    replayed: bool = False  # the key was known: this is the first answer again


class Backend(Protocol):
    """The agent, as the screen sees it."""

    language: Language
    register_name: str
    store_name: str

    @property
    def technician(self) -> TechnicianBackend:
        """What the technician's page asks."""

    @property
    def counter(self) -> CounterBackend:
        """What is used up in a sale, or put right afterwards."""

    @property
    def manager(self) -> ManagerBackend:
        """What the manager's page asks."""

    def status(self) -> Status:
        """The state now, from memory."""

    def metrics(self) -> str:
        """Prometheus' text."""

    def events(self, after_seq: int, limit: int) -> list[tuple[int, PageEvent]]:
        """Page events of the journal after a number, in order; fewer than ``limit`` means that there are no more."""

    def last_seq(self) -> int:
        """The journal's newest number; 0 when it is empty."""

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls ``wake`` (from any thread; it never blocks or raises) on every new number, notice or change of state. Returns how to stop."""

    def notices(self, after: int) -> list[tuple[int, Notice]]:
        """Passing notices after their own number, from a bounded ring."""

    def last_notice(self) -> int:
        """The newest notice's number; a new page does not see older ones."""

    def post_sale(self, sale: Json, idempotency_key: str) -> Answer:
        """A sale (`posagent.screen.schemas.SALE`). A repeated key gives the first answer; another body under it raises Refused with E607."""

    def post_scan(self, text: str, symbology: str | None) -> Answer:
        """A code that was read elsewhere or typed. ``symbology`` is an AIM identifier without its bracket."""

    def quote(self, sale: Json) -> Json:
        """What a sale would earn, without recording anything."""

    def void(self, sale_id: str, reason: str, operator: str, role: str) -> Answer:
        """Takes a sale's grant back. Voiding twice gives the first answer."""

    def report(self, kind: str, business_date: str | None, operator: str, role: str, idempotency_key: str) -> Answer:
        """Takes 点検 ("x") or 精算 ("z") of a business date (None: today's); a closed date's "z" is its closing again."""

    def answer_print(self, job: str, came_out: bool, operator: str) -> Answer:
        """A person's answer to "did it come out?"."""

    def slip_png(self, job: str) -> bytes | None:
        """The slip as a picture; None when there is no such job."""
