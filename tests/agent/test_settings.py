"""posagent.settings: strict, everything at once, drivers' options checked by the drivers' own words."""

from pathlib import Path

import pytest

from posagent.errors import SettingsError
from posagent.scan_router import Route
from posagent.settings import load_settings, read_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config" / "posagent.example.toml").read_text("utf-8")


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in read_settings(text, base=Path("/etc/posagent"))[2]]


def test_the_example_is_good_as_it_is() -> None:
    settings, _, problems = read_settings(EXAMPLE, base=Path("/etc/posagent"))
    assert problems == []
    assert settings.program == Path("/etc/posagent/program.toml")
    assert settings.journal == Path("/var/lib/posagent")
    assert [device.name for device in settings.devices] == ["front", "slips"]
    assert settings.of("scanner")[0].options["baud"] == 9600


def test_every_commented_setting_of_the_example_is_a_real_one_with_its_default() -> None:
    lines = []
    for line in EXAMPLE.splitlines():
        bare = line.removeprefix("# ")
        lines.append(bare if line.startswith("# ") and ("= " in bare or bare.startswith("[")) and "`" not in bare else line)
    text = "\n".join(lines)
    assert text.count("\n[cloud]") == 1
    assert problems_of(text) == []
    plain, spelled = read_settings(EXAMPLE, base=Path("/x"))[0], read_settings(text, base=Path("/x"))[0]
    assert (plain.checkout, plain.register) == (spelled.checkout, spelled.register)
    extra = next(device for device in spelled.devices if device.name == "counter")
    assert plain.devices == tuple(device for device in spelled.devices if device.kind != "sale_door" and device is not extra)
    assert extra.route == Route(layout="jis")
    assert extra.options["double_read_ms"] == 0
    assert [door.driver for door in spelled.of("sale_door")] == ["capture-printer"]
    assert plain.screen.listen == spelled.screen.listen


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('driver = "serial"', 'driver = "seriell"', "did you mean 'serial'?"),
        ('driver = "serial"', 'driver = "serial"\nboud = 9600', "did you mean 'baud'?"),
        ('driver = "serial"', 'driver = "serial"\nbaud = "fast"', "scanner[1].baud"),
        ('driver = "serial"', 'driver = "escpos-tcp"', "move this table to [[printer]]"),
        ('name = "slips"', 'name = "front"', "is the name of scanner[1] already"),
        ('store = "0042"', 'store = "00 42"', "register.store"),
        ("[screen]", '[screen]\nlisten = "0.0.0.0:80"', "never offered to the network"),
        ("[screen]", '[cloud]\nurl = "http://points.example.jp"\n[screen]', "use https://"),
        ("[screen]", '[cloud]\nurl = "https://points.example.jp"\ncertificate = "a.pem"\n[screen]', "half of a pair"),
        ("[checkout]", "[checkout]\npair_window_s = 5", "from 10 to 3600"),
        ('length = 13', 'lenght = 13', "did you mean 'length'?"),
        ('host = "192.168.192.168"', "", "printer[1].host: is missing"),
    ],
)
def test_a_mistake_is_named_with_its_path_and_what_to_write(old: str, new: str, said: str) -> None:
    assert old in EXAMPLE
    found = problems_of(EXAMPLE.replace(old, new, 1))
    assert any(said in problem for problem in found), found


def test_a_file_that_is_not_toml_names_the_line() -> None:
    assert problems_of("[register]\ncompany = = 3\n")[0].startswith("line 2: not TOML")


def test_a_file_that_is_not_text_is_a_settings_error(tmp_path: Path) -> None:
    path = tmp_path / "posagent.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(path)
