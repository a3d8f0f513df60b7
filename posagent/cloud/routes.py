"""Owns the table of everything that the receiver answers. The application is built from it, and so is the OpenAPI document."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal
from urllib.parse import urlencode

from starlette.responses import Response

from offline_queue.answers import Problem
from offline_queue.signed_file import SignedFile, headers_of
from offline_queue.wire import FORBIDDEN, FRAMING
from posagent.cloud import authorisation_api, enrol, member_page, metrics, office, office_api, pages, publish
from posagent.cloud.ingest import Refusal
from posagent.cloud.office_api import Office
from posagent.cloud.reading import Place
from posagent.cloud.receiver import Receiver
from posagent.cloud.reception import MAX_CODED_BYTES, Request

Work = Callable[[Receiver, Request, Mapping[str, str]], "bytes | Response"]
SMALL = 65_536
_GZIP_FROM = 1_000


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One method of one path. ``who``: device (signed), office (token), anyone."""

    method: Literal["GET", "POST", "PUT"]
    path: str
    who: Literal["device", "office", "anyone"]
    summary: str
    work: Work
    most_bytes: int = SMALL
    admitted: bool = False  # waits in the admission queue
    request: str = ""  # name of a schema in `posagent.cloud.openapi`, or a media type
    answer: str = ""
    refusals: tuple[int, ...] = ()


def _office(work: Office) -> Work:
    return lambda receiver, request, path: work(receiver, request, office_api.office_company(receiver, request), path)


# ---------------------------------------------------------------- registers


def _enrol(receiver: Receiver, request: Request, _path: Mapping[str, str]) -> Response:
    code = office_api.json_body(request).get("code")
    if not isinstance(code, str) or len(code) > 64:
        raise Refusal(Problem(FRAMING, "send {\"code\": \"XXXX-XXXX-XXXX\"}", status=400))
    done = receiver.engine.write(lambda work: enrol.enrol(work, code, request.now_ms, request.certificate))
    if isinstance(done, str):
        receiver.count("enrol_refused")
        raise Refusal(Problem(FORBIDDEN, done, status=403))
    receiver.count("enrolled")
    return office_api.as_json(done.fields() | {"server_time": receiver.server_time()})


def _file(receiver: Receiver, request: Request, path: Mapping[str, str]) -> Response:
    fields, sender = receiver.sender(request)
    # Where registers need no key nobody knows which one asks: it gets what is for every store of the only company.
    home = sender.home or Place((receiver.engine.read(office.companies) or [""])[0], publish.EVERY_STORE, "")
    match path["name"]:
        case "members":
            found: SignedFile | None = receiver.engine.write(lambda work: publish.members(work, home, request.now_ms))
        case "program":
            found = receiver.engine.write(lambda work: publish.latest(work, "program", home.tenant, home.store))
        case _:
            found = None
    if found is None:
        raise Refusal(Problem(office_api.NOT_FOUND, "nothing of this name was published for this store yet", status=404))
    headers = headers_of(found) | {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if headers["ETag"] in (one.strip() for one in fields.get("if-none-match", "").split(",")):
        return Response(None, 304, headers)
    content = found.content
    if "gzip" in fields.get("accept-encoding", "") and len(content) > _GZIP_FROM:
        content = gzip.compress(content, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, 200, headers, "application/octet-stream")


# ---------------------------------------------------------------- head office's pages


def _page(receiver: Receiver, request: Request, make: Callable[[str], str]) -> Response:
    """A page, or the way to the token."""
    try:
        company = office_api.office_company(receiver, request)
    except Refusal:
        if receiver.settings.office_tokens:
            return Response(None, 303, {"Location": "/office/login"})
        raise
    return Response(make(company), 200, pages.SECURITY, "text/html")


def _stores_page(receiver: Receiver, request: Request, _path: Mapping[str, str]) -> Response:
    store = office_api.query(request).get("store", "").strip()[:64]

    def make(company: str) -> str:
        return pages.stores(company, receiver.engine.read(lambda work: office.registers(work, company)), request.now_ms, store)

    return _page(receiver, request, make)


def _member_page(receiver: Receiver, request: Request, _path: Mapping[str, str]) -> Response:
    query = office_api.query(request)
    token, trouble = query.get("token", "").strip()[:200], query.get("trouble", "")[:200]

    def make(company: str) -> str:
        if not token.isprintable() or not token:
            return member_page.members(company, "", {}, [], None, request.now_ms)
        return member_page.members(company, token, *office_api.read_member(receiver, company, token), request.now_ms, trouble)

    return _page(receiver, request, make)


def _free_form(receiver: Receiver, request: Request, path: Mapping[str, str]) -> Response:
    form, company = _form(request), _form_company(receiver, request)
    trouble = office_api.give_back(receiver, company, path["id"], form.get("by"))
    query = urlencode({"tenant": company, "token": form.get("token", "")[:200]} | ({"trouble": trouble} if trouble else {}))
    return Response(None, 303, {"Location": f"/office/members?{query}"})


def _cases_page(receiver: Receiver, request: Request, _path: Mapping[str, str]) -> Response:
    trouble = office_api.query(request).get("trouble", "")[:200]

    def make(company: str) -> str:
        found, noted = receiver.engine.read(lambda work: (office.cases(work, company), office.notes(work, company)))
        return pages.conflicts(company, found, noted, request.now_ms, trouble)

    return _page(receiver, request, make)


def _decide_form(receiver: Receiver, request: Request, path: Mapping[str, str]) -> Response:
    form, company = _form(request), _form_company(receiver, request)
    trouble = office_api.close_case(receiver, company, path["case"], form.get("decision"), form.get("by"))
    query = urlencode({"tenant": company} | ({"trouble": trouble} if trouble else {}))
    return Response(None, 303, {"Location": f"/office/conflicts?{query}"})


def _form_company(receiver: Receiver, request: Request) -> str:
    """The company of a form: the token's, or where there are no tokens the one that the page was about."""
    company = office_api.office_company(receiver, request)
    return company if receiver.settings.office_tokens else _form(request).get("tenant") or company


def _login_page(_receiver: Receiver, _request: Request, _path: Mapping[str, str]) -> Response:
    return Response(pages.login(), 200, pages.SECURITY, "text/html")


def _login_form(receiver: Receiver, request: Request, _path: Mapping[str, str]) -> Response:
    token = _form(request).get("token", "")
    headers = [*request.headers, ("authorization", f"Bearer {token}")]
    asked = Request(request.method, request.target_uri, headers, b"", request.now_ms, request.peer)
    if not token.isascii() or not token.isprintable() or ";" in token or office_api.allowed(receiver, asked, dict(headers)) is None:
        return Response(pages.login("トークンが違います。 This token is not known."), 403, pages.SECURITY, "text/html")
    secure = "; Secure" if request.target_uri.startswith("https:") else ""
    cookie = f"{office_api.COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200{secure}"
    return Response(None, 303, {"Location": "/office", "Set-Cookie": cookie})


def _form(request: Request) -> dict[str, str]:
    return office_api.parameters(request.payload.decode("utf-8", "replace"))


def _style(_receiver: Receiver, _request: Request, _path: Mapping[str, str]) -> Response:
    return Response(files("posagent.cloud").joinpath("static/office.css").read_bytes(), 200, {"Cache-Control": "max-age=300"}, "text/css")


def _root(_receiver: Receiver, _request: Request, _path: Mapping[str, str]) -> Response:
    return Response(None, 303, {"Location": "/office"})


# ---------------------------------------------------------------- operation


def _health(receiver: Receiver, _request: Request, _path: Mapping[str, str]) -> Response:
    receiver.engine.read(lambda work: work.rows("SELECT 1"))
    return office_api.as_json({"status": "ok", "engine": receiver.engine.name, "server_time": receiver.server_time()})


def _metrics(receiver: Receiver, _request: Request, _path: Mapping[str, str]) -> Response:
    return Response(metrics.text(receiver), 200, None, "text/plain; version=0.0.4; charset=utf-8")


def _openapi(_receiver: Receiver, _request: Request, _path: Mapping[str, str]) -> Response:
    from posagent.cloud.openapi import document

    return Response(json.dumps(document()), media_type="application/json")


ROUTES: tuple[RouteRow, ...] = (
    RouteRow("POST", "/v1/streams/{stream}/events", "device", "A batch of events; answered after it is durable",
             lambda receiver, request, path: receiver.events(path["stream"], request), MAX_CODED_BYTES, admitted=True,
             request="Batch", answer="Answer", refusals=(400, 401, 403, 404, 409, 413, 415, 422, 503)),
    RouteRow("GET", "/v1/streams/{stream}", "device", "How far the receiver has a stream; the heartbeat",
             lambda receiver, request, path: receiver.state(path["stream"], request), answer="Answer", refusals=(400, 401, 403, 404, 503)),
    RouteRow("POST", "/v1/streams/{stream}/health", "device", "The register's own figures; only the latest are kept",
             lambda receiver, request, path: receiver.health(path["stream"], request), request="Health", answer="Time",
             refusals=(400, 401, 403, 404, 503)),
    RouteRow("POST", "/v1/authorisations", "device", "Holds a coupon, points, prepaid value or a charge for one sale; the id makes it once",
             authorisation_api.hold, authorisation_api.MAX_BYTES, admitted=True, request="Ask", answer="Authorisation",
             refusals=(400, 401, 403, 409, 413, 415, 503)),
    RouteRow("POST", "/v1/authorisations/{id}/commit", "device", "Keeps what is held until its event has come; again changes nothing",
             authorisation_api.commit, authorisation_api.MAX_BYTES, admitted=True, answer="Authorisation",
             refusals=(400, 401, 403, 404, 409, 503)),
    RouteRow("POST", "/v1/authorisations/{id}/release", "device", "Gives back what is held; again changes nothing",
             authorisation_api.release, authorisation_api.MAX_BYTES, admitted=True, answer="Authorisation",
             refusals=(400, 401, 403, 404, 409, 503)),
    RouteRow("GET", "/v1/coupons/{code_hash}", "device", "A coupon as it stands; holds nothing", authorisation_api.coupon,
             admitted=True, answer="Coupon", refusals=(401, 403, 404, 503)),
    RouteRow("POST", "/v1/enrol", "anyone", "A one-time code against a register's key, once", _enrol, request="Code", answer="Credentials",
             refusals=(400, 403, 503)),
    RouteRow("GET", "/v1/files/{name}", "device", "The store's program, or its members, signed; If-None-Match gives 304", _file,
             answer="application/octet-stream", refusals=(401, 403, 404, 503)),
    RouteRow("GET", "/v1/stores", "office", "Registers with last contact and backlog", _office(office_api.list_stores), answer="Stores",
             refusals=(403,)),
    RouteRow("PUT", "/v1/stores/{store}", "office", "A store's brand and name", _office(office_api.put_store), request="Store", answer="Store",
             refusals=(400, 403)),
    RouteRow("POST", "/v1/members", "office", "Registers a member: the number is kept as a keyed hash only", _office(office_api.add_member),
             request="Member", answer="MemberToken", refusals=(400, 403)),
    RouteRow("GET", "/v1/members/{token}", "office", "A member's balances and newest events", _office(office_api.show_member), answer="Ledger",
             refusals=(403, 404)),
    RouteRow("POST", "/v1/holds/{id}/release", "office", "Gives back what a register keeps that will never tell", _office(office_api.free_hold),
             request="By", answer="Freed", refusals=(400, 403, 409)),
    RouteRow("GET", "/v1/conflicts", "office", "Events that were stored and not counted", _office(office_api.list_cases), answer="Conflicts",
             refusals=(403,)),
    RouteRow("POST", "/v1/conflicts/{case}/decide", "office", "Counts a case, or leaves it out", _office(office_api.decide), request="Decision",
             answer="Decided", refusals=(403, 409)),
    RouteRow("PUT", "/v1/token-keys", "office", "The issuer's public keys for signed member codes", _office(office_api.put_token_keys),
             request="TokenKeys", answer="TokenKeys", refusals=(400, 403)),
    RouteRow("POST", "/v1/expire", "office", "Books what has expired, a page of members at a time", _office(office_api.expire), request="Page",
             answer="Expired", refusals=(400, 403)),
    RouteRow("POST", "/v1/enrolments", "office", "A one-time code for a register", _office(office_api.new_code), request="Place",
             answer="NewCode", refusals=(400, 403)),
    RouteRow("POST", "/v1/devices/{device}/revoke", "office", "Takes a register's key away", _office(office_api.revoke), answer="Revoked",
             refusals=(403, 404)),
    RouteRow("PUT", "/v1/programs/{store}", "office", "Publishes a program file for one store, or for *", _office(office_api.put_program),
             1_100_000, request="application/toml", answer="ProgramVersion", refusals=(400, 403, 409)),
    RouteRow("GET", "/", "anyone", "To head office's pages", _root),
    RouteRow("GET", "/office", "office", "Page: stores and registers", _stores_page, answer="text/html"),
    RouteRow("GET", "/office/members", "office", "Page: a member's ledger", _member_page, answer="text/html"),
    RouteRow("GET", "/office/conflicts", "office", "Page: cases to decide", _cases_page, answer="text/html"),
    RouteRow("POST", "/office/holds/{id}/release", "office", "Form: frees what a sale holds", _free_form),
    RouteRow("POST", "/office/conflicts/{case}/decide", "office", "Form: decides a case", _decide_form),
    RouteRow("GET", "/office/login", "anyone", "Page: asks for the company's token", _login_page, answer="text/html"),
    RouteRow("POST", "/office/login", "anyone", "Form: signs in", _login_form),
    RouteRow("GET", "/office/office.css", "anyone", "The pages' style", _style, answer="text/css"),
    RouteRow("GET", "/health", "anyone", "200 when the database answers", _health, answer="State", refusals=(503,)),
    RouteRow("GET", "/metrics", "anyone", "Prometheus text", _metrics, answer="text/plain"),
    RouteRow("GET", "/openapi.json", "anyone", "This document", _openapi, answer="application/json"),
)  # fmt: skip
