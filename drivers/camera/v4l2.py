"""Owns capture from a camera through Video4Linux2: four mapped buffers, the newest frame, 1280 x 720 in MJPG or YUYV. No library.

Structures and numbers: Linux UAPI include/uapi/linux/videodev2.h, 64-bit layout. The kernel's part is passed in (`Kernel`), so that tests
drive every error without a camera. Maturity: experimental; run against the driver model of the tests and the kernel's own test driver (vivid,
Linux 6.1, 1280 x 720 YUYV), not yet against a real camera.

    open -> QUERYCAP -> S_FMT -> S_PARM -> REQBUFS 4 -> QUERYBUF, mmap -> QBUF -> STREAMON -> { poll -> DQBUF all, keep the newest -> QBUF }
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.camera.pictures import PictureError, decode_picture
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

BUFFERS = 4
_CAPTURE, _MMAP = 1, 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP
_CAN_CAPTURE, _CAN_STREAM = 0x00000001, 0x04000000  # V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_STREAMING
_DEVICE_CAPS = 0x80000000
_ERROR_FLAG = 0x40  # V4L2_BUF_FLAG_ERROR

MJPG, YUYV, GREY = (int.from_bytes(name, "little") for name in (b"MJPG", b"YUYV", b"GREY"))

FORMAT_SIZE, BUFFER_SIZE, PARM_SIZE, CAP_SIZE, REQ_SIZE = 208, 88, 204, 104, 20


def _ioc(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERYCAP = _ioc(2, 0, CAP_SIZE)
S_FMT = _ioc(3, 5, FORMAT_SIZE)
REQBUFS = _ioc(3, 8, REQ_SIZE)
QUERYBUF = _ioc(3, 9, BUFFER_SIZE)
QBUF = _ioc(3, 15, BUFFER_SIZE)
DQBUF = _ioc(3, 17, BUFFER_SIZE)
STREAMON = _ioc(1, 18, 4)
STREAMOFF = _ioc(1, 19, 4)
S_PARM = _ioc(3, 22, PARM_SIZE)
S_CTRL = _ioc(3, 28, 8)

CONTROLS = {"auto_exposure": 0x009A0901, "exposure": 0x009A0902, "auto_focus": 0x009A090C, "focus": 0x009A090A, "power_line": 0x00980918}
"""V4L2_CID_EXPOSURE_AUTO (1 manual, 3 aperture priority), EXPOSURE_ABSOLUTE (100 us), FOCUS_AUTO, FOCUS_ABSOLUTE, POWER_LINE_FREQUENCY."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """The system calls that are used; tests put a camera of their own behind them."""

    open: Callable[[str, int], int] = os.open
    close: Callable[[int], None] = os.close
    ioctl: Callable[[int, int, bytearray], int] = fcntl.ioctl
    map: Callable[[int, int, int], Any] = lambda fd, size, offset: mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
    ready: Callable[[int, float], bool] = lambda fd, timeout_s: bool(select.select([fd], [], [], timeout_s)[0])


class V4l2Source:
    """One open camera. `drivers.camera.sources.Source`."""

    def __init__(
        self, name: str, node: str, width: int = 1280, height: int = 720, fps: int = 30, *, controls: dict[str, int] | None = None,
        kernel: Kernel | None = None,
    ) -> None:
        self._name, self._node = name, node
        self._kernel = kernel or Kernel()
        self._maps: list[Any] = []
        self._fd = -1
        try:
            self._fd = self._kernel.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self._start(width, height, fps, controls or {})
        except OSError as trouble:
            self.close()
            raise self._named(trouble) from trouble
        except DeviceError:
            self.close()
            raise

    def grab(self, timeout_s: float) -> Luma | None:
        try:
            if not self._kernel.ready(self._fd, timeout_s):
                return None
            raw = self._newest()
        except OSError as trouble:
            raise self._named(trouble) from trouble
        return self._grey(raw) if raw else None

    def close(self) -> None:
        if self._fd < 0:
            return
        with suppress(OSError):  # unplugged, or never started: closing is what counts
            self._kernel.ioctl(self._fd, STREAMOFF, bytearray(struct.pack("=i", _CAPTURE)))
        for mapped in self._maps:
            mapped.close()
        self._maps.clear()
        self._kernel.close(self._fd)
        self._fd = -1

    # ---------------------------------------------------------------- start

    def _start(self, width: int, height: int, fps: int, controls: dict[str, int]) -> None:
        caps = self._ask(QUERYCAP, bytearray(CAP_SIZE))
        capabilities, device_caps = struct.unpack_from("=II", caps, 84)
        can = device_caps if capabilities & _DEVICE_CAPS else capabilities
        if not (can & _CAN_CAPTURE and can & _CAN_STREAM):
            raise DeviceMissing(f"{self._name}: {self._node} is no camera that streams; `posagent devices` lists the cameras")
        # A webcam on USB 2 gives 720p in YUYV at 10 frames a second only; a code on a still phone does not mind JPEG.
        for wanted in (MJPG, YUYV, GREY):
            self._format = self._set_format(width, height, wanted)
            if self._format == wanted:
                break
        if self._format not in {MJPG, YUYV, GREY}:
            raise DeviceError(f"{self._name}: {self._node} offers neither MJPG, YUYV nor GREY; use another camera", code="E307")
        self._set_optional(S_PARM, bytearray(struct.pack("=I8xII", _CAPTURE, 1, fps).ljust(PARM_SIZE, b"\0")))
        for control, value in controls.items():
            self._set_optional(S_CTRL, bytearray(struct.pack("=Ii", CONTROLS[control], value)))
        request = self._ask(REQBUFS, bytearray(struct.pack("=III", BUFFERS, _CAPTURE, _MMAP).ljust(REQ_SIZE, b"\0")))
        (count,) = struct.unpack_from("=I", request)
        for index in range(min(count, BUFFERS)):
            answer = self._ask(QUERYBUF, _buffer(index))
            offset, length = struct.unpack_from("=I4xI", answer, 64)
            self._maps.append(self._kernel.map(self._fd, length, offset))
            self._ask(QBUF, _buffer(index))
        if not self._maps:
            raise DeviceError(f"{self._name}: {self._node} gives no buffers; unplug the camera and plug it in again", code="E307")
        self._ask(STREAMON, bytearray(struct.pack("=i", _CAPTURE)))

    def _set_format(self, width: int, height: int, pixels: int) -> int:
        # struct v4l2_format: type, 4 bytes of padding (the union holds pointers), then v4l2_pix_format
        answer = self._ask(S_FMT, bytearray(struct.pack("=I4xIIII", _CAPTURE, width, height, pixels, 1).ljust(FORMAT_SIZE, b"\0")))
        self._width, self._height, chosen, _, stride = struct.unpack_from("=IIIII", answer, 8)
        self._stride = max(stride, self._width * (2 if chosen == YUYV else 1))
        return int(chosen)

    def _ask(self, request: int, argument: bytearray) -> bytearray:
        self._kernel.ioctl(self._fd, request, argument)
        return argument

    def _set_optional(self, request: int, argument: bytearray) -> None:
        """Frame rate and controls are wishes: a camera that has no such knob still shows pictures."""
        try:
            self._kernel.ioctl(self._fd, request, argument)
        except OSError as trouble:
            if trouble.errno not in {errno.EINVAL, errno.ENOTTY, errno.EACCES, errno.ERANGE, errno.EIO}:
                raise

    # ---------------------------------------------------------------- frames

    def _newest(self) -> bytes | None:
        """Takes out every filled buffer, keeps the last whole one, and gives them back."""
        newest: bytes | None = None
        for _ in range(2 * BUFFERS):
            answer = _buffer(0)
            try:
                self._kernel.ioctl(self._fd, DQBUF, answer)
            except OSError as trouble:
                if trouble.errno == errno.EAGAIN:
                    break
                raise
            index, _, used, flags = struct.unpack_from("=IIII", answer)
            if index < len(self._maps) and 0 < used <= len(self._maps[index]) and not flags & _ERROR_FLAG:
                newest = bytes(self._maps[index][:used])
            self._ask(QBUF, _buffer(index))
        return newest

    def _grey(self, raw: bytes) -> Luma | None:
        import numpy as np

        if self._format == MJPG:
            try:
                return decode_picture(raw, self._node)
            except PictureError:
                return None  # half a frame over a bad cable: the next one is 33 ms away
        step = 2 if self._format == YUYV else 1
        if len(raw) < self._stride * self._height:
            return None
        rows = np.frombuffer(raw, np.uint8, self._stride * self._height).reshape(self._height, self._stride)
        return np.ascontiguousarray(rows[:, : self._width * step : step])

    def _named(self, trouble: OSError) -> DeviceError:
        what = f"{self._name}: {self._node}"
        match trouble.errno:
            case errno.ENOENT | errno.ENODEV | errno.ENXIO:
                return DeviceMissing(f"{what}: the camera is not there; plug it in, it is opened by itself")
            case errno.EBUSY:
                return DeviceBusy(f"{what}: another program uses the camera; close it")
            case errno.EACCES | errno.EPERM:
                return DeviceForbidden(f"{what}: permission denied; add user posagent to group video")
            case _:
                return DeviceError(f"{what}: {trouble.strerror or trouble}; unplug the camera and plug it in again", code="E307")


def _buffer(index: int) -> bytearray:
    """struct v4l2_buffer: index, type, bytesused, flags, field, timestamp, timecode, sequence, memory (60), offset (64), length (72)."""
    buffer = bytearray(BUFFER_SIZE)
    struct.pack_into("=II", buffer, 0, index, _CAPTURE)
    struct.pack_into("=I", buffer, 60, _MMAP)
    return buffer
