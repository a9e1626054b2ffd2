"""A terminal that has taken many purses holds no more in memory than one that has taken a few:
`bench bus --taps 100000` measures it, and here is what would make it grow."""

import gc
from collections import deque
from types import FrameType, FunctionType, ModuleType
from typing import Final
from weakref import ref

from agent.messages.reasons import Reason
from agent.purse.purchase import Moments
from tests.agent.purse.stand import Bus, BusStand

ELSEWHERE: Final = (type, ModuleType, FunctionType, FrameType)  # from there on it is the program


def held(root: object, *others: object) -> int:
    """The elements of all that can be reached from `root`, but not by `others`."""
    seen, waiting, count = {id(other) for other in (root, *others)}, [root], 0
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict | list | tuple | set | deque):
            # sqlite3 notes its cursors weakly, and sweeps the dead ones out now and then.
            count += sum(not isinstance(element, ref) for element in found)
        for behind in gc.get_referents(found):
            if id(behind) not in seen and not isinstance(behind, ELSEWHERE):
                seen.add(id(behind))
                waiting.append(behind)
    return count


def pay(bus: Bus, stand: BusStand, purses: int) -> int:
    """So many purses pay, and one more after the second in which they did. What is held then."""
    for left in range(purses, -1, -1):
        if not left:
            bus.world.wait(2.0)
        assert bus.reason(stand.passenger()) == Reason.PAID
    bus.world.wait(0.0)
    parts = [bus.payments, bus.desk, bus.store]
    return held(parts, bus.world, bus.slot, stand)


def test_no_purse_leaves_anything_behind_in_memory(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        few = pay(bus, bus_stand, 5)
        assert pay(bus, bus_stand, 40) - few < 20
        assert not len(bus.payments.open)

    bus_stand.drive(scenario)


def test_control_what_is_remembered_of_each_purse_is_seen(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        moments = Moments(bus.world)
        few = held(moments, bus.world)
        for number in range(40):
            moments.next(f"card {number}", 1_790_000_000_000)  # all of them in one second
        assert held(moments, bus.world) - few >= 40

    bus_stand.drive(scenario)
