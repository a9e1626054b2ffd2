"""Run by tests/booted.py as part of the service, under its restrictions: what each library of the
devices does first, beside its own import, works there; and what nobody needs does not.
"""

import ctypes
import mmap
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import evdev
import gpiod
import miniaudio
import numpy as np
import pyudev
import qrcode
import usb.backend.libusb1
import usb.core
import zxingcpp
from smartcard import scard


def allowed() -> None:
    picture = np.array(qrcode.make("onecard").convert("L"))
    large = cv2.resize(picture, (600, 600), interpolation=cv2.INTER_CUBIC)  # on its threads
    assert zxingcpp.read_barcodes(large)[0].text == "onecard"
    pyudev.Monitor.from_netlink(pyudev.Context()).start()
    list(usb.core.find(find_all=True, backend=usb.backend.libusb1.get_backend()))
    evdev.list_devices()
    gpiod.is_gpiochip_device("/dev/null")
    miniaudio.Devices([miniaudio.Backend.NULL]).get_playbacks()
    scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    subprocess.run(["nice", "-n", "10", sys.executable, "-c", "import sqlite_utils"], check=True)
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: 0)
    ctypes.CDLL(None).qsort(None, 0, 1, callback)
    threading.Thread(target=os.getloadavg).start()
    with socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET6):
        pass


def refused() -> None:
    for what in (
        lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC | mmap.PROT_READ),
        lambda: _namespace(0x20000),  # CLONE_NEWNS
        lambda: Path("/etc/onecard/new").touch(),
        lambda: Path("/proc/sys/kernel/hostname").write_text("other"),
    ):
        try:
            what()
        except OSError:
            continue
        raise SystemExit("something was allowed that nobody needs")


def _namespace(kind: int) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(kind):
        raise OSError(ctypes.get_errno(), "unshare")


if __name__ == "__main__":
    allowed()
    refused()
