"""Owns `posagent demo`: the whole counter on virtual devices, to play with or as one scripted day."""

from __future__ import annotations

import signal
import tempfile
import threading
from argparse import ArgumentParser, Namespace
from pathlib import Path

from posagent.cli.common import add_json, print_json


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--once", action="store_true", help="play one scripted day, compare promised with arrived, exit 0 if all agree")
    parser.add_argument("--out", metavar="DIR", type=Path, help="with --once: where story.json and the slips' pictures go (default: demo-out)")
    parser.add_argument("--port", type=int, default=8930, help="the page's port on 127.0.0.1 (default 8930; 0: any free one)")
    parser.add_argument("--lang", choices=("ja", "en"), default="ja", help="the language of page and slips")
    add_json(parser)
    parser.epilog = "examples: posagent demo    posagent demo --once --out /tmp/day\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: played (with --once: and everything agrees); 1: something does not agree."""
    with tempfile.TemporaryDirectory(prefix="posagent-demo-") as scratch:
        return _once(args, Path(scratch)) if args.once else _page(args, Path(scratch))


def _once(args: Namespace, directory: Path) -> int:
    from virtual_counter.demo_counter import Counter
    from virtual_counter.demo_day import play, reckon

    def say(line: str) -> None:
        if not args.json:
            print(line, flush=True)

    out: Path = args.out or Path("demo-out")
    counter = Counter(directory, language=args.lang)
    say("A day at the till: one register, virtual devices on real ports, the real agent.")
    if counter.wedge_missing:
        say(f"(no keyboard-wedge scanner today: {counter.wedge_missing})")
    try:
        counter.start()
        story = reckon(play(counter, say), out)
    except RuntimeError as trouble:
        print(f"posagent demo: {trouble}")
        return 1
    finally:
        counter.stop()
    if args.json:
        print_json(story)
    else:
        grants, slips = story["grants"], story["promised_slips"]
        arrived = sum(row["acks"] > 0 for row in grants)
        say(f"\n{len(grants)} grants told, {arrived} at head office; {len(slips)} slips promised; pictures and story.json in {out}")
        for line in story["wrong"]:
            say(f"  WRONG {line}")
        say("Everything that was promised arrived, once." if story["agree"] else "Promised and arrived do not agree.")
    return 0 if story["agree"] else 1


def _page(args: Namespace, directory: Path) -> int:
    from virtual_counter.demo_counter import Counter
    from virtual_counter.demo_page import DemoPage

    page = DemoPage(args.port)
    counter = Counter(directory, language=args.lang, frame_of=page.url.rstrip("/"))
    print("starting the counter …", flush=True)
    try:
        counter.start()
    except RuntimeError as trouble:
        print(f"posagent demo: {trouble}")
        counter.stop()
        return 1
    page.serve(counter)
    print(f"\n  both sides of the counter   {page.url}\n  head office                 {counter.receiver_url}\n\nCtrl-C ends it.", flush=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    page.stop()
    counter.stop()
    return 0
