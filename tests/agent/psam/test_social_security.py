"""PSAMs: leased whole, found again by themselves, and at work while the card goes on."""

from collections.abc import Callable, Sequence

import pytest

from agent.psam.leases import IDLE, PATIENCE
from agent.psam.slot import ANSWER, BUSY_AGAIN
from agent.psam.social_security import LeasingAuthenticator, PsamPool
from apdu.channel import CardMute, ReaderGone
from apdu.crypto import Algorithm
from apdu.social_security.authentication import CardParameters
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.keys import PUK
from apdu.social_security.psam import (
    Psam,
    PsamBusy,
    PsamKey,
    PsamLacksAlgorithm,
    PsamLacksKey,
    PsamMissing,
)
from contracts.scenes.stand import FakeReader, Stand, play, tap
from drivers.contract import DeviceBusy, Interface
from simulators.cards import Algorithm as CardAlgorithm
from simulators.cards import Card
from simulators.cards.faults import EndlessChain, Garbage
from simulators.ceremony import CITY_KEYS
from simulators.people import load_cast
from simulators.world import SimWorld

CAST = load_cast()
CITY = CAST.city
HISTORICAL = CITY.historical("00000001")
FACTOR, ORIGINAL = b"factor-8", b"origin-8"
SEEDS = range(25)

Bench = Callable[[SimWorld, PsamPool, Sequence[FakeReader]], None]


def card(algorithm: Algorithm = Algorithm.SM4) -> CardParameters:
    return CardParameters(algorithm, CITY.region, HISTORICAL, "00" * 16)


def right(key: str, algorithm: Algorithm = Algorithm.SM4) -> bytes:
    of = {
        Algorithm.SM4: CardAlgorithm.SM4,
        Algorithm.TDES: CardAlgorithm.DES3,
        Algorithm.SSF33: CardAlgorithm.SSF33,
    }
    return CITY.authentication_data(
        of[algorithm], key, HISTORICAL, factor=FACTOR, original=ORIGINAL
    )


def psam(*algorithms: CardAlgorithm, number: str = "519900000001") -> Card:
    return CITY.psam(number, algorithms=algorithms or tuple(CardAlgorithm))


def with_psams(
    *cards: Card | None,
    seed: int = 1,
    run: Bench,
    start: bool = True,
    silent: float = ANSWER,
) -> None:
    """A desk with a slot for each card; None is an empty slot. All are probed when `run` begins."""
    world = SimWorld(seed)

    def scenario() -> None:
        readers = [
            FakeReader(world, f"psam-{number}", Interface.SAM, pace=0.01)
            for number in range(len(cards))
        ]
        desk = PsamPool(world, readers, silent=silent)
        if start:
            desk.start()
        for reader, inside in zip(readers, cards, strict=True):
            if inside is not None:
                reader.insert(inside)
        world.wait(1.0)
        run(world, desk, readers)
        desk.stop()

    world.play(scenario)


def flow(desk: PsamPool, algorithm: Algorithm = Algorithm.SM4) -> tuple[bytes, bytes]:
    """Both answers of a 3.0 card's flow, released at the end."""
    authenticator = desk.authenticator()
    try:
        first = authenticator.internal(card(algorithm), FACTOR, ORIGINAL)
        second = authenticator.external(card(algorithm), FACTOR, ORIGINAL)
        return first.result(), second.result()
    finally:
        authenticator.release()


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_answers_are_the_citys(algorithm: Algorithm) -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        assert flow(desk, algorithm) == (right("IRK", algorithm), right("RKSSSE", algorithm))

    with_psams(psam(), run=run)


def test_a_psam_that_another_program_holds_at_the_start_is_there_once_it_has_let_go() -> None:
    """Nobody has to plug it anew, and no card to come, before it is known to be there."""

    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers

        def held() -> None:
            raise DeviceBusy(device=reader.name, holder="another (7)")

        reader.on_open = held
        reader.insert(psam())
        desk.start()
        world.wait(5 * BUSY_AGAIN)
        assert desk.status()[0].fault == "psam.missing"
        reader.on_open = None
        world.wait(2 * BUSY_AGAIN)
        assert (desk.status()[0].fault, desk.status()[0].terminal_number) == ("", "519900000001")
        opened = reader.opened
        world.wait(5 * BUSY_AGAIN)
        assert reader.opened == opened

    with_psams(None, run=run, start=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_flows_at_one_psam_do_not_interleave(seed: int) -> None:
    """One waits; keyple-java #501."""

    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        answers: list[tuple[bytes, bytes]] = []
        ends: list[float] = []

        def one() -> None:
            answers.append(flow(desk))
            ends.append(world.monotonic())

        began = world.monotonic()
        flow(desk)
        alone = world.monotonic() - began
        for task in [world.spawn(one, name=f"flow {n}") for n in range(3)]:
            assert task.join(5)
        assert answers == [(right("IRK"), right("RKSSSE"))] * 3
        assert ends[1] - ends[0] > alone * 0.8
        assert ends[2] - ends[1] > alone * 0.8

    with_psams(psam(), seed=seed, run=run)


def test_control_the_simulated_psam_notices_two_sessions_mixed() -> None:
    """What the test above would see if another flow's key came between one's key and cipher."""

    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers
        psam = Psam(reader.open())

        def session(original: bytes) -> list[bytes]:
            reader.sent.clear()
            psam.compute(Algorithm.SM4, PsamKey.IRK, card().factors, original, original)
            return [command for command in reader.sent if command[1] in (0xDE, 0xFA, 0xC0)]

        psam.open(Algorithm.SM4)
        session(b"known by")
        (key, *rest), (other, *_) = session(b"first of"), session(b"other of")
        assert replayed(reader, [key, *rest]) != replayed(reader, [key, other, *rest])

    with_psams(psam(), run=run, start=False)


def replayed(reader: FakeReader, commands: Sequence[bytes]) -> bytes:
    assert reader.card is not None
    return [reader.card.transmit(command) for command in commands][-1]


def test_a_flow_that_waits_too_long_is_told_that_the_psam_is_busy() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers
        reader.steps = {len(reader.sent): lambda: world.wait(20.0)}
        holder = desk.authenticator()
        holder.internal(card(), FACTOR, ORIGINAL)
        began = world.monotonic()
        with pytest.raises(PsamBusy):
            flow(desk)
        assert PATIENCE <= world.monotonic() - began < PATIENCE + 0.1

    with_psams(psam(), run=run)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flow_whose_card_hangs_does_not_keep_the_psam(seed: int) -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        hanging = desk.authenticator()
        assert hanging.internal(card(), FACTOR, ORIGINAL).result() == right("IRK")
        began = world.monotonic()
        assert flow(desk) == (right("IRK"), right("RKSSSE"))
        assert IDLE / 2 < world.monotonic() - began < IDLE + 0.5
        # The hanging card goes on after all: its flow leases again and is not told a lie.
        assert hanging.external(card(), FACTOR, ORIGINAL).result() == right("RKSSSE")
        hanging.release()
        assert flow(desk) == (right("IRK"), right("RKSSSE"))

    with_psams(psam(), seed=seed, run=run)


@pytest.mark.parametrize("seed", range(10))
def test_many_flows_are_all_served_in_turn(seed: int) -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        served: list[tuple[bytes, bytes]] = []
        tasks = [
            world.spawn(lambda: served.append(flow(desk)), name=f"flow {n}") for n in range(12)
        ]
        assert all(task.join(10) for task in tasks)
        assert served == [(right("IRK"), right("RKSSSE"))] * 12

    with_psams(psam(), psam(number="519900000002"), seed=seed, run=run)


def test_release_is_once_and_ends_the_lease_when_all_is_answered() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        first = desk.authenticator()
        pending = first.internal(card(), FACTOR, ORIGINAL)
        first.release()  # before the answer: it still comes, and only then is the next one served
        first.release()
        assert flow(desk) == (right("IRK"), right("RKSSSE"))
        assert pending.result() == right("IRK")

    with_psams(psam(), run=run)


def test_a_flow_that_asks_nothing_takes_no_psam() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        idle: LeasingAuthenticator = desk.authenticator()
        assert idle.terminal_number == ""
        assert flow(desk)
        idle.release()
        assert flow(desk)

    with_psams(psam(), run=run)


def test_psam_is_probed_as_soon_as_it_is_there() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (status,) = desk.status()
        assert status.terminal_number == ""
        assert status.fault == "psam.missing"
        readers[0].insert(psam(CardAlgorithm.SM4, CardAlgorithm.DES3))
        world.wait(1.0)
        (status,) = desk.status()
        assert status.terminal_number == "519900000001"
        assert set(status.algorithms) == {"SM4", "3DES"}
        assert status.fault == ""

    with_psams(None, run=run)


def test_a_psam_lost_with_its_service_is_reopened_once_within_the_flow() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers
        opened = reader.opened

        def gone() -> None:
            reader.steps = {}
            raise ReaderGone(reader="psam-0")

        reader.steps = {len(reader.sent): gone}
        assert flow(desk) == (right("IRK"), right("RKSSSE"))
        assert reader.opened == opened + 1
        assert reader.closed == opened

    with_psams(psam(), run=run)


def test_a_psam_that_stays_away_is_not_tried_for_ever() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers
        tries = 0

        def absent() -> None:
            nonlocal tries
            tries += 1

        reader.on_open = absent
        reader.card = None
        authenticator = desk.authenticator()
        with pytest.raises(PsamMissing):
            authenticator.internal(card(), FACTOR, ORIGINAL).result()
        authenticator.release()
        assert tries == 1
        (status,) = desk.status()
        assert (status.fault, status.algorithms) == ("psam.missing", ())
        reader.on_open = None
        reader.card = psam()
        assert flow(desk) == (right("IRK"), right("RKSSSE")), "back by itself"

    with_psams(psam(), run=run)


def test_a_psam_pulled_out_is_noticed_before_the_next_card() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        readers[0].remove()
        world.wait(1.0)
        (status,) = desk.status()
        assert (status.fault, status.algorithms) == ("psam.missing", ())
        readers[0].insert(psam(CardAlgorithm.DES3, number="519900000002"))
        world.wait(1.0)
        (status,) = desk.status()
        assert (status.terminal_number, status.algorithms) == ("519900000002", ("3DES",))
        with pytest.raises(PsamLacksAlgorithm):
            flow(desk, Algorithm.SM4)

    with_psams(psam(CardAlgorithm.SM4), run=run)


def test_a_silent_psam_is_missing_for_the_next_flow_at_once_and_recovers() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers

        def hang() -> None:
            reader.steps = {}
            world.wait(20.0)
            raise CardMute(reader="psam-0")

        reader.steps = {len(reader.sent): hang}
        began = world.monotonic()
        with pytest.raises(PsamMissing):
            flow(desk)
        assert world.monotonic() - began < 3.5
        assert reader.given_up == 1
        began = world.monotonic()
        with pytest.raises(PsamMissing) as caught:
            flow(desk)
        assert caught.value.facts == {"reason": "silent"}
        assert world.monotonic() - began < 0.01, "nobody waits for it again"
        world.wait(20.0)
        assert flow(desk) == (right("IRK"), right("RKSSSE"))

    with_psams(psam(), run=run)


def test_a_slow_psam_is_waited_for_as_long_as_the_settings_say() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers
        reader.steps = {len(reader.sent): lambda: world.wait(ANSWER + 1.0)}
        assert flow(desk) == (right("IRK"), right("RKSSSE"))

    with_psams(psam(), run=run, silent=ANSWER + 2.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_that_comes_as_it_is_given_up_leaves_no_psam_behind(seed: int) -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers

        def nearly() -> None:
            reader.steps = {}
            world.wait(ANSWER - 0.02)  # less what the rest of the computation takes

        reader.steps = {len(reader.sent): nearly}
        try:
            flow(desk)
        except PsamMissing:
            world.wait(1.0)
        assert flow(desk) == (right("IRK"), right("RKSSSE"))

    with_psams(psam(), seed=seed, run=run)


def test_the_psam_with_the_cards_algorithm_is_taken() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        for algorithm in (Algorithm.TDES, Algorithm.SM4, Algorithm.SSF33):
            assert flow(desk, algorithm)[0] == right("IRK", algorithm)
        numbers = [status.terminal_number for status in desk.status()]
        assert numbers == ["519900000001", "519900000002", "519900000003"]

    with_psams(
        psam(CardAlgorithm.SM4, number="519900000001"),
        psam(CardAlgorithm.DES3, number="519900000002"),
        psam(CardAlgorithm.SSF33, number="519900000003"),
        run=run,
    )


@pytest.mark.parametrize("empty_first", [True, False])
def test_an_empty_slot_is_not_taken_before_the_right_psam(empty_first: bool) -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        for _ in range(3):
            assert flow(desk) == (right("IRK"), right("RKSSSE"))

    cards = [None, psam()] if empty_first else [psam(), None]
    with_psams(*cards, run=run)


def test_two_psams_of_one_kind_serve_two_flows_side_by_side() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        began = world.monotonic()
        flow(desk)
        alone = world.monotonic() - began
        began = world.monotonic()
        served: list[tuple[bytes, bytes]] = []
        tasks = [world.spawn(lambda: served.append(flow(desk)), name=f"f{n}") for n in "ab"]
        for task in tasks:
            task.join()
        assert world.monotonic() - began < alone * 1.5

    with_psams(psam(), psam(number="519900000002"), run=run)


def test_when_one_of_two_psams_is_lost_the_other_one_serves() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        readers[0].remove()
        world.wait(1.0)
        assert flow(desk) == (right("IRK"), right("RKSSSE"))

    with_psams(psam(), psam(number="519900000002"), run=run)


def test_a_terminal_without_slot_has_no_psam() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        with pytest.raises(PsamMissing) as caught:
            flow(desk)
        assert caught.value.facts == {"reason": "no-slot"}

    with_psams(run=run)


def test_a_card_that_is_no_psam_is_closed_and_looked_at_again() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        (reader,) = readers
        for _ in range(3):
            with pytest.raises(Exception, match=r"psam\.|card\."):
                flow(desk)
            assert not reader.powered
        reader.remove()
        reader.insert(psam())
        world.wait(1.0)
        assert flow(desk) == (right("IRK"), right("RKSSSE"))

    world = SimWorld(5)
    with_psams(EndlessChain(psam(), 0x61), run=run)
    with_psams(Garbage(psam(), world.random), run=run)


def test_psam_works_while_the_card_goes_on() -> None:
    """Between a question to the PSAM and its answer the card is asked for other things."""

    def scenario(stand: Stand) -> None:
        log: list[str] = []
        stand.door.log = stand.psam.log = log
        stand.world.wait(1.0)
        stand.psam.pace = 0.05
        log.clear()
        assert stand.tap().accepted
        asked = next(i for i, line in enumerate(log) if line.startswith("psam"))
        answered = next(i for i, line in enumerate(log[asked:], asked) if line == "psam answers")
        between = log[asked:answered]
        assert any(line == "door answers" for line in between), between

    play(scenario)


@pytest.mark.parametrize("seed", range(10))
def test_two_lanes_share_one_psam_and_both_are_right(seed: int) -> None:
    def scenario(stand: Stand) -> None:
        other = stand.world.spawn(lambda: tap(stand, "wang", stand.second), name="other")
        assert stand.tap("lin").accepted
        assert other.join(10)
        assert [event.reason for event in stand.store.taps()] == ["accepted", "accepted"]

    play(scenario, seed)


def test_a_missing_psam_is_a_recorded_refusal_and_the_card_is_let_go() -> None:
    def scenario(stand: Stand) -> None:
        assert stand.tap().reason == "psam-missing"
        assert not stand.door.powered
        stand.psam.insert(stand.cast.psam())
        stand.world.wait(1.0)
        assert stand.tap().accepted

    play(scenario, psam=False)


# -- keys beyond IRK and RKSSSE


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_keys_of_the_authoritys_table_are_computed_too(algorithm: Algorithm) -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        desk.keys = CityKeys.from_toml(CITY_KEYS)
        authenticator = desk.authenticator()
        for name in ("UKSSSE", "PUK", "RK1DF01", "RK3DF07"):
            key = desk.keys.key(name)
            answer = authenticator.external(card(algorithm), FACTOR, ORIGINAL, key)
            assert answer.result() == right(name, algorithm)
        authenticator.release()

    with_psams(psam(), run=run)


@pytest.mark.parametrize("new_pin", [b"", b"654321"])
def test_pin_commands_are_made_by_the_psam(new_pin: bytes) -> None:
    header = bytes.fromhex("8424000114" if new_pin else "8424000004")

    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        desk.keys = CityKeys.from_toml(CITY_KEYS)
        authenticator = desk.authenticator()
        made = authenticator.secured(card(), FACTOR, header, new_pin)
        assert made.result() == CITY.secured_command(
            CardAlgorithm.SM4, HISTORICAL, factor=FACTOR, header=header, new_pin=new_pin.decode()
        )
        authenticator.release()

    with_psams(psam(), run=run)


def test_without_the_table_such_a_key_leads_to_the_hsm_and_the_flow_goes_on() -> None:
    def run(world: SimWorld, desk: PsamPool, readers: Sequence[FakeReader]) -> None:
        authenticator = desk.authenticator()
        for pending in (
            authenticator.external(card(), FACTOR, ORIGINAL, PUK),
            authenticator.secured(card(), FACTOR, b"\x84\x24\0\0\x04", b""),
        ):
            with pytest.raises(PsamLacksKey):
                pending.result()
        assert authenticator.internal(card(), FACTOR, ORIGINAL).result() == right("IRK")
        authenticator.release()

    with_psams(psam(), run=run)
