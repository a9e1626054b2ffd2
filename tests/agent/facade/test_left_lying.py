"""A card that lay there when its reader was taken into use: a program may read it by an explicit
call, as it may at any time, and change nothing on it until its holder has put it there again.
"""

import pytest

from tests.agent.facade.counter import Counter, play


def left_lying(counter: Counter, key: str = "lin") -> None:
    counter.slot.insert(counter.stand.card(key, counter.slot.interface), came=False)
    counter.settle()


def test_it_may_be_read_and_the_journal_says_that_nobody_was_seen_to_put_it_there() -> None:
    def scenario(counter: Counter) -> None:
        left_lying(counter)
        assert counter.call("iReadCardBas", "1").result == 0
        (event,) = counter.disclosures()
        assert event.act == "card-left-lying"

    play(scenario)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("iWriteCard", ["1", "", "DF01EF05|20|$", "DF01EF05|A|$"]),
        ("iWriteCard_HSM_Step1", ["1", "", "DF01EF05|20|$"]),
        ("iReloadPIN", ["1", ""]),
        ("iReloadPIN_HSM_Step1", ["1", ""]),
        ("iUnblockPIN", ["1", ""]),
        ("iUnblockPIN_HSM_Step1", ["1", ""]),
    ],
)
def test_it_is_not_changed_until_it_has_been_put_there_again(
    function: str, parameters: list[str]
) -> None:
    def scenario(counter: Counter) -> None:
        info = counter.info()
        left_lying(counter)
        answer = counter.call(function, *(one or info for one in parameters))
        assert answer.result == -2, answer.output
        assert counter.slot.sent == []
        assert counter.powered_down()
        counter.slot.remove()
        counter.insert()
        counter.pins.entries = ["654321"]
        assert counter.call(function, *(one or info for one in parameters)).result != -2

    play(scenario)


def test_a_flow_of_two_calls_is_judged_by_each_of_them() -> None:
    def scenario(counter: Counter) -> None:
        left_lying(counter)
        counter.pins.entries = ["123456"]
        assert counter.call("iVerifyPIN", "1").result == 0
        assert counter.call("iUnblockPIN", "1", counter.info()).result == -2
        assert counter.call("iReadCardBas", "1").result == 0

    play(scenario)
