"""The clerk's old program works with our library unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proving.conformance.cast import CARDS, PIN, StageCard
from proving.conformance.stage import AIR, SLOT, Stage
from simulators.cards import Algorithm
from simulators.window.business import OldBusiness, compile_business


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_business(tmp_path_factory.mktemp("business"))


@pytest.fixture
def business(stage: Stage, ours: Path, program: Path) -> Iterator[OldBusiness]:
    stage.reset()
    with OldBusiness(program, ours, stage.environment, stage.hsm.basic) as business:
        yield business


def words(card: StageCard, way: str) -> str:
    holder = card.order.holder
    return f"{holder.name} {holder.number} {card.order.card_number} {card.version} {way}"


@pytest.mark.parametrize(
    ("key", "where"),
    [("1.0-3des", SLOT), ("2.0-3des", SLOT), ("3.0-sm4", SLOT), ("dotted-name", AIR)],
)
def test_it_reads_every_generation_by_psam(
    stage: Stage, business: OldBusiness, key: str, where: str
) -> None:
    card = CARDS[key].fresh()
    stage.lay(card, where)
    said = business.do("read")
    assert (said.result, said.words) == (0, words(card, "PSAM"))


@pytest.mark.parametrize("key", ["1.0-3des", "3.0-sm4"])
def test_without_a_psam_it_goes_to_its_hsm(stage: Stage, business: OldBusiness, key: str) -> None:
    stage.take_psam()
    card = CARDS[key].fresh()
    stage.lay(card)
    assert business.do("read").words == words(card, "HSM")


def test_a_psam_without_the_algorithm_leads_to_its_hsm(stage: Stage, business: OldBusiness) -> None:
    stage.change_psam(algorithms=[Algorithm.DES3])
    card = CARDS["3.0-sm4"].fresh()
    stage.lay(card)
    assert business.do("read").words == words(card, "HSM")


def test_other_errors_end_with_their_text(stage: Stage, business: OldBusiness) -> None:
    stage.await_empty()
    said = business.do("read")
    assert said.result == -2
    assert "无卡" in said.words
    stage.lay(CARDS["forged"].fresh())
    assert business.do("read").result == -21


def test_it_serves_a_person_from_reading_to_a_new_pin(stage: Stage, business: OldBusiness) -> None:
    card = CARDS["3.0-sm4"].fresh()
    stage.lay(card)
    assert business.do("read").result == 0
    assert business.do("holder").words.startswith(f"SSSEEF06|{card.order.holder.number}|")
    stage.typist.will_type("111111")
    assert business.do("verify").result == -51
    stage.typist.will_type(PIN)
    assert business.do("verify").result == 0
    stage.typist.will_type(PIN, "654321", "654321")
    assert business.do("change").result == 0
    card.inside.pin.tries.left = 0
    assert business.do("verify").result == -52
    assert business.do("unblock").result == 0
    stage.typist.will_type("654321")
    assert "519900000088" in business.do("records").words


def test_its_library_may_be_missing(program: Path, tmp_path: Path) -> None:
    business = OldBusiness(program, tmp_path / "none.so", {}, lambda fields: "")
    assert business.close() == 2
