"""Who has the reader, for how long, and what becomes of the card when it is over."""

import pytest

from agent.facade.call import CallAnswer
from tests.agent.facade.counter import LEASE, Counter, client, play


def begun(counter: Counter) -> list[str]:
    """Step 1 is answered; the card waits, powered, for step 2."""
    counter.insert("lin")
    return counter.good("iReadCardBas_HSM_Step1", "1")


def test_a_second_caller_is_told_who_holds_the_reader_and_for_how_long() -> None:
    def scenario(counter: Counter) -> None:
        begun(counter)
        other = counter.caller(client("pharmacy"))
        answer = other.call("iReadCardBas", ["1"])
        assert answer.result == -12
        assert "clinic" in answer.output
        assert "iReadCardBas_HSM_Step1" in answer.output
        assert "60" in answer.output

    play(scenario)


def test_a_caller_that_dies_between_the_steps_frees_the_reader_at_once() -> None:
    def scenario(counter: Counter) -> None:
        begun(counter)
        counter.me.close()
        other = counter.caller(client("pharmacy"))
        assert other.call("iReadCardBas", ["1"]).result == 0
        assert counter.powered_down()

    play(scenario)


def test_a_lease_ends_with_its_time_and_the_card_is_powered_down() -> None:
    def scenario(counter: Counter) -> None:
        question = begun(counter)
        counter.world.wait(LEASE - 1)
        assert counter.slot.powered
        counter.world.wait(2)
        assert counter.powered_down()
        assert counter.call("iReadCardBas_HSM_Step2", counter.hsm(question)).result == -12

    play(scenario)


@pytest.mark.parametrize("back", [False, True])
def test_a_card_pulled_between_the_steps_ends_the_lease(back: bool) -> None:
    def scenario(counter: Counter) -> None:
        question = begun(counter)
        counter.slot.remove()
        if back:
            counter.insert("lin")
        assert counter.powered_down()
        before = len(counter.slot.sent)
        assert counter.call("iReadCardBas_HSM_Step2", counter.hsm(question)).result == -12
        assert len(counter.slot.sent) == before

    play(scenario)


def test_a_card_swapped_in_the_moment_of_step_2_is_not_the_card_of_step_1() -> None:
    """The reader's event is still on its way, so the handle itself is asked."""

    def scenario(counter: Counter) -> None:
        question = begun(counter)
        counter.slot.card = counter.stand.card("wang", counter.slot.interface)  # no event yet
        assert counter.call("iReadCardBas_HSM_Step2", counter.hsm(question)).result == -2
        assert counter.powered_down()

    play(scenario)


def test_a_new_first_step_takes_the_place_of_the_waiting_one() -> None:
    def scenario(counter: Counter) -> None:
        begun(counter)
        question = counter.good("iReadCardBas_HSM_Step1", "1")
        assert len(counter.good("iReadCardBas_HSM_Step2", counter.hsm(question))) == 11
        assert counter.powered_down()
        assert counter.slot.opened == 1

    play(scenario)


def test_a_step_of_another_flow_is_refused_and_the_waiting_one_goes_on() -> None:
    def scenario(counter: Counter) -> None:
        question = begun(counter)
        assert counter.call("iReadCard_HSM_Step2", "00").result == -12
        assert len(counter.good("iReadCardBas_HSM_Step2", counter.hsm(question))) == 11

    play(scenario)


def test_a_step_finds_its_flow_among_two_readers_of_one_caller() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin", counter.pad)
        counter.insert("zhang")
        counter.pins.entries = ["123456"]
        assert counter.call("iVerifyPIN", "2").result == 0  # reader "pad" is held, its card powered
        question = counter.good("iReadCardBas_HSM_Step1", "1")
        assert len(counter.good("iReadCardBas_HSM_Step2", counter.hsm(question))) == 11

    play(scenario)


def test_a_step_without_its_first_is_minus_12() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        assert counter.call("iReadCardBas_HSM_Step2", "00").result == -12
        assert not counter.slot.sent

    play(scenario)


def test_the_terminals_end_ends_every_lease() -> None:
    def scenario(counter: Counter) -> None:
        begun(counter)
        counter.desk.close()
        for thread in counter.threads:
            thread.stop()
        assert all(thread.join(1.0) for thread in counter.threads)
        assert counter.powered_down()
        assert counter.call("iReadCardBas", "1").result == -12

    play(scenario)


def test_a_thread_that_is_stopped_lets_its_card_go_even_without_the_desk() -> None:
    def scenario(counter: Counter) -> None:
        begun(counter)
        counter.threads[0].stop()
        assert counter.threads[0].join(1.0)
        assert counter.powered_down()

    play(scenario)


def test_a_mute_card_is_told_in_time_and_the_lane_is_free_again() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.slot.steps[4] = lambda: counter.world.wait(30)
        began = counter.world.monotonic()
        assert counter.call("iReadCardBas", "1").result == -4
        assert counter.world.monotonic() - began < 1.6
        assert counter.slot.given_up == 1
        counter.world.wait(40)
        counter.slot.steps.clear()
        assert counter.call("iReadCardBas", "1").result == 0

    play(scenario)


@pytest.mark.parametrize("seed", range(20))
def test_two_callers_at_once_never_share_a_card(seed: int) -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        answers: list[CallAnswer] = []
        callers = [counter.caller(client(name)) for name in ("clinic", "pharmacy", "ward")]

        def read(caller) -> None:  # type: ignore[no-untyped-def]
            for _ in range(3):
                answers.append(caller.call("iReadCardBas", ["1"]))

        tasks = [counter.beside(lambda caller=caller: read(caller)) for caller in callers]  # type: ignore[misc]
        for task in tasks:
            task.join()
        assert {answer.result for answer in answers} <= {0, -12}
        assert any(answer.result == 0 for answer in answers)
        good = sum(answer.result == 0 for answer in answers)
        assert len(counter.disclosures()) == good
        assert counter.powered_down()
        assert counter.slot.opened == counter.slot.closed

    play(scenario, seed)


def test_status_names_the_holder_the_reason_and_the_end() -> None:
    def scenario(counter: Counter) -> None:
        begun(counter)
        assert counter.desk.leases.status() == [
            {
                "reader": "slot",
                "client": "clinic",
                "purpose": "made-up work of clinic",
                "function": "iReadCardBas_HSM_Step1",
                "seconds_left": 60,
            }
        ]

    play(scenario)


def test_a_caller_that_is_gone_leases_no_more() -> None:
    def scenario(counter: Counter) -> None:
        counter.insert("lin")
        counter.me.close()
        assert counter.call("iReadCardBas", "1").result == -12
        assert not counter.desk.leases.current()
        assert counter.caller(client("pharmacy")).call("iReadCardBas", ["1"]).result == 0

    play(scenario)
