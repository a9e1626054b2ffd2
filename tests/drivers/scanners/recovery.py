"""Whether a scanner works after whatever was done to it."""

import itertools

from tests.drivers.contract.source import PATIENCE, SourceBench, ready
from world import QueueEmpty

NUMBERS = itertools.count(1)
TRIES = 20


def reads_again(bench: SourceBench) -> None:
    """The scanner is ready and reads a new code: at once, or after it has opened its device anew,
    when what was shown meanwhile is lost."""
    for _ in range(TRIES):
        ready(bench)
        content = b"after all %d" % next(NUMBERS)
        bench.show(content)
        if _delivered(bench, content):
            bench.hide()
            return
        bench.hide()
    raise AssertionError("it reads nothing any more")


def _delivered(bench: SourceBench, content: bytes) -> bool:
    """What garbage made of itself may come before it."""
    try:
        while bench.source.events.get(PATIENCE / TRIES * 2).content != content:
            pass
    except QueueEmpty:
        return False
    return True
