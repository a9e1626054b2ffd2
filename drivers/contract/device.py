"""What all kinds of device have in common: states, faults, status, and a life of their own.

A device is kept by its driver: `start` begins to look for it and never raises for a missing one;
whenever it goes and comes, the driver opens it again by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from world import Fault, World

Options = Mapping[str, object]  # a driver's part of the settings: TOML values


class DeviceState(Enum):
    """Why a device can or cannot be used; `doctor` has a remedy for each."""

    ABSENT = "absent"
    NO_PERMISSION = "no-permission"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    PROTOCOL_ERROR = "protocol-error"
    READY = "ready"


class DeviceFault(Fault):
    """A device cannot be used now."""

    code = "device.fault"
    state = DeviceState.NO_ANSWER


class DeviceAbsent(DeviceFault):
    """Nothing is attached under that name or pattern."""

    code = "device.absent"
    state = DeviceState.ABSENT


class DeviceAmbiguous(DeviceFault):
    """More than one device fits the pattern, so none is taken. Facts: `device`, `port`, `found`."""

    code = "device.ambiguous"
    state = DeviceState.ABSENT


class DeviceLost(DeviceFault):
    """It was there and went away in the middle."""

    code = "device.lost"
    state = DeviceState.ABSENT


class DeviceBusy(DeviceFault):
    """Another process holds the device."""

    code = "device.busy"
    state = DeviceState.BUSY


class DeviceReleased(DeviceBusy):
    """We let another program have it, and were not told to take it back yet."""

    code = "device.released"


class DeviceDenied(DeviceFault):
    """This user may not use the device."""

    code = "device.denied"
    state = DeviceState.NO_PERMISSION


class DeviceUnreachable(DeviceFault):
    """The network device behind an address does not take our connection."""

    code = "device.unreachable"
    state = DeviceState.NO_ANSWER


class DeviceSilent(DeviceFault):
    """The device is there and did not answer in its time."""

    code = "device.silent"
    state = DeviceState.NO_ANSWER


class DeviceStuck(DeviceFault):
    """The device was given up while it owed an answer, and it still owes it."""

    code = "device.no-answer"
    state = DeviceState.NO_ANSWER


class DeviceProtocol(DeviceFault):
    """The device or its service answered what its contract does not know."""

    code = "device.protocol"
    state = DeviceState.PROTOCOL_ERROR


@dataclass(frozen=True)
class DeviceStatus:
    """What `onecard devices` and `doctor` show of one device."""

    name: str
    state: DeviceState
    attached: str = ""  # what the system calls it (PC/SC reader name, device path, address)
    fault: str = ""  # code of the last fault, empty when there was none
    lost: int = 0  # how often it went away
    presented: int = 0  # cards, codes or documents seen
    holder: str = ""  # while busy: the other programs that may have it, as "name (pid), …"
    facts: Mapping[str, str | int] = field(default_factory=dict)  # of the last fault
    counters: Mapping[str, int] = field(default_factory=dict)  # the driver's own: "garbled" …


class Device(Protocol):
    """What the agent does with every device that is no card reader."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        """Touches nothing. Raises `drivers.options.OptionsFault`."""
        ...

    @property
    def name(self) -> str:
        """The name in the settings, unique among all devices of the terminal."""
        ...

    def start(self) -> None:
        """Begin to keep the device. Never waits for it, never raises for a missing one."""
        ...

    def stop(self) -> None:
        """Let go of it; returns when its thread has ended, or after 2 s when a call hangs."""
        ...

    def look(self) -> None:
        """Something was plugged or unplugged: what is missing is looked for now. Any thread."""
        ...

    def status(self) -> DeviceStatus:
        """The state of this moment, from memory: it never waits for the device. Any thread."""
        ...
