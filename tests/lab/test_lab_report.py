"""The report is readable and honest: a finding is on it, and nothing in it is markup by accident."""

from __future__ import annotations

from typing import Any

from tools.lab import report
from tools.lab.scenarios import ALL


def story(**changed: Any) -> dict[str, Any]:
    return {
        "schema": 1, "started": "2026-11-22T10:00:00+09:00", "package": "posagent_0.1.0_amd64.deb", "kvm": False, "form": "short", "seed": 1,
        "seconds": 600, "agree": True, "wrong": [], "figures": {"power_on_to_grant_s": [41.0, 39.5], "exposure": 1.3},
        "scenarios": [{"name": "day", "title": "A day at the till", "figures": {"x_s": 1}, "trouble": "", "seconds": 60}],
        "books": {
            "told": 3, "arrived": 3, "voids": 0, "slips_promised": 3, "originals": 3, "marked_copies": 0, "cancelled": 0, "sales": 3,
            "power_cuts": 1,
            "pieces": [{"picture": "paper-001.png", "serials": ["0001-R1-20261122-1"], "complete": True, "void": False, "copy": False}],
        },
    } | changed  # fmt: skip


def test_a_good_run_says_so_and_shows_figures_and_paper() -> None:
    page = report.page(story(), ["screen-cashier.png"])
    assert "Nothing was lost and nothing was doubled." in page
    assert "39.5 to 41.0" in page
    assert 'src="paper-001.png"' in page
    assert 'src="screen-cashier.png"' in page


def test_a_finding_stands_at_the_top_and_with_its_scenario() -> None:
    played = [{"name": "day", "title": "A day at the till", "figures": {}, "trouble": "grant <lost>", "seconds": 60}]
    page = report.page(story(agree=False, wrong=["day: grant <lost>"], scenarios=played), [])
    assert "1 findings." in page
    assert page.count("grant &lt;lost&gt;") == 2
    assert "<lost>" not in page


def test_a_figure_stands_beside_its_floor_and_processor_time_without_the_emulators_slowness() -> None:
    figures = {"gun_unplug_to_noticed_ms": 120, "gun_unplug_kernel_ms": 40, "idle_cpu_percent": 3.0, "slowness": 20.0}
    page = report.page(story(figures=figures), [])
    assert "<td class=n>120<td>ms<td class=n>40<td class=n>3.0" in page
    assert "about 0.15 on this processor itself" in page
    assert "takes 20.0 times as long" in page


def test_a_machine_at_its_own_speed_needs_no_such_words() -> None:
    page = report.page(story(kvm=True, figures={"idle_cpu_percent": 0.1, "slowness": 1.0}), [])
    assert "emulated" not in page
    assert "on this processor itself" not in page


def test_the_time_that_others_took_is_said() -> None:
    page = report.page(story(seconds=1200, waited_s=300, machine_cpu_s=900), [])
    assert "For 25% of the run others had this computer" in page
    assert "20.0 min; 15.0 without the time in which others had the processors; 15.0 min of processor time" in page


def test_a_run_that_ended_before_its_books_has_a_report_as_well() -> None:
    broken = story(agree=False, wrong=["the run ended early: qemu did not start"], scenarios=[], figures={})
    del broken["books"]
    assert "qemu did not start" in report.page(broken, [])


def test_every_scenario_has_its_own_name_and_the_short_form_has_the_power_cuts() -> None:
    names = [scenario.name for scenario in ALL]
    assert len(set(names)) == len(names)
    assert [scenario.name for scenario in ALL if not scenario.short] == ["camera", "soak"]
