"""A process that asks for a PIN on a port, for the test that searches its memory afterwards.

`python -m tests.drivers.counter.pin_holder PORT MODE` with MODE `wipe` or, as a control, `keep`.
"""

import sys

from contracts.drivers.reader import until
from drivers.contract import DeviceState
from drivers.counter.pinpad import SerialPinPad
from world.real import RealWorld


def main(port: str, mode: str) -> None:
    pad = SerialPinPad(RealWorld(), "pad", {"port": port, "begin": "01"})
    pad.start()
    until(lambda: pad.status().state is DeviceState.READY, 60.0)
    pin = pad.ask_new(minimum=12, maximum=12)
    kept = bytes(pin.digits) if mode == "keep" else b""
    pin.wipe()
    sys.stdout.write(f"asked {len(kept)}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the test has looked


if __name__ == "__main__":
    main(*sys.argv[1:])
