"""`posagent setup`: questions, the file, a trial of each device; with a receiver, a printer and a scanner that are real on their lines."""

from __future__ import annotations

import json
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posagent.cli import main
from posagent.cli import setup as setting_up
from posagent.cli.setup_trial import try_devices
from posagent.cli.setup_words import WORDS
from posagent.ports import Found
from posagent.registry import load_drivers
from posagent.settings import load_settings
from posagent.setup_text import Answers, Device, own_work, read_answers, settings_text, toml_value
from virtual_counter.printer import VirtualPrinter
from virtual_counter.scanner import SerialScanner
from virtual_counter.tcp import PrinterServer

OWN = ("--company", "acme", "--brand", "cafe", "--store", "0042", "--register", "R2", "--store-name", "喫茶")


@pytest.fixture
def setup(tmp_path, capsys, monkeypatch):
    """Runs the command without devices of this machine; (exit code, what it said)."""
    monkeypatch.setattr(setting_up, "find", lambda drivers: list(run.found))
    monkeypatch.setattr(setting_up, "_systemctl", lambda *words: run.commands.append(words) or run.systemd)

    def run(*words: str, typed: tuple[str, ...] | None = None) -> tuple[int, str]:
        if typed is None:
            words = ("--no-input", "--lang", "en", *words)
        else:
            answers = iter(typed)

            def answer(_question: str) -> str:
                try:
                    return next(answers)
                except StopIteration:
                    raise EOFError from None

            monkeypatch.setattr("builtins.input", answer)
        code = main(["setup", "--settings", str(run.path), "--credentials", str(run.key), *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    run.path, run.key = tmp_path / "posagent.toml", tmp_path / "credentials" / "register.json"
    run.found, run.commands, run.systemd = [], [], False
    return run


@pytest.fixture
def printer():
    made = VirtualPrinter()
    server = PrinterServer(made, "127.0.0.1", 0)
    yield made, f"127.0.0.1:{server.port}"
    server.stop()


def test_a_fleet_sets_up_without_a_question(setup, head_office):
    code, said = setup("--url", head_office.url, "--code", head_office.code(), "--store-name", "喫茶", "--no-test", "--scanner", "none")
    assert code == 0, said
    settings, _ = load_settings(setup.path)
    assert (settings.register.company, settings.register.store, settings.register.register) == ("acme", "0042", "R2")
    assert settings.register.store_name == "喫茶"
    assert settings.cloud.credentials == setup.key
    assert str(settings.screen.socket) == "/run/posagent/api.sock"
    assert oct(setup.path.stat().st_mode & 0o777) == "0o640"
    kept = json.loads(setup.key.read_text())
    assert kept["key"] not in said + setup.path.read_text()
    assert "systemctl enable --now posagent" in said


def test_it_runs_again_with_what_it_knows_and_no_new_code(setup, head_office):
    setup("--url", head_office.url, "--code", head_office.code(), "--store-name", "a", "--no-test")
    key = setup.key.read_bytes()
    code, said = setup("--no-test", "--members", "27")
    assert (code, setup.key.read_bytes()) == (0, key)
    assert "enrolled already: 0042 / R2" in said
    settings, _ = load_settings(setup.path)
    assert (settings.register.store_name, settings.cloud.url) == ("a", head_office.url)
    assert [path.name for path in setup.path.parent.iterdir() if path.name.startswith("posagent.toml")] == ["posagent.toml"]


def test_run_again_it_keeps_devices_that_are_unplugged_and_what_was_set_for_them(setup):
    wedge = {"driver": "wedge", "device": "usb:0c2e:0b81"}
    setup.found[:] = [Found("wedge", "scanner", "Voyager", "/dev/input/event5", "usb:0c2e:0b81", settings=wedge)]
    assert setup(*OWN, "--printer", "192.0.2.9", "--door", "printer=192.0.2.8:9100", "--no-test")[0] == 0
    text = setup.path.read_text().replace('"usb:0c2e:0b81"', '"usb:0c2e:0b81"\nlayout = "jis"')
    setup.path.write_text(text.replace("scanner-1", "counter"))
    setup.found.append(Found("serial", "scanner", "new", "/dev/ttyACM1", "usb:1:2", settings={"driver": "serial", "port": "/dev/ttyACM1"}))
    del setup.found[0]
    for words, typed in ((("--store-name", "x"), None), ((), ("2", "", "", "", "", "", "", "", "", "", "", ""))):
        code, said = setup(*words, "--no-test", "--no-start", typed=typed)
        assert code == 0, said
        settings, _ = load_settings(setup.path)
        assert [(one.name, one.options.get("layout")) for one in settings.of("scanner")] == [("counter", "jis")]
        assert settings.of("printer")[0].options["host"] == "192.0.2.9"
        assert settings.of("sale_door")[0].options["forward"] == "192.0.2.8:9100"
        assert settings.register.store_name == "x"


def test_somebodys_own_file_is_kept_beside_the_new_one(setup):
    setup.path.write_text('# mine\n[register]\ncompany = "old"\n')
    code, said = setup(*OWN, "--no-test")
    assert code == 0
    kept = next(path for path in setup.path.parent.glob("posagent.toml.*"))
    assert kept.read_text().startswith("# mine")
    assert str(kept) in said


def test_a_missing_value_is_named_with_its_flag_and_nothing_is_written(setup):
    code, said = setup("--company", "acme")
    assert (code, setup.path.exists()) == (78, False)
    assert "--store" in said


def test_a_refused_code_ends_a_fleets_setup_with_head_offices_words(setup, head_office):
    code, said = setup("--url", head_office.url, "--code", "0000-0000-0000", *OWN)
    assert (code, setup.path.exists()) == (1, False)
    assert "ask head office for a new one" in said


def test_without_the_right_to_write_nothing_is_asked(setup, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    code, said = setup(typed=())
    assert code == 77
    assert "sudo" in said


def test_a_person_answers_and_sees_the_devices(setup, head_office):
    setup.found[:] = [
        Found("serial", "scanner", "QuickScan", "/dev/ttyACM0", "usb:05f9:4204", settings={"driver": "serial", "port": "/dev/ttyACM0"}),
        Found("serial", "scanner", "ttyS0", "/dev/ttyS0", "ttyS0", note="not known", settings={"driver": "serial", "port": "/dev/ttyS0"}),
    ]
    wrong, right = head_office.code()[:-1] + "~", head_office.code()
    typed = (
        "3", "2", "ftp://x", head_office.url, wrong, right, "Acme café", "", "喫茶アクメ", "2x", "20-29", "9", "",
        "192.168.0.9:9100", "2", "192.168.0.8", "192.168.0.8:9100",
    )  # fmt: skip
    code, said = setup("--no-test", "--no-start", typed=typed)
    assert code == 0, said
    assert "program.toml" not in said  # head office hands the rules down
    assert "1  QuickScan  /dev/ttyACM0" in said
    assert "(not known)" in said
    assert said.count("Please look at what you typed") == 5
    settings, _ = load_settings(setup.path)
    assert [device.options["port"] for device in settings.of("scanner")] == ["/dev/ttyACM0"]
    assert [(one.options["host"], one.options["port"]) for one in settings.of("printer")] == [("192.168.0.9", 9100)]
    assert settings.of("sale_door")[0].options["forward"] == "192.168.0.8:9100"


def test_left_before_the_end_nothing_is_written(setup):
    code, said = setup(typed=("1", ""))
    assert (code, setup.path.exists()) == (78, False)
    assert "nothing was written" in said


def test_the_service_lets_go_of_the_devices_before_the_trial_and_starts_after_it(setup):
    setup.systemd = True
    code, said = setup(*OWN)
    assert code == 0
    assert setup.commands == [
        ("stop", "posagent.service"),
        ("enable", "posagent.socket", "posagent.service"),
        ("restart", "posagent.socket", "posagent.service"),
    ]
    assert "http://127.0.0.1:8931/" in said


def test_a_trial_that_is_broken_off_leaves_the_service_running(setup, monkeypatch):
    def tired(*_: object) -> bool:
        raise KeyboardInterrupt

    setup.systemd = True
    monkeypatch.setattr(setting_up, "try_devices", tired)
    assert setup(*OWN)[0] == 130
    assert setup.commands[-1] == ("restart", "posagent.socket", "posagent.service")
    setup.commands.clear()
    assert setup(*OWN, "--no-start")[0] == 130
    assert setup.commands == []


def test_the_trial_prints_a_slip(setup, printer):
    virtual, address = printer
    code, said = setup(*OWN, "--printer", address, "--no-start")
    assert code == 0, said
    assert "printed" in said
    assert virtual.slips()


def test_a_printer_that_is_not_there_fails_its_trial_and_the_settings_stand(setup):
    code, said = setup(*OWN, "--printer", "127.0.0.1:1", "--no-start")
    assert (code, setup.path.exists()) == (1, True)
    assert "127.0.0.1" in said


def test_the_trial_reads_one_code_and_does_not_show_it(tmp_path, capsys):
    scanner = SerialScanner(tmp_path / "port")
    stop = threading.Event()

    def pull() -> None:  # what is sent before the port is open is gone, as with a real one
        while not stop.wait(0.05):
            scanner.scan("2012345678903", "E0")

    pulling = threading.Thread(target=pull)
    pulling.start()
    device = Device("scanner", "front", {"driver": "serial", "port": str(tmp_path / "port")})
    try:
        assert try_devices([device], load_drivers(only=frozenset({"serial"})).drivers, "en")
    finally:
        stop.set()
        pulling.join()
        scanner.close()
    said = capsys.readouterr().out
    assert "E0, 13" in said
    assert "2012345678903" not in said


def test_a_scanner_that_is_not_there_is_told(tmp_path, capsys):
    device = Device("scanner", "front", {"driver": "serial", "port": str(tmp_path / "port")})
    assert not try_devices([device], load_drivers(only=frozenset({"serial"})).drivers, "en")
    assert "[E301]" in capsys.readouterr().out


def test_every_word_is_there_in_both_languages():
    assert all(ja and en and ja != en for ja, en in WORDS.values())


@given(st.text(max_size=40))
def test_whatever_a_device_calls_itself_stays_inside_its_quotes(text):
    assert tomllib.loads(f"x = {toml_value(text)}") == {"x": text}


def test_what_was_written_is_read_back():
    answers = Answers("en", "acme", "cafe", "0042", "R2", "喫茶", "https://x.example", "27")
    text = settings_text(answers, "/key")
    assert own_work(text)
    assert read_answers(text) == answers
    assert read_answers("not toml =") == Answers()
    assert read_answers('register = 1\ncode = {}\nscanner = 1\nprinter = ["x"]\n[cloud]\nurl = ["x"]') == Answers(url="['x']")


def test_the_file_is_what_the_folder_says(tmp_path: Path):
    """Every table that setup can write is one that the settings know."""
    devices = (Device("scanner", "scanner-1", {"driver": "wedge", "device": "usb:0c2e:0b61", "layout": "jis"}),)
    text = settings_text(Answers("ja", "a", "b", "c", "d", "e", "https://x", door="printer", door_forward="h:9100", devices=devices), "/key")
    (tmp_path / "posagent.toml").write_text(text, "utf-8")
    settings, _ = load_settings(tmp_path / "posagent.toml")
    assert settings.of("scanner")[0].options["layout"] == "jis"
