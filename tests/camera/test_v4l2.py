"""Capture through Video4Linux2 against a camera made of its structures, with knobs for everything that goes wrong."""

from __future__ import annotations

import errno
import io
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drivers.camera import v4l2
from drivers.camera.v4l2 import GREY, MJPG, YUYV, Kernel, V4l2Source
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing


@dataclass
class FakeCamera:
    """A camera as the kernel shows it. ``frames`` are handed out in order; ``fails``: request -> errno, from the next call on."""

    formats: tuple[int, ...] = (MJPG, YUYV)
    width: int = 64
    height: int = 48
    capabilities: int = 0x84000001
    device_caps: int = 0x04000001
    open_error: int = 0
    frames: list[tuple[bytes, int]] = field(default_factory=list)  # (content, flags)
    fails: dict[int, int] = field(default_factory=dict)
    queued: list[int] = field(default_factory=list)
    buffers: list[bytearray] = field(default_factory=list)
    streaming: bool = False
    closed: bool = False
    controls: dict[int, int] = field(default_factory=dict)

    def kernel(self) -> Kernel:
        return Kernel(self._open, self._close, self._ioctl, self._map, lambda _fd, _timeout_s: bool(self.frames) or v4l2.DQBUF in self.fails)

    def _open(self, _node: str, _flags: int) -> int:
        if self.open_error:
            raise OSError(self.open_error, "open")
        return 7

    def _close(self, _fd: int) -> None:
        self.closed = True

    def _map(self, _fd: int, size: int, offset: int) -> Any:
        assert size == len(self.buffers[offset])
        return memoryview_like(self.buffers[offset])

    def _ioctl(self, _fd: int, request: int, argument: bytearray) -> int:
        assert len(argument) == request >> 16 & 0x3FFF, "the argument has the size that the request number carries"
        if request in self.fails:
            raise OSError(self.fails[request], "ioctl")
        match request:
            case v4l2.QUERYCAP:
                struct.pack_into("=II", argument, 84, self.capabilities, self.device_caps)
            case v4l2.S_FMT:
                wanted = struct.unpack_from("=I", argument, 16)[0]
                self.format = wanted if wanted in self.formats else self.formats[0]
                stride = self.width * 2 if self.format == YUYV else self.width if self.format == GREY else 0
                struct.pack_into("=IIIII", argument, 8, self.width, self.height, self.format, 1, stride)
            case v4l2.REQBUFS:
                self.buffers = [bytearray(self.width * self.height * 2) for _ in range(struct.unpack_from("=I", argument)[0])]
            case v4l2.QUERYBUF:
                index = struct.unpack_from("=I", argument)[0]
                struct.pack_into("=I4xI", argument, 64, index, len(self.buffers[index]))
            case v4l2.QBUF:
                self.queued.append(struct.unpack_from("=I", argument)[0])
            case v4l2.DQBUF:
                if not self.frames:
                    raise OSError(errno.EAGAIN, "empty")
                content, flags = self.frames.pop(0)
                index = self.queued.pop(0)
                self.buffers[index][: len(content)] = content
                struct.pack_into("=IIII", argument, 0, index, 1, len(content), flags)
            case v4l2.S_CTRL:
                control, value = struct.unpack_from("=Ii", argument)
                self.controls[control] = value
            case v4l2.STREAMON:
                self.streaming = True
            case v4l2.STREAMOFF:
                self.streaming = False
            case v4l2.S_PARM:
                raise OSError(errno.ENOTTY, "no such knob")
        return 0


class memoryview_like(bytearray):  # noqa: N801 - stands for an mmap: it can be closed, and shows what the camera writes later
    def __new__(cls, shared: bytearray) -> Any:
        view = memoryview(shared)

        class View:
            def __len__(self) -> int:
                return len(view)

            def __getitem__(self, part: slice) -> bytes:
                return bytes(view[part])

            def close(self) -> None:
                view.release()

        return View()


def jpeg(grey: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (64, 48), grey).save(out, "JPEG")
    return out.getvalue()


def opened(camera: FakeCamera, **wishes: Any) -> V4l2Source:
    return V4l2Source("cam", "/dev/video9", 64, 48, kernel=camera.kernel(), **wishes)


def test_the_request_numbers_are_those_of_the_kernel() -> None:
    # a C program that prints the macros of <linux/videodev2.h> on x86-64
    assert (v4l2.QUERYCAP, v4l2.S_FMT, v4l2.REQBUFS, v4l2.QUERYBUF) == (0x80685600, 0xC0D05605, 0xC0145608, 0xC0585609)
    assert (v4l2.QBUF, v4l2.DQBUF, v4l2.STREAMON, v4l2.STREAMOFF, v4l2.S_PARM) == (0xC058560F, 0xC0585611, 0x40045612, 0x40045613, 0xC0CC5616)


def test_a_jpeg_camera_gives_grey_pictures() -> None:
    camera = FakeCamera(frames=[(jpeg(99), 0)])
    luma = opened(camera).grab(1.0)
    assert luma is not None
    assert luma.shape == (48, 64)
    assert abs(int(luma.mean()) - 99) <= 1


def test_a_yuyv_camera_gives_its_luma() -> None:
    raw = bytes(np.stack([np.arange(64 * 48) % 251, np.full(64 * 48, 128)], axis=1).astype(np.uint8).ravel())
    luma = opened(FakeCamera(formats=(YUYV,), frames=[(raw, 0)])).grab(1.0)
    assert luma is not None
    assert luma.ravel().tolist() == [value % 251 for value in range(64 * 48)]


def test_a_grey_camera_is_taken_as_it_is() -> None:
    luma = opened(FakeCamera(formats=(GREY,), frames=[(bytes(range(48)) * 64, 0)])).grab(1.0)
    assert luma is not None
    assert luma.size == 64 * 48


def test_of_several_frames_the_newest_is_seen_and_all_buffers_go_back() -> None:
    camera = FakeCamera(frames=[(jpeg(10), 0), (jpeg(20), 0), (jpeg(200), 0)])
    source = opened(camera)
    luma = source.grab(1.0)
    assert luma is not None
    assert abs(int(luma.mean()) - 200) <= 1
    assert sorted(camera.queued) == [0, 1, 2, 3]
    assert source.grab(0.0) is None


def test_damaged_frames_are_dropped() -> None:
    camera = FakeCamera(frames=[(jpeg(50), 0x40)])
    source = opened(camera)
    assert source.grab(1.0) is None  # the kernel marked it
    camera.frames = [(jpeg(50)[:100], 0)]
    assert source.grab(1.0) is None  # half a picture
    short = FakeCamera(formats=(YUYV,), frames=[(b"\x80" * 100, 0)])
    assert opened(short).grab(1.0) is None


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOENT, DeviceMissing, "plug it in"),
        (errno.EBUSY, DeviceBusy, "another program"),
        (errno.EACCES, DeviceForbidden, "group video"),
        (errno.EIO, DeviceError, "unplug"),
    ],
)
def test_a_camera_that_cannot_be_opened_says_what_to_do(number: int, kind: type[DeviceError], words: str) -> None:
    with pytest.raises(kind, match=words):
        opened(FakeCamera(open_error=number))


@pytest.mark.parametrize("request_number", [v4l2.QUERYCAP, v4l2.S_FMT, v4l2.REQBUFS, v4l2.QUERYBUF, v4l2.QBUF, v4l2.STREAMON])
def test_a_camera_that_goes_while_it_is_opened_is_closed_again(request_number: int) -> None:
    camera = FakeCamera(fails={request_number: errno.ENODEV})
    with pytest.raises(DeviceMissing):
        opened(camera)
    assert camera.closed


def test_a_camera_that_is_unplugged_in_use_is_missing() -> None:
    camera = FakeCamera()
    source = opened(camera)
    camera.fails[v4l2.DQBUF] = errno.ENODEV
    with pytest.raises(DeviceMissing, match="plug it in"):
        source.grab(1.0)
    source.close()
    source.close()
    assert camera.closed


def test_what_is_no_camera_or_speaks_no_known_format_is_told() -> None:
    with pytest.raises(DeviceMissing, match="no camera"):
        opened(FakeCamera(device_caps=0x00000001))
    with pytest.raises(DeviceError, match="MJPG"):
        opened(FakeCamera(formats=(1234,)))


def test_controls_are_set_and_missing_ones_do_no_harm() -> None:
    camera = FakeCamera(frames=[(jpeg(9), 0)])
    assert opened(camera, controls={"exposure": 50, "auto_exposure": 1}).grab(1.0) is not None
    assert camera.controls == {0x009A0902: 50, 0x009A0901: 1}
    assert opened(FakeCamera(fails={v4l2.S_CTRL: errno.EINVAL}), controls={"focus": 1}).grab(0.0) is None
