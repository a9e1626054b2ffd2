"""Whether a scanner works after whatever was done to it."""

import itertools

from contracts.drivers.reader import until
from contracts.drivers.source import PATIENCE, SourceBench, is_ready
from world import QueueEmpty

NUMBERS = itertools.count(1)
TRIES = 20


def reads_again(bench: SourceBench) -> None:
    """The scanner is ready and reads a new code: at once, or after it has opened its device anew,
    when what was shown meanwhile is lost."""
    for _ in range(TRIES):
        until(lambda: _is_ready(bench), PATIENCE)
        content = b"after all %d" % next(NUMBERS)
        bench.show(content)
        if _delivered(bench, content):
            bench.hide()
            return
        bench.hide()
    raise AssertionError("it reads nothing any more")


def _is_ready(bench: SourceBench) -> bool:
    """Without waiting for its back-off."""
    bench.source.look()
    return is_ready(bench)


def _delivered(bench: SourceBench, content: bytes) -> bool:
    """What garbage made of itself may come before it."""
    try:
        while bench.source.events.get(PATIENCE / TRIES).content != content:
            pass
    except QueueEmpty:
        return False
    return True
