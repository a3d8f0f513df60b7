"""Owns the few ioctls of /dev/input/event*: numbers from linux/input.h, the same on x86-64 and arm64."""

from __future__ import annotations

import fcntl
import struct
from array import array
from dataclasses import dataclass

EVIOCGRAB = 0x40044590
EVIOCSMASK = 0x40104593  # struct input_mask {u32 type, u32 codes_size, u64 codes_ptr}
EVIOCSCLOCKID = 0x400445A0
EVIOCGID = 0x80084502
EVIOCGNAME_256 = 0x81004506
EVIOCGBIT_KEY_96 = 0x80604521
EVIOCGKEY_96 = 0x80604518
_CLOCK_MONOTONIC = 1
_EV_SYN, _EV_KEY = 0, 1
_KEY_BYTES = 96


@dataclass(frozen=True, slots=True)
class InputId:
    """What EVIOCGID says."""

    bus: int
    vendor: int
    product: int


def input_id(descriptor: int) -> InputId:
    """The device's numbers."""
    answer = bytearray(8)
    fcntl.ioctl(descriptor, EVIOCGID, answer)
    bus, vendor, product, _ = struct.unpack("<4H", answer)
    return InputId(bus, vendor, product)


def held_keys(descriptor: int) -> bytes:
    """A bit per key code: the keys that are down now."""
    answer = bytearray(_KEY_BYTES)
    fcntl.ioctl(descriptor, EVIOCGKEY_96, answer)
    return bytes(answer)


def use_monotonic_clock(descriptor: int) -> bool:
    """Events get CLOCK_MONOTONIC stamps. False where the kernel (or a fake) does not do that."""
    try:
        fcntl.ioctl(descriptor, EVIOCSCLOCKID, struct.pack("<i", _CLOCK_MONOTONIC))
    except OSError:
        return False
    return True


def keys_only(descriptor: int) -> bool:
    """Lets only EV_SYN and EV_KEY into our buffer: 64 events hold 16 characters instead of 10. False on kernels before 4.4."""
    bitmap = array("B", [1 << _EV_SYN | 1 << _EV_KEY, 0, 0, 0, 0, 0, 0, 0])
    address, size = bitmap.buffer_info()
    try:
        fcntl.ioctl(descriptor, EVIOCSMASK, struct.pack("<IIQ", _EV_SYN, size, address))
    except OSError:
        return False
    return True


def grab(descriptor: int) -> None:
    """Takes the device for ourselves: no window gets its keys. Raises OSError(EBUSY) when somebody else has it."""
    fcntl.ioctl(descriptor, EVIOCGRAB, 1)
