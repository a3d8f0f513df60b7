"""Head office: who may ask, what it sees, what it decides; and what is handed down to the stores."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from offline_queue.signature import Key, sign
from offline_queue.signed_file import FileShelf, from_answer
from posagent.cli.cloud import read_tokens
from posagent.cloud.audit import audit
from posagent.cloud.openapi import SCHEMAS, text
from posagent.cloud.receiver import Settings
from posagent.errors import SettingsError
from posagent.members import MemberDirectory
from tools.fleet import Stream, make_event

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """schema = 1
[program]
id = "acme-cafe"
version = {version}
from = 2025-04-01
until = 2030-03-31
scope = {{ company = "acme", stores = ["*"] }}
[accounts.points]
label = "ポイント"
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
"""


def checked(reply, schema, status=200):
    assert reply.status == status, reply.body
    jsonschema.validate(reply.json(), {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": SCHEMAS}})
    return reply.json()


def post(cloud, target, body, **options):
    return cloud.call("POST", target, [("Content-Type", "application/json")], json.dumps(body).encode(), **options)


@pytest.fixture
def conflict(cloud):
    """Two registers with the same receipt number and other content; the second's case."""
    for place, points in ((("acme", "0001", "1"), 10), (("acme", "0001", "2"), 99)):
        stream = Stream(place)
        stream.put(make_event(place, "d/7/grant", "M1", {"points": points}))
        cloud.sync(stream)
    return f"{stream.stream_id}:1"


def test_a_conflict_is_shown_with_what_it_stands_against_and_counted_once_when_head_office_says_so(cloud, conflict):
    (case,) = checked(cloud.call("GET", "/v1/conflicts"), "Conflicts")["conflicts"]
    assert case["case"] == conflict
    assert json.loads(case["body"])["data"]["entries"] == [{"account": "points", "delta": 99}]
    assert json.loads(case["against_body"])["data"]["entries"] == [{"account": "points", "delta": 10}]
    assert post(cloud, f"/v1/conflicts/{conflict}/decide", {"decision": "apply", "by": ""}).status == 409
    assert post(cloud, f"/v1/conflicts/{conflict}/decide", {"decision": "perhaps", "by": "Sato"}).status == 409
    checked(post(cloud, f"/v1/conflicts/{conflict}/decide", {"decision": "apply", "by": "Sato"}), "Decided")
    assert post(cloud, f"/v1/conflicts/{conflict}/decide", {"decision": "apply", "by": "Sato"}).status == 409
    assert cloud.balances("M1") == {"points": 109}
    assert checked(cloud.call("GET", "/v1/conflicts"), "Conflicts") == {"conflicts": [], "notes": []}
    found = checked(cloud.call("GET", "/v1/members/M1"), "Ledger")
    assert found["balances"] == {"points": 109}
    assert {row["decided"] for row in found["ledger"]} == {None, "apply by Sato at 2026-11-23T11:14:56.000Z"}
    assert not cloud.receiver.engine.read(audit).problems


def test_a_conflict_that_is_dismissed_stays_out_and_stays_visible(cloud, conflict):
    checked(post(cloud, f"/v1/conflicts/{conflict}/decide", {"decision": "dismiss", "by": "Sato"}), "Decided")
    assert cloud.balances("M1") == {"points": 10}
    assert checked(cloud.call("GET", "/v1/conflicts"), "Conflicts") == {"conflicts": [], "notes": []}
    assert len(checked(cloud.call("GET", "/v1/members/M1"), "Ledger")["ledger"]) == 2


@pytest.mark.parametrize("case", ["", "x", "x:1", "x:99999999999999999999", "x:-1", "x:²"])
def test_a_case_that_is_not_there_is_said_so(cloud, case):
    assert post(cloud, f"/v1/conflicts/{case or '-'}/decide", {"decision": "apply", "by": "Sato"}).status == 409


def test_stores_show_last_contact_and_backlog(cloud, register):
    cloud.sync(register)
    post(cloud, register.path + "/health", {"pending": 5, "oldest_age_s": 120})
    assert cloud.call("PUT", "/v1/stores/0001", [], b'{"name": "Shibuya", "brand": "cafe"}').status == 200
    cloud.clock.now += 7200
    (row,) = checked(cloud.call("GET", "/v1/stores"), "Stores")["registers"]
    assert (row["brand"], row["store_name"], row["register"], row["pending"], row["acked"]) == ("cafe", "Shibuya", "1", 5, 3)
    page = cloud.call("GET", "/office").body.decode()
    assert 'class="silent"' in page
    assert "2時間前" in page
    assert "Registers 1 " in page
    assert "Shibuya" in cloud.call("GET", "/office?store=Shibuya").body.decode()
    assert "Nothing was received" in cloud.call("GET", "/office?store=none").body.decode()


def test_pages_escape_what_registers_say(cloud):
    evil = "<script>alert(1)</script>"
    stream = Stream()
    for number in range(2):
        stream.put(make_event(stream.place, "k", evil, {"points": 1 + number}, note=evil))
    stream.put(make_event(stream.place, evil, evil, {"points": 1}, type_=f"posagent.{evil}.v1"))
    cloud.sync(stream)
    asked = "token=%3Cscript%3Ealert(1)%3C/script%3E"
    for target in ("/office", "/office/conflicts", f"/office/members?{asked}", "/office/conflicts?trouble=%3Cscript%3E"):
        reply = cloud.call("GET", target)
        assert reply.status == 200
        assert "<script" not in reply.body.decode()
        assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_without_tokens_only_this_machine_is_head_office(cloud, register):
    cloud.sync(register)
    for target in ("/v1/stores", "/v1/members/M1", "/v1/conflicts", "/office", "/office/members", "/office/conflicts"):
        assert cloud.call("GET", target, client="10.0.0.7").status == 403
        assert cloud.call("GET", target).status == 200
    assert cloud.call("GET", "/v1/stores", [("Origin", "http://evil.example")]).status == 200  # reading changes nothing
    evil = [("Origin", "http://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")]
    assert cloud.call("POST", "/office/conflicts/x:1/decide", evil, b"decision=apply&by=me").status == 403
    assert cloud.call("GET", "/office", [("X-Forwarded-For", "10.0.0.7")]).status == 403
    cloud.restart(Settings(signed=False, public_url="https://points.example.jp"))
    assert cloud.call("GET", "/office").status == 403  # a proxy on this machine makes everybody look local


@pytest.mark.parametrize("target", ["/office", "/v1/stores", "/office/members", "/office/login", "/health"])
def test_nonsense_around_a_request_never_breaks_the_receiver(sqlite_cloud, target):
    many = "&".join(f"a{number}=1" for number in range(50))
    for query, headers in (
        (many, []), ("tenant=%00%ff%f0", []), ("token=" + "%41" * 500, []), ("", [("Origin", "http://[")]), ("", [("Cookie", "\x01=;;;=")]),
        ("", [("Authorization", "Bearer \xff")]), ("tenant=" + "x" * 3000, []), ("store=%F0%9F%8D%A3&token=%F0%9F%8D%A3", []),
    ):  # fmt: skip
        for method in ("GET", "POST", "PUT"):
            assert sqlite_cloud.call(method, f"{target}?{query}", headers, b"by=%00&token=%ff&" + many.encode()).status < 500
    sqlite_cloud.restart(Settings(signed=False, office_tokens={"acme": "a" * 20}))
    assert sqlite_cloud.call("GET", "/v1/stores", [("Authorization", "Bearer \xff")]).status == 403


def test_each_company_has_its_own_token_and_sees_nothing_of_the_other(cloud):
    for tenant in ("acme", "other"):
        stream = Stream((tenant, "0001", "1"))
        stream.put(make_event(stream.place, "k", f"M-{tenant}", {"points": 1}))
        cloud.sync(stream)
    cloud.restart(Settings(signed=False, office_tokens={"acme": "a" * 20, "other": "o" * 20}))
    mine = [("Authorization", "Bearer " + "a" * 20)]
    assert cloud.call("GET", "/v1/stores").status == 403
    assert cloud.call("GET", "/v1/stores", [("Authorization", "Bearer wrong")]).status == 403
    assert cloud.call("GET", "/v1/stores", [("Authorization", "Bearer ")]).status == 403
    assert checked(cloud.call("GET", "/v1/stores?tenant=other", mine), "Stores")["company"] == "acme"
    assert cloud.call("GET", "/v1/members/M-other?tenant=other", mine).status == 404
    assert cloud.call("GET", "/office").status == 303
    reply = cloud.call("POST", "/office/login", [], b"token=" + b"a" * 20)
    assert reply.status == 303
    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert cloud.call("GET", "/office", [("Cookie", cookie.partition(";")[0])]).status == 200
    assert cloud.call("POST", "/office/login", [], b"token=nonsense").status == 403
    assert cloud.call("POST", "/office/login", [], b"token=%0d%0aSet-Cookie:x").status == 403


# ---------------------------------------------------------------- enrolment and signatures


@pytest.fixture
def signed(cloud):
    cloud.restart(Settings(signed=True))
    return cloud


def enrolled(cloud, register="1", company="acme"):
    code = checked(post(cloud, f"/v1/enrolments?tenant={company}", {"store": "0001", "register": register}), "NewCode", 201)["code"]
    return checked(post(cloud, "/v1/enrol", {"code": code.lower()}), "Credentials"), code


def keyed(credentials):
    return Key(credentials["device"], bytes.fromhex(credentials["key"]))


def now(cloud):
    return int(cloud.clock.now)


def send(cloud, stream, created=None, **change):
    headers, coded = stream.batch(1, len(stream.bodies))
    fields = dict(headers)
    if stream.key is not None:
        plain = {name: value for name, value in fields.items() if not name.startswith("Signature")}
        fields = plain | sign(stream.key, "POST", f"http://localhost:8940{stream.path}/events", plain, created or now(cloud))
    fields |= change
    return cloud.call("POST", stream.path + "/events", list(fields.items()), coded)


def test_a_code_works_once_and_its_key_signs_requests(signed, register):
    credentials, code = enrolled(signed)
    assert (credentials["company"], credentials["store"], credentials["register"]) == ("acme", "0001", "1")
    assert post(signed, "/v1/enrol", {"code": code}).status == 403
    assert send(signed, register).status == 401
    register.key = keyed(credentials)
    assert send(signed, register).status == 200
    assert signed.balances("M1") == {"points": 30}


def test_five_wrong_tries_kill_a_code(signed):
    code = checked(post(signed, "/v1/enrolments?tenant=acme", {"store": "0001", "register": "1"}), "NewCode", 201)["code"]
    wrong = code[:5] + ("0000-0000" if not code.endswith("0000-0000") else "1111-1111")
    said = [post(signed, "/v1/enrol", {"code": wrong}).json()["title"] for _ in range(5)]
    assert said[0].endswith("4 tries are left")
    assert said[4].endswith("0 tries are left")
    assert "expired" in post(signed, "/v1/enrol", {"code": code}).json()["title"]


def test_a_code_dies_after_a_day_and_with_its_successor(signed):
    old = checked(post(signed, "/v1/enrolments?tenant=acme", {"store": "0001", "register": "1"}), "NewCode", 201)["code"]
    new = checked(post(signed, "/v1/enrolments?tenant=acme", {"store": "0001", "register": "1"}), "NewCode", 201)["code"]
    assert post(signed, "/v1/enrol", {"code": old}).status == 403
    signed.clock.now += 24 * 3600 + 1
    assert post(signed, "/v1/enrol", {"code": new}).status == 403
    for nonsense in ("", "X", "x" * 65, None, 7, "0000-0000-0000"):
        assert post(signed, "/v1/enrol", {"code": nonsense}).status in {400, 403}


def test_the_signature_must_cover_what_matters_and_its_time_may_be_two_days_off(signed, register):
    register.key = keyed(enrolled(signed)[0])
    for off in (-47 * 3600, 47 * 3600):
        assert send(signed, register, now(signed) + off).status == 200
    for off in (-49 * 3600, 49 * 3600):
        assert send(signed, register, now(signed) + off).status == 401
    assert send(signed, register, **{"Posagent-First-Seq": "2"}).status == 401
    assert send(signed, register, **{"Posagent-Floor": "1;:AAAA:"}).status == 401
    assert send(signed, register, Signature="sig1=:AAAA:").status == 401
    assert send(signed, register, **{"Signature-Input": "nonsense"}).status == 401
    other = keyed(enrolled(signed, "2")[0])
    register.key = Key(register.key.keyid, other.secret)
    assert send(signed, register).status == 401


def test_a_revoked_register_is_refused_with_403_and_keeps_its_events(signed, register):
    register.key = keyed(enrolled(signed)[0])
    assert send(signed, register).status == 200
    checked(post(signed, f"/v1/devices/{register.key.keyid}/revoke?tenant=acme", {}), "Revoked")
    assert send(signed, register).status == 403
    assert post(signed, "/v1/devices/nobody/revoke?tenant=acme", {}).status == 404


def test_no_register_writes_into_another_companys_stream_or_ledger(signed, register):
    register.key = keyed(enrolled(signed)[0])
    assert send(signed, register).status == 200
    register.key = keyed(enrolled(signed, company="other")[0])
    assert send(signed, register).status == 403
    foreign = Stream(("acme", "0001", "9"), key=register.key)
    foreign.put(make_event(foreign.place, "k", "M9", {"points": 5}))
    reply = send(signed, foreign)
    assert [item["status"] for item in reply.json()["items"]] == ["rejected"]
    assert signed.balances("M9") == {}


# ---------------------------------------------------------------- programs and snapshots


def pull(cloud, key, target, etag=""):
    headers = {"If-None-Match": etag} if etag else {}
    return cloud.call("GET", target, list((headers | sign(key, "GET", f"http://localhost:8940{target}", headers, now(cloud))).items()))


def test_programs_go_down_signed_with_growing_versions_and_an_etag(signed, tmp_path):
    credentials, _ = enrolled(signed)
    key = keyed(credentials)
    assert pull(signed, key, "/v1/files/program").status == 404
    assert signed.call("PUT", "/v1/programs/*?tenant=acme", [], PROGRAM.format(version=12).encode()).status == 201
    reply = pull(signed, key, "/v1/files/program")
    assert (reply.status, reply.headers["etag"]) == (200, '"v12"')
    shelf = FileShelf(tmp_path, {name: bytes.fromhex(key) for name, key in credentials["file_keys"].items()})
    assert shelf.keep(from_answer("program", reply.headers, reply.body))
    assert pull(signed, key, "/v1/files/program", '"v12"').status == 304
    assert signed.call("PUT", "/v1/programs/0001?tenant=acme", [], PROGRAM.format(version=12).encode()).status == 409
    assert signed.call("PUT", "/v1/programs/0001?tenant=acme", [], PROGRAM.format(version=13).encode()).status == 201
    assert signed.call("PUT", "/v1/programs/9999?tenant=acme", [], PROGRAM.format(version=14).encode()).status == 201
    assert pull(signed, key, "/v1/files/program", '"v12"').headers["etag"] == '"v13"'
    reply = signed.call("PUT", "/v1/programs/*?tenant=acme", [], b"[progam]\n\xff")
    assert reply.status == 400
    assert "progam" in signed.call("PUT", "/v1/programs/*?tenant=acme", [], b"[progam]\n").json()["title"]


def test_a_store_gets_its_members_as_the_agent_reads_them(signed, register, tmp_path):
    credentials, _ = enrolled(signed)
    register.key = keyed(credentials)
    number = "2912345678901"
    directory = MemberDirectory(bytes.fromhex(credentials["member_key"]), tmp_path / "members.json")
    unverified = directory.find(number).token
    register.put(make_event(register.place, "d/1/9/grant", unverified, {"points": 7}))
    assert send(signed, register).status == 200
    member = {"number": number, "token": "M1", "rank": "gold", "birth_month": 4, "flags": ["staff"]}
    checked(post(signed, "/v1/members?tenant=acme", member), "MemberToken", 201)
    assert post(signed, "/v1/members?tenant=acme", member | {"token": "?x"}).status == 400
    assert post(signed, "/v1/members?tenant=acme", member | {"birth_month": 13}).status == 400
    reply = pull(signed, register.key, "/v1/files/members")
    assert reply.status == 200
    assert number.encode() not in reply.body
    (tmp_path / "members.json").write_bytes(reply.body)
    found = directory.find(number)
    assert (found.token, found.rank, found.birth_month, dict(found.balances)) == ("M1", "gold", 4, {"points": 37})
    assert pull(signed, register.key, "/v1/files/members", reply.headers["etag"]).status == 304
    signed.clock.now += 16 * 60
    later = pull(signed, register.key, "/v1/files/members", reply.headers["etag"])
    assert later.status == 200
    assert int(later.headers["posagent-version"]) > int(reply.headers["posagent-version"])
    assert checked(signed.call("GET", "/v1/members/M1?tenant=acme"), "Ledger")["balances"] == {"points": 37}


# ---------------------------------------------------------------- operation


def test_health_and_metrics_tell_what_is_there(cloud, conflict):
    assert checked(cloud.call("GET", "/health"), "State")["status"] == "ok"
    lines = cloud.call("GET", "/metrics").body.decode().splitlines()
    assert "posagent_streams 2" in lines
    assert "posagent_cases_open 1" in lines
    assert 'posagent_receiver_total{what="events"} 2' in lines
    assert 'posagent_receiver_total{what="verdict_conflict"} 1' in lines


def test_the_openapi_document_that_is_checked_in_is_the_one_that_is_served(sqlite_cloud):
    kept = (ROOT / "config/cloud-openapi.json").read_text("utf-8")
    assert kept == text(), "type:  posagent cloud openapi > config/cloud-openapi.json"
    assert sqlite_cloud.call("GET", "/openapi.json").json() == json.loads(kept)


def test_the_file_of_tokens_is_read_strictly(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# ours\nacme = 0123456789abcdef\n")
    assert read_tokens(path) == {"acme": "0123456789abcdef"}
    for bad in ("", "acme=short\n", "acme\n", "acme=0123456789 abcdef\n"):
        path.write_text(bad)
        with pytest.raises(SettingsError):
            read_tokens(path)
