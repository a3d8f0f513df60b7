"""A register's key: a one-time code against credentials, from the real receiver."""

from __future__ import annotations

import http.server
import json
import stat
import threading

import pytest

from posagent.cli import main
from posagent.credentials import read_credentials
from posagent.enrolment import EnrolmentRefused, read_answer

SETTINGS = """
[register]
company = "acme"
brand = "cafe"
store = "0042"
register = "R2"
store_name = "cafe"
[[code]]
name = "jan"
kind = "member"
symbologies = ["ean13"]
length = 13
prefixes = ["20-29"]
"""


@pytest.fixture
def enrol(head_office, tmp_path, capsys):
    """Runs the command; (exit code, what it said)."""
    target = tmp_path / "credentials" / "register.json"

    def run(*words: str, url: str = head_office.url) -> tuple[int, str]:
        code = main(["enrol", "--url", url, "--credentials", str(target), "--settings", str(tmp_path / "posagent.toml"), *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    run.target = target
    run.settings = tmp_path / "posagent.toml"
    return run


def test_a_code_brings_credentials_that_only_their_owner_may_read_and_nobody_sees(enrol, head_office):
    code, said = enrol(head_office.code())
    assert code == 0
    assert "company acme, store 0042, register R2" in said
    assert stat.S_IMODE(enrol.target.stat().st_mode) == 0o600
    assert [path.name for path in enrol.target.parent.iterdir()] == ["register.json"]
    kept = json.loads(enrol.target.read_text())
    assert read_credentials(enrol.target).device == kept["device"]
    assert not any(secret in said for secret in (kept["key"], kept["member_key"], *kept["file_keys"].values()))


def test_a_code_is_understood_as_people_write_it(enrol, head_office):
    assert enrol(f" {head_office.code().lower()} ")[0] == 0


@pytest.mark.parametrize("code", ["1234", "7KQM-4D2X-9PHA-0000", "７ＫＱＭ-4D2X-9PHA"])
def test_what_is_no_code_is_not_sent(enrol, code):
    answer, said = enrol(code, url="http://127.0.0.1:1")  # where nobody listens: sending would be another exit code
    assert answer == 78
    assert "twelve letters and digits" in said


def test_a_wrong_code_says_what_head_office_said_and_keeps_nothing(enrol, head_office):
    right = head_office.code()
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    code, said = enrol(wrong)
    assert (code, enrol.target.exists()) == (1, False)
    assert "this code is wrong; 4 tries are left" in said
    assert enrol(right)[0] == 0


def test_a_used_code_is_refused_so_two_machines_cannot_take_one_identity(enrol, head_office):
    code = head_office.code()
    assert enrol(code)[0] == 0
    enrol.target.unlink()
    answer, said = enrol(code)
    assert (answer, enrol.target.exists()) == (1, False)
    assert "used already; ask head office for a new one" in said


def test_an_enrolled_register_is_not_enrolled_again_by_accident(enrol, head_office):
    enrol(head_office.code())
    before = enrol.target.read_bytes()
    fresh = head_office.code()
    code, said = enrol(fresh)
    assert (code, enrol.target.read_bytes()) == (78, before)
    assert "enrolled already (store 0042, register R2, dev-0042-R2-" in said
    assert enrol(fresh, "--again")[0] == 0
    assert enrol.target.read_bytes() != before


def test_a_revoked_register_gets_a_new_key_with_again(enrol, head_office):
    enrol(head_office.code())
    device = json.loads(enrol.target.read_text())["device"]
    assert head_office.revoke(device)
    assert enrol(head_office.code(), "--again")[0] == 0
    assert json.loads(enrol.target.read_text())["device"] != device


def test_a_code_of_another_register_is_not_kept(enrol, head_office):
    enrol.settings.write_text(SETTINGS)
    code, said = enrol(head_office.code(register="R3"))
    assert (code, enrol.target.exists()) == (78, False)
    assert "the code is for company acme, store 0042, register R3" in said
    assert "says acme, 0042, R2" in said


def test_wrong_settings_are_told_before_the_code_is_used_up(enrol, head_office):
    enrol.settings.write_text("[register]\n")
    code = head_office.code()
    assert enrol(code)[0] == 78
    enrol.settings.unlink()
    assert enrol(code)[0] == 0


def test_a_place_that_cannot_be_written_is_told_before_the_code_is_used_up(enrol, head_office):
    enrol.target.parent.parent.joinpath("credentials").write_text("a file where the folder should be")
    code = head_office.code()
    answer, said = enrol(code)
    assert answer == 78
    assert "cannot be written" in said
    enrol.target.parent.unlink()
    assert enrol(code)[0] == 0


def test_no_line_means_try_the_same_code_again(enrol, head_office):
    code = head_office.code()
    answer, said = enrol(code, url="http://127.0.0.1:1")
    assert answer == 75
    assert "then try the same code again" in said
    assert enrol(code)[0] == 0


def test_a_key_does_not_travel_on_an_open_line(enrol):
    answer, said = enrol("7KQM-4D2X-9PHA", url="http://points.example.jp")
    assert answer == 78
    assert "write https://" in said


KEYS = {"key": "00" * 32, "member_key": "00" * 32, "file_keys": {}}
NAMES = {"device": "d", "company": "c", "store": "s", "register": "r"}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>portal</html>", b"{}", b"[]", b"null",
        json.dumps(NAMES | KEYS | {"key": "zz"}).encode(),
        json.dumps(NAMES | KEYS | {"member_key": "00"}).encode(),
        json.dumps(NAMES | KEYS | {"device": "../../portal"}).encode(),
        json.dumps(NAMES | KEYS | {"store": 42}).encode(),
        json.dumps(NAMES | KEYS | {"file_keys": ["portal"]}).encode(),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_credentials_is_refused_without_showing_it(body):
    with pytest.raises(EnrolmentRefused, match="did not answer with credentials") as refused:
        read_answer("https://x", body)
    assert "portal" not in str(refused.value)


def test_a_portal_that_answers_every_address_is_recognised(enrol, tmp_path):
    class Portal(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"<html>please log in \x1b[31m</html>")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Portal) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        answer, said = enrol("7KQM-4D2X-9PHA", url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        serving.join()
    assert answer == 1
    assert "\x1b" not in said
    assert "log in" not in said


def test_two_registers_with_one_identity_are_told_of_each_other(enrol, head_office):
    """Somebody enrols a second machine as a register that sells already."""
    place = {"store": "0099", "register": "R7"}
    code, said = enrol(head_office.code(**place))
    assert code == 0
    assert "also accepts" not in said
    first = json.loads(enrol.target.read_text())["device"]
    enrol.target.unlink()
    code, said = enrol(head_office.code(**place))
    assert code == 0
    assert f"head office also accepts {first} as store 0099, register R7" in said
    assert f"posagent cloud revoke --company acme {first}" in said
    assert "others" not in json.loads(enrol.target.read_text())  # no secret, and nothing that the register needs
    for device in (first, json.loads(enrol.target.read_text())["device"]):
        assert head_office.revoke(device)
    enrol.target.unlink()
    assert "also accepts" not in enrol(head_office.code(**place))[1]


@pytest.mark.parametrize("others", ["dev-1", ["x" * 500], ["../dev"], [1], [f"dev-{number}" for number in range(21)]])
def test_what_is_said_of_other_keys_is_bounded_names(others):
    answer = {"company": "acme", "store": "0042", "register": "R2", "device": "d", "key": "00" * 32, "member_key": "00" * 32, "file_keys": {}}
    assert read_answer("http://h", json.dumps(answer).encode()).others == ()
    with pytest.raises(EnrolmentRefused, match="did not answer with credentials"):
        read_answer("http://h", json.dumps(answer | {"others": others}).encode())
