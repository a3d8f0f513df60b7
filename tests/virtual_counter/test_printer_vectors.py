"""The byte vectors of the printer specification that a printer has to satisfy, on the virtual one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T0_80, T1_ONE_BIT, T1_SEIKO, T3_80

h = bytes.fromhex
INIT = h("1B40 1C4301 1B5208 1B7401 1C2E")


def test_native_japanese_prints_kanji_yen_and_half_width_kana(bench):
    till = bench()
    till.print(h("1B40 1C4301 1B5208 1B7401 938C8B9E5C313030B1B20A"))
    assert till.lines == ["東京¥100ｱｲ"]
    assert till.printer.oddities == []


def test_a_process_id_comes_back_when_its_line_is_on_paper(bench):
    till = bench()
    till.send(b"line\n" * 10 + h("1D2848060030304142 3031"))
    assert till.link.receive() == b""
    till.clock.advance(1)
    assert till.link.receive() == h("3722414230 3100")


def test_of_process_ids_that_could_not_be_sent_only_the_latest_comes(bench):
    till = bench()

    def marked(number: int) -> bytes:
        return b"line\n" + h("1D28480600 3030") + b"%04d" % number

    assert till.ask(marked(1), 1) == b"\x37\x220001\x00"
    till.link.host_busy = True
    till.send(marked(2) + marked(3))
    till.clock.advance(1)
    till.link.host_busy = False
    assert till.link.receive() == b"\x37\x220003\x00"


def test_going_offline_is_told_when_it_was_asked_for(bench):
    till = bench()
    till.send(h("1D284803003130 01"))
    till.printer.cover(True)
    assert till.link.receive() == h("372300")
    till.printer.cover(False)
    till.send(h("1D284803003130 02"))
    till.printer.cover(True)
    assert till.link.receive() == h("37234100")


def test_the_buffers_are_cleared_in_real_time_even_in_the_middle_of_a_raster_command(bench):
    till = bench()
    till.send(b"kept\n")
    till.clock.advance(1)
    till.send(h("1D763000 4800 0008") + b"\xaa" * 500)  # 2048 rows announced, few sent
    assert till.ask(h("1014080103140106 0208")) == h("372500")
    till.print(b"after\n")
    assert till.lines == ["kept", "after"]


def test_a_half_received_raster_command_swallows_what_follows_until_nuls_fill_it(bench):
    till = bench()
    till.send(h("1D763000 4800 3800"))  # 4,032 bytes of picture never come
    till.print(b"swallowed\n")
    assert till.lines == []
    till.print(b"\x00" * 4096 + b"\x1b@seen\n")
    assert till.lines == ["seen"]


def test_the_cutter_counter_is_answered_in_digits(bench):
    till = bench()
    for _ in range(3):
        till.print(b"slip\n" + h("1D564200"))
    assert till.ask(h("1D673200B200")) == h("5F 33 00")
    assert till.ask(h("1D6732003200")) == h("5F 33 00")


def test_real_time_status_tells_online_drawer_and_offline(bench):
    till = bench()
    assert till.ask(h("100401")) == b"\x12"
    till.send(h("1014010001"))
    assert till.ask(h("100401")) == b"\x16"
    till.printer.close_drawer()
    till.printer.cover(True)
    assert till.ask(h("100401")) == b"\x1a"


@pytest.mark.parametrize(
    "trouble, n, answer",
    [
        (lambda p: p.cover(True), 2, 0x16),
        (lambda p: p.paper_out(), 2, 0x32),
        (lambda p: p.break_down(), 2, 0x52),
        (lambda p: p.break_down(), 3, 0x32),
        (lambda p: p.head_hot(True), 3, 0x52),
        (lambda p: None, 4, 0x12),
        (lambda p: p.load_paper(1000), 4, 0x1E),
        (lambda p: p.paper_out(), 4, 0x7E),
    ],
)
def test_real_time_status_tells_why(bench, trouble: Callable[[VirtualPrinter], None], n: int, answer: int):
    till = bench()
    trouble(till.printer)
    assert till.ask(bytes((0x10, 0x04, n))) == bytes((answer,))


def test_a_jammed_cutter_is_told_in_real_time(bench):
    till = bench()
    till.printer.cutter_jam()
    till.print(b"slip\n" + h("1D564200"))
    assert till.ask(h("100403")) == b"\x1a"
    assert till.ask(h("100402")) == b"\x52"


def test_a_clone_with_one_bit_sensors_sets_one_bit(bench):
    till = bench(T1_ONE_BIT)
    till.printer.paper_out()
    assert till.ask(h("100404")) == bytes((0x12 | 0x04 | 0x20,))


def test_automatic_status_comes_at_once_and_on_every_change(bench):
    till = bench()
    assert till.ask(h("1D61FF")) == h("1000000F")
    till.send(h("1014010001"))
    assert till.link.receive() == h("1400000F")
    till.printer.close_drawer()
    assert till.link.receive() == h("1000000F")
    till.printer.cover(True)
    assert till.link.receive() == h("3800000F")
    till.printer.cover(False)
    till.link.receive()
    till.printer.load_paper(1000)
    assert till.link.receive() == h("1000030F")
    till.printer.paper_out()
    assert till.link.receive() == h("18000F0F")
    till.printer.load_paper()
    till.link.receive()
    till.printer.cutter_jam()
    till.print(b"slip\n" + h("1D564200"))
    assert till.link.receive() == h("1808000F")


def test_automatic_status_only_tells_what_was_asked_for(bench):
    till = bench()
    till.ask(h("1D6108"))  # paper only
    till.printer.cover(True)
    assert till.link.receive() == b""
    till.printer.paper_out()
    assert till.link.receive() == h("38000F0F")


def test_a_queued_paper_question_is_answered_when_it_is_processed(bench):
    till = bench()
    assert till.ask(h("1D7201")) == b"\x00"
    till.printer.load_paper(1000)
    assert till.ask(h("1D7201")) == b"\x03"
    till.printer.paper_out()
    assert till.ask(h("1D7201"), 5) == b""  # offline: nothing is processed


def test_a_drawer_command_inside_a_picture_kicks_the_drawer(bench):
    till = bench()
    till.print(h("1D763000 0800 0300") + b"\x00" * 8 + h("00 1014010005 0000") + b"\x00" * 8)
    assert [(kick.pin, kick.on_ms) for kick in till.printer.kicks] == [(2, 500)]


def test_the_real_time_drawer_command_can_be_switched_off(bench):
    till = bench()
    till.send(h("1D28440300140100") + h("1014010001"))
    assert till.printer.kicks == []


def test_an_overflowing_graphics_command_prints_garbage_and_is_noticed(bench):
    till = bench()
    till.print(h("1D284C0A0E3070300101314002C003") + b"\x41" * 4000)
    assert any("GS ( L" in oddity for oddity in till.printer.oddities)
    assert any("AAAA" in line for line in till.lines) or till.printer.wraps


def test_a_user_defined_kanji_prints_its_dots_and_dies_with_initialise(bench):
    till = bench()
    till.print(INIT + h("1C32EC40") + b"\xff" * 72 + h("EC400A"))
    assert till.printer.oddities == []
    (slip,) = till.printer.slips()
    assert slip.placed[-1].item.cells[0].glyph == b"\xff" * 72
    till.print(INIT + h("EC400A"))
    assert till.printer.oddities == ["no kanji EC 40"]


def test_the_seiko_dialect_greets_and_answers_in_its_own_way(bench):
    till = bench(T1_SEIKO)
    assert till.ask(h("1B40")) == b"\xb0"
    status = till.ask(h("1D61FF"))
    assert len(status) == 8
    assert status[:2] == h("C0D0")
    assert till.ask(h("1D7201")) == b"\x80"
    till.printer.cover(True)
    assert till.link.receive()[1] & 0xF8 == 0xD8
    till.printer.cover(False)
    till.link.receive()
    till.printer.paper_out()
    assert till.link.receive()[1] & 0xF1 == 0xD1


def test_jis_kanji_need_their_brackets(bench):
    till = bench()
    till.print(h("1C4300 1C26 447B 0A 1C2E 447B 0A"))
    assert till.lines == [b"\x1b$B\x44\x7b\x1b(B".decode("iso2022_jp"), "D{"]


def test_a_write_only_printer_answers_nothing(bench):
    till = bench(T0_80)
    assert till.ask(h("100401 100404 1D7201 1D4942 1D61FF 1D284806003030 41423031 1D673200B200"), 5) == b""


def test_identity_is_told(bench):
    till = bench()
    assert till.ask(h("1D4942")) == b"\x5fEPSON\x00"
    assert till.ask(h("1D4902")) == b"\x03"
    assert till.ask(h("1D4944")) == b"\x5f" + T3_80.serial.encode() + b"\x00"
