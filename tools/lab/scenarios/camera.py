"""A camera through the kernel's own test driver: cards held before it, its cable pulled, a card after it is back.

vivid's output node is looped to its capture node (Linux Documentation/admin-guide/media/vivid.rst), so that what the lab streams into the
one is what the agent's camera sees. Its control "disconnect" is the cable; it comes back by itself when the agent has let go of it.
"""

from __future__ import annotations

import io
import shutil
import time
from typing import TYPE_CHECKING

from tools.lab import moments
from tools.lab.register import TOLD_S, Failed, Register
from tools.lab.scenarios.scenario import Figures, Play
from virtual_counter.cards import draw_card

if TYPE_CHECKING:
    from PIL import Image

OPEN_S = 600.0  # the camera's libraries are 100 MB, which an emulated machine reads and links slowly
TIMINGS_720P24 = 5  # of v4l2-ctl --list-dv-timings
_TABLE = '\n[[scanner]]\nname = "cam"\ndriver = "camera"\nnode = "/dev/video0"\n'
_PLUG = f"""set -e
modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=0x1
udevadm settle
v4l2-ctl -d /dev/video0 -c loop_video=1
v4l2-ctl -d /dev/video1 --set-dv-bt-timings index={TIMINGS_720P24}
v4l2-ctl -d /dev/video0 --set-dv-bt-timings query
"""
_HOLD = (
    "nohup v4l2-ctl -d /dev/video1 --stream-out-mmap --stream-from=/lab/{file} --stream-loop >/root/stream 2>&1 & echo $! > /root/streaming"
)
_TAKE_AWAY = "kill $(cat /root/streaming) 2>/dev/null; while kill -0 $(cat /root/streaming) 2>/dev/null; do sleep 0.1; done; true"


def play(register: Register, play: Play) -> Figures:
    """Two cards, the cable, a third card."""
    package = next(play.package.parent.glob("posagent-camera_*.deb"), None)
    if package is None:
        raise Failed(f"there is no package of the camera beside {play.package}")
    shutil.copy(package, register.share)
    figures: Figures = {"camera_package_mb": round(package.stat().st_size / 1e6, 1)}
    register.hand.sure(f"dpkg -i /lab/{package.name}", 1800)
    register.hand.sure(_PLUG)
    register.use(register.settings() + _TABLE)
    register.until(lambda: register.device("cam").get("state") == "ready", OPEN_S, "the camera is usable")
    reads = [_card(register, total) for total in (1500, 2500)]
    out = moments.now(register)
    register.hand.sure("v4l2-ctl -d /dev/video0 -c disconnect=1")
    gone = moments.said(register, r"\bcam is gone", out, OPEN_S)
    back = moments.kernel_said(register, "vivid-.*: reconnect", out)
    ready = moments.said(register, r"\bcam is ready", back, OPEN_S)
    figures |= {"camera_unplug_to_noticed_ms": round((gone - out) * 1000), "camera_replug_to_scanning_ms": round((ready - back) * 1000)}
    reads.append(_card(register, 3500))
    register.use(register.settings())
    register.devices_ok("gun", "pos", "com")
    return figures | {"camera_card_to_read_s": reads}


def _card(register: Register, total: int) -> float:
    """Holds a member's card before the camera until it is read, then rings up; seconds from the card to the reading."""
    member = register.next_member()
    name = f"{member}.yuyv"
    (register.share / name).write_bytes(yuyv(draw_card("JAN13", register.members[member])))
    begun = time.monotonic()
    register.hand.sure(_HOLD.format(file=name))
    try:
        register.until(lambda: bool((register.till.status().body.get("open") or {}).get("member")), TOLD_S, f"the camera reads {member}'s card")
        took = time.monotonic() - begun
    finally:
        register.hand.sure(_TAKE_AWAY)
    granted = register.granted(register.ring_up(total), f"the camera reads {member}, {total} yen")
    register.say(f"camera: {granted['member']} read after {took:.1f} s")
    return round(took, 1)


def yuyv(png: bytes) -> bytes:
    """One frame as a camera gives it: Y U Y V, two pixels in four bytes (V4L2_PIX_FMT_YUYV)."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        luma, *chroma = picture.convert("YCbCr").split()
    halves: list[Image.Image] = [plane.resize((luma.width // 2, luma.height), Image.Resampling.BOX) for plane in chroma]
    frame = bytearray(luma.width * luma.height * 2)
    frame[0::2] = luma.tobytes()
    frame[1::4], frame[3::4] = (half.tobytes() for half in halves)
    return bytes(frame)
