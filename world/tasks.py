"""A thread of work, and whether it goes before what else the machine has to do."""

import os
import resource
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_LONGEST = threading.TIMEOUT_MAX  # seconds, 292 years; Python raises `OverflowError` beyond


def limited(timeout: float | None) -> float | None:
    """A time limit as Python's threads take it: of infinitely many seconds too."""
    return None if timeout is None else min(timeout, _LONGEST)


class RealTask:
    """A daemon thread."""

    def __init__(self, target: Callable[[], None], name: str, *, ahead: bool = False) -> None:
        self._target = target
        run = self._run_ahead if ahead else target
        self._thread = threading.Thread(target=run, name=name, daemon=True)
        self._thread.start()

    def _run_ahead(self) -> None:
        _go_ahead()
        self._target()

    @property
    def name(self) -> str:
        return self._thread.name

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        self._thread.join(limited(timeout))
        return not self._thread.is_alive()


def _go_ahead() -> None:
    """This thread gets the lowest real-time priority (sched(7), SCHED_FIFO): before all ordinary
    ones. Only where whoever runs this process has granted it (RLIMIT_RTPRIO; root's own right is no
    such word); not on a machine with one core, where it could keep all others away, nor where the
    kernel leaves the others no share of the time. Without it nothing is lost but speed on a busy
    machine."""
    granted, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if granted == 0 or len(os.sched_getaffinity(0)) < 2 or not _keeps_a_share():
        return
    lowest = os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO))
    with suppress(OSError):  # not allowed, or not in this control group
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, lowest)


def _keeps_a_share() -> bool:
    """Whether real-time threads are stopped for a moment of each second (sched_rt_runtime_us)."""
    try:
        return int(Path("/proc/sys/kernel/sched_rt_runtime_us").read_text()) >= 0
    except OSError:
        return False  # a kernel without them
