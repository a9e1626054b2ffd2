"""Every device of a box at work with the log at DEBUG, then the agent reloaded and stopped: what of
codes, ID documents and PINs is found where, which threads are left. Run in a process of its own, as
libpcsclite reads the way to pcscd once; prints one JSON object.
"""

import gc
import io
import json
import logging
import os
import sys
import threading
from collections import Counter
from collections.abc import Mapping

from contracts.secrets_probe import SHORTEST, Probe
from simulators.device_box.box import CODE, SOON, DeviceBox
from simulators.device_box.fitting import fitted_box
from simulators.site import until

RELOADS = 3
FIRST_CODE = 10_000_000  # what `ScannerPart` counts from
PIN = "802741930516"
SECRET_FOLDERS = ("keys", "platform-keys", "ca")
OURS = (
    "alarm ", "camera ", "device ", "documents ", "hotplug", "loan ", "local api", "passage ",
    "pcsc", "psam", "reader ", "scanner ", "stop ", "watchdog",
)  # fmt: skip


def planted(box: DeviceBox) -> Mapping[str, str]:
    found = {f"code {n}": f"{CODE}{FIRST_CODE + n}" for n in range(40)}
    found["PIN"] = PIN
    for person in box.cast.people:
        found[f"number of {person.key}"] = person.number
        if min(len(person.name.encode(charset)) for charset in ("utf-8", "gb18030")) >= SHORTEST:
            found[f"name of {person.key}"] = person.name
    return found


def ask_for_a_pin(box: DeviceBox) -> bool:
    """True when the PIN came; it is wiped then."""
    pad = box.local.running.service.gate.lanes["desk"].pinpad
    peer, port = box.part("pad").peer, box.part("pad").port  # type: ignore[attr-defined]
    assert pad is not None
    came: list[bool] = []

    def ask() -> None:
        with pad.ask(minimum=6, maximum=12, timeout=SOON) as pin:
            came.append(len(pin.digits) == len(PIN))

    asked = peer.shown.count(b"?")
    counter = threading.Thread(target=ask, name="counter")
    counter.start()
    until(lambda: peer.shown.count(b"?") > asked, "the pad asked nothing", SOON)
    port.send(PIN.encode() + b"\r")
    counter.join()
    return came == [True]


def outputs(box: DeviceBox, log: str) -> Mapping[str, str | bytes]:
    """All that the terminal and its platform put out."""
    found: dict[str, str | bytes] = {"log": log}
    for route in ("status", "readers", "devices", "journal?epoch=&after=0&limit=200"):
        found[route] = json.dumps(box.agent.client.get(f"/v1/{route}"), ensure_ascii=False)
    for path in box.folder.rglob("*"):
        if path.is_file() and path.relative_to(box.folder).parts[0] not in SECRET_FOLDERS:
            found[str(path.relative_to(box.folder))] = path.read_bytes()
    return found


def our_threads() -> Mapping[str, int]:
    return Counter(t.name for t in threading.enumerate() if t.name.startswith(OURS))


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def main() -> None:
    told = io.StringIO()
    logging.basicConfig(stream=told, level=logging.DEBUG)
    with fitted_box() as box:
        did = {part.name: part.works(box) for part in box.parts}
        pin = ask_for_a_pin(box)
        probe = Probe(planted(box))
        places = outputs(box, told.getvalue())
        leaks = [str(leak) for place, said in places.items() for leak in probe.leaks(place, said)]

        started, held = our_threads(), []
        for _ in range(RELOADS):
            box.local.reload()
            for part in box.parts:
                box.until_ready(part)
            held.append(descriptors())
        until(lambda: our_threads() == started, f"{our_threads()} is not {started}", SOON)
        until(lambda: descriptors() <= held[0], f"{descriptors()} descriptors, {held}", SOON)
        box.agent.stop()
        until(lambda: not our_threads(), f"left behind: {our_threads()}", SOON)
    answer = {
        "did": did, "pin": pin, "places": sorted(places), "debug": "DEBUG" in told.getvalue(),
        "leaks": leaks, "control": bool(probe.leaks("control", f"x{CODE}{FIRST_CODE}y")),
        "threads": sum(started.values()), "descriptors": held,
    }  # fmt: skip
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
