"""A process of its own that tells how long the machine stood still.

Again and again it makes a byte durable in the folder that it watches, and notes how long the byte
took. A disk that keeps a COMMIT of the journal waiting keeps that byte waiting too, and so does a
machine that gives nobody its time. What happens inside the agent's process does not: an agent held
up by one of its own devices stands alone.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

_PAUSE = 0.1  # seconds between two bytes
_FILE = "witness"


class Witness:
    """The process, from `with` to its end. Times are those of `time.monotonic`."""

    def __init__(self, folder: Path) -> None:
        self._command = [sys.executable, "-I", "-S", __file__, str(folder / _FILE)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()

    def stood_still(self, since: float) -> float:
        """Seconds that the slowest byte took of those that became durable after `since`.

        Returns when the byte that is under way is durable.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{since}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


# The process


def watch(path: Path) -> None:
    """Make bytes durable until nobody asks any more; one answer to each line of standard input."""
    seen: list[tuple[float, float]] = []  # (when durable, seconds since the byte before)
    durable = time.monotonic()
    with path.open("wb", buffering=0) as file:
        while True:
            before = durable
            asked = select.select([sys.stdin], [], [], _PAUSE)[0]
            os.pwrite(file.fileno(), b".", 0)
            os.fsync(file.fileno())
            durable = time.monotonic()
            seen.append((durable, durable - before))
            if asked:
                line = sys.stdin.readline()
                if not line:
                    return
                since = float(line)
                sys.stdout.write(f"{max(took for at, took in seen if at > since)}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
