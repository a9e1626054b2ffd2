"""Behind the guard a driver keeps its contract as it does without."""

from collections.abc import Iterator
from typing import cast

import pytest

from contracts.drivers.barrier import BarrierContract
from contracts.drivers.prompts import PromptsContract
from drivers.console import ConsoleBarrier, ConsolePrompts
from drivers.contract import Barrier, Prompts
from drivers.foreign.devices import foreign_device
from drivers.foreign.guard import Origin
from drivers.prompts.lamps import RelayLamp
from drivers.registry import BARRIERS, PROMPTS
from world.real import RealWorld

ORIGIN = Origin("acme", "acme-drivers", "acme_drivers:Device")


class TestForeignBarrier(BarrierContract):
    @pytest.fixture
    def barrier(self) -> Barrier:
        made = foreign_device(BARRIERS, ORIGIN, ConsoleBarrier)
        return cast(Barrier, made(RealWorld(), "gate", {}))


class TestForeignPrompts(PromptsContract):
    @pytest.fixture
    def prompts(self) -> Prompts:
        made = foreign_device(PROMPTS, ORIGIN, ConsolePrompts)
        return cast(Prompts, made(RealWorld(), "screen", {}))

    @pytest.fixture
    def broken(self) -> Iterator[Prompts]:
        made = foreign_device(PROMPTS, ORIGIN, RelayLamp)
        lamp = cast(Prompts, made(RealWorld(), "screen", {"port": "/nowhere", "green": 1}))
        lamp.start()
        yield lamp
        lamp.stop()
