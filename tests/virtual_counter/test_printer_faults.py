"""What paper, power, cutter, cover and cable do to a slip: the physics that the print lane has to survive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T0_58, T0_80, T3_80

h = bytes.fromhex
CUT = h("1D564200")


def proof(ids: bytes) -> bytes:
    return h("1D284806003030") + ids


COUNTER = h("1D673200B200")
CLEAR = h("10140801031401060208")
SLIP = b"".join(b"line %02d\n" % number for number in range(40)) + CUT + proof(b"AB04")
LINES = tuple(f"line {number:02d}" for number in range(40))


def test_printing_takes_the_time_that_the_speed_says(bench):
    till = bench()
    till.send(b"line\n" * 100 + proof(b"AB01"))
    rows = 100 * 30
    seconds = rows * T3_80.row_s
    till.clock.advance(seconds - 0.01)
    assert till.link.receive() == b""
    till.clock.advance(0.011)
    assert till.link.receive() == b"\x37\x22AB01\x00"


def test_paper_that_ends_in_mid_slip_stops_it_and_a_new_roll_goes_on_with_it(bench):
    till = bench()
    till.printer.paper_out(after_rows=20 * 30 + 12)
    till.print(SLIP)
    assert till.link.receive() == b""
    assert till.ask(h("100402")) == b"\x32"
    (hanging,) = till.printer.slips()
    assert hanging.lines == LINES[:20]
    assert not hanging.complete
    till.printer.load_paper()
    till.clock.advance(60)
    assert till.link.receive() == b"\x37\x22AB04\x00"
    (slip,) = till.printer.slips()
    assert slip.complete
    assert len(slip.splices) == 1
    # The line under the head is torn in two: its dots are on both pieces, and nobody reads it for sure.
    assert set(LINES) - set(slip.lines) <= {LINES[20]}


def test_an_open_cover_holds_the_slip_and_a_closed_one_lets_it_go_on(bench):
    till = bench()
    till.send(SLIP)
    till.clock.advance(0.05)
    till.printer.cover(True)
    till.clock.advance(60)
    assert till.link.receive() == b""
    till.printer.cover(False)
    till.clock.advance(60)
    assert till.link.receive() == b"\x37\x22AB04\x00"
    assert [slip.lines for slip in till.printer.slips()] == [LINES]


def test_a_power_cut_leaves_a_stub_and_forgets_everything_that_was_received(bench):
    till = bench()
    till.printer.at_row(10 * 30, VirtualPrinter.power_cut)
    till.print(SLIP)
    assert not till.link.alive
    with pytest.raises(ConnectionRefusedError):
        till.printer.connect()
    till.printer.power_on()
    till.clock.advance(60)
    (stub,) = till.printer.slips()
    assert stub.lines == LINES[:10]
    assert not stub.complete
    till.link = till.printer.connect()
    till.print(SLIP)
    (both,) = till.printer.slips()
    assert both.lines == LINES[:10] + LINES  # the stub still hangs on it
    assert both.complete


def test_a_void_line_and_a_cut_make_the_stub_a_slip_of_its_own(bench):
    till = bench()
    till.printer.at_row(10 * 30, VirtualPrinter.disconnect)
    till.print(b"STORE-R1-20261122-0007\n" + SLIP[:100])
    till.printer.reconnect()
    till.link = till.printer.connect()
    assert till.ask(CLEAR) == h("372500")
    till.print(b"\x1b@\x1cC\x01" + "―― 印字中断・上記無効 ――\n".encode("cp932") + CUT + b"\x1b@STORE-R1-20261122-0007\n" + SLIP)
    stub, slip = till.printer.slips()
    assert (stub.void, stub.serial, stub.complete) == (True, "STORE-R1-20261122-0007", True)
    assert (slip.void, slip.serials, slip.complete) == (False, ("STORE-R1-20261122-0007",), True)
    assert slip.lines == ("STORE-R1-20261122-0007", *LINES)


def test_a_pulled_cable_does_not_stop_what_the_printer_already_has(bench):
    till = bench()
    till.send(SLIP)
    till.printer.disconnect()
    till.clock.advance(60)
    assert [slip.lines for slip in till.printer.slips()] == [LINES]
    assert not till.link.alive
    with pytest.raises(BrokenPipeError):
        till.link.send(b"x")


def test_a_jammed_cutter_waits_for_the_clerk_and_cuts_after_recovery(bench):
    till = bench()
    till.printer.cutter_jam()
    till.print(SLIP)
    assert till.ask(h("100403")) == b"\x1a"
    assert till.ask(h("100501"), 5) == b""
    assert till.ask(h("100403")) == b"\x1a"  # it still sticks
    till.printer.clear_cutter()
    assert till.ask(h("100501"), 5) == b"\x37\x22AB04\x00"
    assert till.printer.totals["cuts"] == 1
    (slip,) = till.printer.slips()
    assert slip.complete


def test_recovery_that_clears_the_buffers_never_sends_the_id_of_what_it_dropped(bench):
    till = bench()
    till.printer.cutter_jam()
    till.print(SLIP + b"next\n" + proof(b"CD01"))
    till.printer.clear_cutter()
    assert till.ask(h("100502"), 60) == b""
    assert till.printer.totals["cuts"] == 0
    till.print(proof(b"EF01"))
    assert till.link.receive() == b"\x37\x22EF01\x00"


def test_the_cutter_counter_forgets_what_had_not_reached_the_flash(bench):
    till = bench()
    till.print(b"one\n" + CUT)  # a quiet minute follows: it is in the flash
    till.send(b"two\n" + CUT)
    till.clock.advance(3)
    assert till.ask(COUNTER) == b"\x5f2\x00"
    till.printer.power_cut()
    till.printer.power_on()
    till.link = till.printer.connect()
    assert till.ask(COUNTER) == b"\x5f1\x00"


def test_faults_fire_at_the_byte_the_row_and_the_answer_that_were_named(bench):
    till = bench()
    till.printer.at_byte(10, lambda printer: printer.cover(True))
    till.send(b"\x00" * 9)
    assert not till.printer.state()["cover_open"]
    till.send(b"\x00")
    assert till.printer.state()["cover_open"]
    till.printer.cover(False)
    till.printer.at_row(7, lambda printer: printer.paper_out())
    till.print(b"line\n")
    assert till.printer.totals["rows"] == 7
    till.printer.load_paper()
    till.printer.after_answer(2, VirtualPrinter.power_cut)
    till.send(h("100401"))
    assert till.printer.powered
    till.send(h("100401"))
    till.clock.advance(0)
    assert not till.printer.powered


def test_a_power_cut_right_after_the_proof_still_delivers_the_proof(bench):
    till = bench()
    received: list[bytes] = []
    till.printer.after_answer(1, lambda printer: (received.append(till.link.receive()), printer.power_cut())[1])
    till.print(SLIP)
    assert received == [b"\x37\x22AB04\x00"]


def test_answers_can_be_garbled_doubled_swallowed_and_late(bench):
    till = bench(replace(T3_80, answer_ms=300))
    till.printer.answer_filter = lambda answer: answer * 2
    assert till.ask(h("100401")) == b""
    till.clock.advance(0.4)
    assert till.link.receive() == b"\x12\x12"
    till.printer.answer_filter = lambda answer: b""
    assert till.ask(h("100401"), 1) == b""


def test_a_silent_line_takes_everything_and_gives_nothing(bench):
    till = bench()
    till.printer.disconnect(silent=True)
    till.send(SLIP)
    assert till.ask(h("100401"), 60) == b""
    assert till.printer.slips() == []


def test_a_cut_without_feeding_keeps_the_last_lines_for_the_next_slip(bench):
    till = bench()
    till.print(b"".join(b"line %d\n" % number for number in range(10)) + h("1D5600") + b"next\n" + CUT)
    first, second = till.printer.slips()
    assert first.lines == tuple(f"line {number}" for number in range(7))
    assert second.lines == ("line 7", "line 8", "line 9", "next")
    assert (first.ending, second.ending) == ("full", "partial")


def test_a_torn_slip_is_not_complete(bench):
    till = bench()
    till.print(b"half\n")
    torn = till.printer.tear()
    assert (torn.lines, torn.complete, torn.ending) == (("half",), False, "torn")
    assert till.printer.slips() == [torn]
    assert till.printer.take_slips() == [torn]
    assert till.printer.slips() == []


def test_a_printer_without_a_cutter_cuts_nothing(bench):
    till = bench(T0_58)
    till.print(b"slip\n" + CUT + h("1D5601"))
    assert [slip.complete for slip in till.printer.slips()] == [False]


def test_a_clone_prints_the_parameters_of_what_it_does_not_know(bench):
    till = bench(T0_58)
    till.print(COUNTER + b"\n")
    assert till.lines[0].startswith("2")
    assert till.printer.oddities != []


def test_the_buffer_holds_what_the_model_says_and_no_more(bench):
    till = bench(replace(T0_80, buffer_bytes=45))
    till.printer.cover(True)
    assert till.link.send(b"x" * 100) == 45
    till.printer.cover(False)
    assert till.link.send(b"x" * 20) == 20


def test_real_time_questions_are_answered_while_a_lossy_line_overflows(bench):
    till = bench()
    till.link = till.printer.connect(lossy=True)
    till.printer.cover(True)
    till.send(b"x" * 5000 + h("100402"))
    assert till.link.receive() == b"\x16"
    assert till.printer.totals["lost"] == 5003 - 4096


def test_a_downloaded_picture_witnesses_that_the_power_was_never_off(bench):
    till = bench()
    define = h("1D284C0C00 305330504101080001003180")
    listing = h("1D284C040030504B43")
    assert till.ask(listing) == h("37734000")
    till.send(define)
    assert till.ask(listing) == h("377340504100")
    till.printer.disconnect()
    till.printer.reconnect()
    till.link = till.printer.connect()
    assert till.ask(h("1B40") + listing) == h("377340504100")
    till.printer.power_cut()
    till.printer.power_on()
    till.link = till.printer.connect()
    assert till.ask(listing) == h("37734000")


def test_a_printer_can_be_looked_at_from_any_thread_while_it_prints(bench):
    import threading

    till = bench()
    stop = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        while not stop.is_set():
            seen.append(sum(len(slip.lines) for slip in till.printer.slips()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(20):
        till.print(SLIP)
    stop.set()
    watcher.join()
    assert seen == sorted(seen)
    assert len(till.printer.slips()) == 20
