"""What every barrier must do. A driver's tests inherit `BarrierContract`."""

from drivers.contract import Barrier, DeviceState, Direction

DIRECTIONS: tuple[Direction, ...] = ("entry", "exit", "counter")


class BarrierContract:
    """Inherit, and give a fixture `barrier` (named `gate`, in order)."""

    def test_opens_in_each_direction(self, barrier: Barrier) -> None:
        for direction in DIRECTIONS:
            barrier.open(direction)

    def test_ready_under_its_own_name(self, barrier: Barrier) -> None:
        assert barrier.name == "gate"
        assert barrier.status().name == "gate"
        assert barrier.status().state is DeviceState.READY
