"""What shows codes and documents: scanners, cameras and ID-card readers. Contents are never logged.

They read by themselves and put what they saw into `events`; they are not asked. The lane's thread
takes it from there.
"""

from dataclasses import dataclass, field
from typing import Protocol

from drivers.contract.device import Device
from world import Fault, Queue


@dataclass(frozen=True)
class Code:
    """What a scanner saw: raw bytes."""

    source: str  # the device's name in the configuration
    content: bytes = field(repr=False)
    seen: float  # World.monotonic() of the frame, or of the first byte from the module
    at: float  # World.monotonic() when the driver had the whole code
    symbology: str = ""  # AIM identifier as the device tells it ("]Q1"), empty when it does not
    # False: it was in view when the device was opened, so nobody has been seen to show it. A module
    # that scans by itself cannot tell.
    came: bool = True


class CodeSource(Device, Protocol):
    """A scan module or a camera. The same code again within the driver's window is
    dropped, and so is what comes while the lane is several codes behind."""

    @property
    def events(self) -> Queue[Code]:
        """Codes in the order in which they were read. The lane takes them."""
        ...

    def release(self) -> None:
        """Let another program have the device: close it and leave it (`busy`, code
        `device.released`) until `take_back`."""
        ...

    def take_back(self) -> None:
        """Open the device again after `release`; nothing happens when it was not released."""
        ...


@dataclass(frozen=True)
class Document:
    """One ID document as its reader gave it, undecoded. `came`: see `drivers.contract.Presence`."""

    source: str
    count: int  # documents since the driver started
    text: bytes = field(repr=False)  # 256 bytes, UTF-16LE (spec devices.md)
    photo: bytes = field(repr=False)  # 1024 bytes WLT, or empty
    fingerprint: bytes = field(repr=False)  # or empty
    newest_address: bytes = field(repr=False)  # UTF-16LE, or empty
    seen: float  # World.monotonic() when the document was found
    at: float  # World.monotonic() when it was read
    came: bool


@dataclass(frozen=True)
class Unread:
    """A document lay there and could not be read, or was not, because the reader did not see it
    coming (`came`): the prompts have to tell the person."""

    source: str
    count: int
    fault: Fault
    seen: float
    at: float
    came: bool


class DocumentReader(Device, Protocol):
    """An ID-card reader. A document that stays is read once."""

    @property
    def events(self) -> Queue[Document | Unread]:
        """Each document once: read, or with the fault that kept it from being read."""
        ...
