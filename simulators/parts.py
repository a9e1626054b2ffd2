"""Where Debian's mosquitto and vpcd lie that simulate here: unpacked by `./run`, never installed.

An installed mosquitto would serve at every boot, and an installed vpcd would have the machine's own
pcscd take cards from the whole network.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PARTS: Final = Path(sys.prefix) / "parts"
LIBRARIES: Final = ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*")


class Unavailable(Exception):
    """This machine lacks something without which nothing can be simulated; the text says what."""


class PartsMissing(Unavailable):
    """The text says which part, and what makes it be there."""


def vpcd() -> Path:
    """The reader driver. Raises `PartsMissing`."""
    return _there("usr/lib/pcsc/drivers/serial/libifdvpcd.so")


def mosquitto() -> Path:
    """The broker's program, to be run with `environment`. Raises `PartsMissing`."""
    return _there("usr/sbin/mosquitto")


def mosquitto_passwd() -> Path:
    """The program that hashes the broker's passwords, likewise. Raises `PartsMissing`."""
    return _there("usr/bin/mosquitto_passwd")


def environment() -> Mapping[str, str]:
    """What the parts' programs need to find each other and the libraries unpacked with them."""
    folders = [str(folder) for pattern in LIBRARIES for folder in sorted(PARTS.glob(pattern))]
    return {
        "PATH": os.pathsep.join([f"{PARTS}/usr/sbin", f"{PARTS}/usr/bin", os.defpath]),
        "LD_LIBRARY_PATH": os.pathsep.join(folders),
    }


def _there(place: str) -> Path:
    path = PARTS / place
    if not path.exists():
        raise PartsMissing(f"{path} is missing: `./run exec true` in the checkout unpacks it")
    return path
