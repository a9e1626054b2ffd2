#!/bin/sh
# A program connects to a card with SCARD_PROTOCOL_RAW and leaves it with SCARD_LEAVE_CARD. pcscd
# 1.9.9 takes the card's power some 0.7 s later and forgets the protocol with it. But whoever
# connects with T=0 or T=1 before that gets SCARD_E_PROTO_MISMATCH, and that one refused attempt
# leaves the card powered at RAW for good: no later attempt with T=0 or T=1 gets it, though nobody
# holds the card. It does after somebody connected with RAW and took the card's power
# (SCARD_UNPOWER_CARD).
# Seen on 2026-11-30:
#   left at RAW, T=0|T=1 after 3 s: connected
#   left at RAW, T=0|T=1 at once: PROTO_MISMATCH, after 3 s: PROTO_MISMATCH, 10 s: PROTO_MISMATCH
#   its power taken by RAW, then T=0|T=1: connected
# Needs: Debian 12 with apt-get, python3, unshare, ip. Exit 0: still so. 1: it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download \
    pcscd=1.9.9-2 libpcsclite1=1.9.9-2 vsmartcard-vpcd=3.3+dfsg-2 >&2)
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
cat >"$folder/reader.conf" <<CONF
FRIENDLYNAME "Virtual"
DEVICENAME   /dev/null:0x8C7B
LIBPATH      $(find "$folder" -name 'libifdvpcd.so*' -type f)
CHANNELID    0x8C7B
CONF
cat >"$folder/raw.py" <<'PYTHON'
import ctypes
import glob
import socket
import subprocess
import sys
import threading
import time

FOLDER = sys.argv[1]
ATR = bytes.fromhex("3B02ABCD")  # T=0, two historical bytes
SHARED, T0_OR_T1, RAW = 2, 3, 4
LEAVE, UNPOWER = 0, 2
SUCCESS, MISMATCH = 0, 0x8010000F


def card() -> None:
    """What vsmartcard's vpcd asks of a card: lengths of two bytes; 4 is "your ATR"."""
    while True:
        try:
            line = socket.create_connection(("127.0.0.1", 0x8C7B))
            break
        except OSError:
            time.sleep(0.1)
    while size := line.recv(2, socket.MSG_WAITALL):
        asked = line.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
        if asked == b"\x04":
            line.sendall(len(ATR).to_bytes(2, "big") + ATR)
        elif len(asked) > 1:
            line.sendall(b"\x00\x02\x90\x00")


service = subprocess.Popen(
    [*glob.glob(FOLDER + "/usr/sbin/pcscd"), "--foreground", "--config", FOLDER + "/reader.conf"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
threading.Thread(target=card, daemon=True).start()
pcsc = ctypes.CDLL(glob.glob(FOLDER + "/usr/lib/*/libpcsclite.so.1")[0])
context, names, size = ctypes.c_long(), ctypes.create_string_buffer(1000), ctypes.c_ulong(1000)
handle, protocol = ctypes.c_long(), ctypes.c_ulong()


def connect(protocols: int) -> int:
    found = pcsc.SCardConnect(
        context, names, SHARED, protocols, ctypes.byref(handle), ctypes.byref(protocol)
    )
    return found & 0xFFFFFFFF


def left_at_raw() -> None:
    assert connect(RAW) == SUCCESS
    assert pcsc.SCardDisconnect(handle, LEAVE) == SUCCESS


for _ in range(100):
    time.sleep(0.1)
    if not context.value and pcsc.SCardEstablishContext(0, None, None, ctypes.byref(context)):
        continue
    if pcsc.SCardListReaders(context, None, names, ctypes.byref(size)) == SUCCESS:
        if connect(T0_OR_T1) == SUCCESS:
            pcsc.SCardDisconnect(handle, UNPOWER)
            break
    size.value = 1000
else:
    sys.exit("pcscd shows no card")

def asked_after(seconds: float) -> str:
    time.sleep(seconds)
    found = connect(T0_OR_T1)
    return {SUCCESS: "connected", MISMATCH: "PROTO_MISMATCH"}.get(found, hex(found))


left_at_raw()
rested = asked_after(3)
print("left at RAW, T=0|T=1 after 3 s:", rested)
pcsc.SCardDisconnect(handle, UNPOWER)
left_at_raw()
hasty = [asked_after(seconds) for seconds in (0, 3, 10)]
print("left at RAW, T=0|T=1 at once: {}, after 3 s: {}, 10 s: {}".format(*hasty))
assert connect(RAW) == SUCCESS
pcsc.SCardDisconnect(handle, UNPOWER)
taken = asked_after(0)
print("its power taken by RAW, then T=0|T=1:", taken)
service.terminate()
sys.exit([rested, *hasty, taken] != ["connected", *["PROTO_MISMATCH"] * 3, "connected"])
PYTHON
# shellcheck disable=SC2016
unshare --map-root-user --mount --net --pid --fork --mount-proc sh -c '
    mount -t tmpfs none /run && mkdir /run/pcscd && ip link set lo up &&
    exec python3 "$1/raw.py" "$1"' sh "$folder"
