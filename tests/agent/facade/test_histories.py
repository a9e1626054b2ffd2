"""Callers, cards and clocks in any order: one card, one owner, and in the end none is powered."""

import random

import pytest

from agent.facade.desk import CallerConnection
from tests.agent.facade.counter import LEASE, Counter, client, play

CALLS = (
    ("iReadCardBas", "1"),
    ("iReadCardBas", "3"),
    ("iReadCardBas_HSM_Step1", "4"),
    ("iReadCardBas_HSM_Step2", "0" * 32 + "|"),
    ("iReadCard_HSM_Step2", "0" * 32),
    ("iVerifyPIN", "1"),
    ("iReadDebitRecord", "3"),
)
HANDS = {"slot": ["lin", "zhang"], "pad": ["wang", "gulbahar"]}  # no card is in two places
RESULTS = {0, -1, -2, -4, -11, -12, -21, -23, -42, -31, -52, -51}


@pytest.mark.parametrize("seed", range(40))
def test_any_history_ends_with_no_card_powered_and_no_lease(seed: int) -> None:
    def scenario(counter: Counter) -> None:
        chance = random.Random(seed)
        told: list[int] = []

        def person() -> None:
            for _ in range(12):
                counter.world.wait(chance.random() * 0.3)
                reader = chance.choice([counter.slot, counter.pad])
                if chance.random() < 0.5:
                    key = chance.choice(HANDS[reader.name])
                    reader.insert(counter.stand.card(key, reader.interface))
                elif reader.card is not None:
                    reader.remove()

        def caller(number: int) -> None:
            me = counter.caller(client(f"caller-{number}"))
            for _ in range(10):
                counter.world.wait(chance.random() * 0.3)
                me = act(me, number)
            me.close()

        def act(me: CallerConnection, number: int) -> CallerConnection:
            if chance.random() < 0.15:
                me.close()
                return counter.caller(client(f"caller-{number}"))
            function, *parameters = chance.choice(CALLS)
            told.append(me.call(function, parameters).result)
            return me

        counter.pins.entries = ["123456"] * 50
        tasks = [counter.beside(person)]
        tasks += [counter.beside(lambda number=number: caller(number)) for number in range(3)]  # type: ignore[misc]
        for task in tasks:
            task.join()
        assert set(told) <= RESULTS
        assert not counter.desk.leases.current()
        counter.world.wait(1.0)
        assert counter.powered_down()
        for reader in (counter.slot, counter.pad):
            assert reader.opened == reader.closed
        assert all(not pin.digits for pin in counter.pins.pins)

    play(scenario, seed)


def test_control_a_lease_that_nobody_ends_is_seen() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert counter.call("iReadCardBas_HSM_Step1", "1").result == 0
        counter.world.wait(LEASE / 2)
        assert counter.desk.leases.current()
        assert not counter.powered_down()

    play(scenario)
