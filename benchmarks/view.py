"""From a code in view to its bytes: the camera driver on a simulated camera at 30 fps.

The camera is a process of its own, so that only the product computes here; its clock is ours.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from typing import Final

from benchmarks.measure import median, percentile
from drivers.camera.driver import AWAKE, Camera
from drivers.contract import DeviceState
from simulators.devices.mjpeg import MjpegProcess
from simulators.devices.painter import view
from simulators.site import until
from world.real import RealWorld

CODES: Final = 60
FPS: Final = 30
RESTED: Final = 4  # each fourth code comes to a camera at rest
REST: Final = AWAKE + 1.0  # seconds
PATIENCE: Final = 5.0  # seconds
GOALS: Final = {"view_p95_max": 80.0}


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """`view_p50`, `view_p95`, `view_max`: milliseconds from the moment that a code is held before
    the camera (its next frame is up to 33 ms away) to `Code.at`. `--codes N`."""
    parser = argparse.ArgumentParser(prog="benchmarks.view")
    parser.add_argument("--codes", type=int, default=CODES)
    took = measure(parser.parse_args(arguments).codes)
    figures = {
        "view_p50": round(median(took), 1),
        "view_p95": round(percentile(took, 95), 1),
        "view_max": round(max(took), 1),
    }
    holds = figures["view_p95"] <= GOALS["view_p95_max"]
    return {"name": "view", "codes": len(took), **figures, "goals": GOALS, "holds": holds}


def measure(codes: int) -> list[float]:
    """Milliseconds of each code, at random moments between frames; each fourth comes to a camera
    that has been at rest, the others while it is awake."""
    chance = random.Random(1)
    with MjpegProcess(fps=FPS) as server:
        camera = Camera(RealWorld(), "camera", {"source": server.url})
        camera.start()
        try:
            until(lambda: camera.status().state is DeviceState.READY, "no picture comes")
            took = []
            for number in range(codes):
                time.sleep((REST if number % RESTED == 0 else 0.0) + chance.uniform(0.1, 0.3))
                picture = server.show(view(b"https://example.com/code/%08d" % number))
                code = camera.events.get(PATIENCE)
                took.append((code.at - server.held(picture)) * 1000)
                server.hide()
            return took
        finally:
            camera.stop()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
