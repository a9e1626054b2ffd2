"""The witness tells of a machine that stands still, and of nothing else."""

import os
import signal
import threading
import time
from pathlib import Path

from simulators.witness import Witness

STILL = 1.5  # seconds


def test_what_stood_still_is_told_only_to_who_asks_about_that_time(tmp_path: Path) -> None:
    with Witness(tmp_path) as witness:
        began = time.monotonic()
        process = witness._process.pid
        witness.stood_still(began)  # it is at work
        os.kill(process, signal.SIGSTOP)  # as a disk that keeps its byte waiting
        threading.Timer(STILL, os.kill, (process, signal.SIGCONT)).start()
        assert witness.stood_still(began) >= STILL * 0.9
        assert witness.stood_still(began) >= STILL * 0.9
        # Of what comes afterwards each byte took the time since the one before, and no more.
        now = time.monotonic()
        took = witness.stood_still(now)
        assert 0.0 < took < time.monotonic() - began - STILL * 0.9


def test_an_agent_that_is_held_up_by_its_own_process_stands_alone(tmp_path: Path) -> None:
    """The byte does not wait for who asks: it is durable while the asker's process stands still."""
    with Witness(tmp_path) as witness:
        file = tmp_path / "witness"
        began = time.monotonic()
        witness.stood_still(began)
        written = file.stat().st_mtime_ns
        while file.stat().st_mtime_ns == written:
            pass  # nobody asks, and this process gives nothing away
        assert file.stat().st_size == 1
