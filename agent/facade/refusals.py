"""Who was turned away from the national interface lately, for the log and for `doctor`.

A page or program that may not call cannot say so to any other program; one that is served later
needs no note. What it sends about itself is shown in plain signs only, and no flood of callers
fills the log or the memory.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from world import Fault, World

LOG = logging.getLogger("onecard.facade")

KEPT = 16  # different ones
LOGGED = 6  # lines in the log …
PER = 60.0  # … in so many seconds
SHOWN = 64  # characters of a caller's own words


@dataclass(frozen=True)
class Stranger:
    """A caller, as it names itself (`origin`, `host`) and as the kernel knows it (`user`)."""

    user: str = ""
    origin: str = ""
    host: str = ""

    def __str__(self) -> str:
        words = {"user": self.user, "origin": self.origin, "host": self.host}
        return " ".join(f"{name}={word}" for name, word in words.items() if word) or "–"


@dataclass
class _Told:
    fault: Fault
    times: int
    last: float  # wall clock, unix seconds


class Refusals:
    """Any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changing = world.lock()
        self._told: OrderedDict[tuple[Stranger, str], _Told] = OrderedDict()
        self._logged: list[float] = []  # when, by World.monotonic()

    def note(self, fault: Fault, stranger: Stranger) -> None:
        """The caller was turned away for that reason."""
        with self._changing:
            told = self._told.setdefault((stranger, fault.code), _Told(fault, 0, 0.0))
            self._told.move_to_end((stranger, fault.code))
            told.fault = fault
            told.times, told.last = told.times + 1, self._world.now()
            while len(self._told) > KEPT:
                self._told.popitem(last=False)
            room = self._may_log()
        if room:
            LOG.warning("sscard: refused %s: %s", stranger, fault.code)

    def forget(self, stranger: Stranger) -> None:
        """The caller has been served since, so the earlier refusal needs no attention now."""
        with self._changing:
            for key in [key for key in self._told if key[0] == stranger]:
                del self._told[key]

    def status(self) -> Sequence[dict[str, Any]]:
        """The last ones, the newest first: user, origin, host; code and facts of the fault; times,
        last (unix seconds)."""
        with self._changing:
            return [
                {
                    "user": stranger.user,
                    "origin": stranger.origin,
                    "host": stranger.host,
                    "code": told.fault.code,
                    "facts": dict(told.fault.facts),
                    "times": told.times,
                    "last": int(told.last),
                }
                for (stranger, _), told in reversed(self._told.items())
            ]

    def _may_log(self) -> bool:
        now = self._world.monotonic()
        self._logged = [when for when in self._logged if when > now - PER]
        if len(self._logged) >= LOGGED:
            return False
        self._logged.append(now)
        return True


def plain(words: str) -> str:
    """A caller's own words, as far as they may stand in a log."""
    return "".join(sign for sign in words if "!" <= sign <= "~")[:SHOWN]
