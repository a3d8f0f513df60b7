"""Owns the tree of typed trouble, sorted by who must act; anything that is not in it is a bug and ends the process.

Every message names the thing, what happened and what to do, in that order:
``front printer: permission denied on /dev/usb/lp0; add user posagent to group lp``.

The four-character ``code`` is what a technician reads out over the telephone; `posagent.messages` holds the cashier's words for it
(E1 settings, E2 printer, E3 scanner and camera, E4 cloud and network, E5 journal and disk, E6 rules, E7 security, E9 internal).
``exit_code`` follows sysexits.h: 69 unavailable, 75 try again later, 77 permission, 78 configuration.
"""

from __future__ import annotations

from collections.abc import Sequence


class PosagentError(Exception):
    """Root of everything we raise on purpose."""

    code = "E900"
    exit_code = 1

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class SettingsError(PosagentError):
    """Store IT must act: the settings file is wrong. ``problems`` holds every complaint, one line each, with its path."""

    code = "E100"
    exit_code = 78

    def __init__(self, message: str, problems: Sequence[str] = (), *, code: str | None = None) -> None:
        super().__init__("\n".join([message, *problems]), code=code)
        self.problems = tuple(problems)


class ProgramError(SettingsError):
    """Head office must act: the program file (the store's rules) cannot be applied."""

    code = "E600"


class DeviceError(PosagentError):
    """A technician must act: a device is missing, busy, forbidden or broken. The thread that owns it closes and reopens it."""

    code = "E300"
    exit_code = 69


class DeviceMissing(DeviceError):
    """The device is not there (never plugged, or unplugged while in use)."""

    code = "E301"


class DeviceBusy(DeviceError):
    """Somebody else holds the device; the message names who."""

    code = "E302"


class DeviceForbidden(DeviceError):
    """The device is there, but this user may not open it; the message names the rule or group that is missing."""

    code = "E303"
    exit_code = 77


class DeviceTimeout(DeviceError):
    """The device did not answer before its deadline."""

    code = "E304"


class CloudUnavailable(PosagentError):
    """Nobody must act: the receiver cannot be reached now; work waits in its lane."""

    code = "E400"
    exit_code = 75


class StorageError(PosagentError):
    """Store IT must act: the journal or its disk refuses (read-only, damaged, of another program, of a newer version)."""

    code = "E500"
    exit_code = 69


class AlreadyRunning(StorageError):
    """A second agent on the same journal."""

    code = "E501"
    exit_code = 75


class PortTaken(PosagentError):
    """Store IT must act: the address of the page is used by another program; the message names it."""

    code = "E101"
    exit_code = 75


class Refused(PosagentError):
    """The cashier must act: this scan, sale or correction cannot be accepted; the message says what to do instead."""

    code = "E601"
