"""From the basic read to an identity: references instead of numbers, dates that are days."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.identify.card import identity_of
from agent.identify.identity import Identity
from agent.messages.reasons import Reason
from apdu.crypto import Algorithm
from apdu.social_security.authentication import Authenticated, BasicRead, Holder
from apdu.social_security.files import Generation
from contracts.scenes.stand import CITY_KEY, Stand, play
from contracts.secrets_probe import Probe
from simulators.people import Cast, load_cast
from tests.agent.events import noted
from trust.references import References

REFERENCES = References(CITY_KEY)
READ = BasicRead(
    generation=Generation.V3,
    algorithm=Algorithm.SM4,
    region="519900",
    card_id="519900D15600000512345678FFFFFFFF",
    card_number="A12345678",
    historical_bytes=bytes(13),
    version="3.00",
    issue_date="20200101",
    expiry_date="20991231",
    holder=Holder("519900199001011234", "司马·阿依古丽"),
    authenticated=Authenticated("psam", Algorithm.SM4, "00", "0A", "519900000001"),
    stages={},
)


def identity(read: BasicRead = READ) -> Identity:
    return identity_of(read, "card-contact", REFERENCES)


def test_an_identity_names_nobody() -> None:
    found = identity()
    assert found.card == REFERENCES.card(bytes.fromhex(READ.card_id))
    assert found.number == REFERENCES.number("A12345678")
    assert found.person == REFERENCES.person("519900199001011234")
    assert (found.issued, found.expires) == (date(2020, 1, 1), date(2099, 12, 31))
    assert found.authentication.result == "passed"
    planted: dict[str, str | bytes] = {
        "card id": bytes.fromhex(READ.card_id),
        "card number": READ.card_number,
        "number": READ.holder.social_security_number,
        "name": READ.holder.name,
    }
    Probe(planted).check("identity", repr(found))
    assert Probe(planted).leaks("control", repr(READ.holder.social_security_number))


def test_one_persons_cards_meet_and_a_card_without_number_stands_for_itself() -> None:
    other = replace(READ, card_id="519900D15600000587654321FFFFFFFF")
    assert identity(other).person == identity().person
    assert identity(other).card != identity().card
    nameless = identity(replace(READ, holder=Holder("", "")))
    assert nameless.person == nameless.card


@pytest.mark.parametrize("nothing", ["", " ", "\u3000"])
def test_a_card_without_a_number_has_no_reference_that_others_share(nothing: str) -> None:
    found = identity(replace(READ, card_number=nothing, holder=Holder(nothing, "")))
    assert (found.number, found.person) == ("", found.card)
    assert (found.clear.card_number, found.clear.number) == ("", "")


@given(st.sampled_from([str.lower, str.upper, "{}\n".format, "\ufeff{} ".format]))
def test_a_card_is_listed_by_its_number_however_the_card_spells_it(
    spell: Callable[[str], str],
) -> None:
    holder = Holder(spell("51990019900101123X"), "")
    found = identity(replace(READ, card_number=spell("D2143569X"), holder=holder))
    assert found.number == REFERENCES.number("D2143569X")
    assert found.person == REFERENCES.person("51990019900101123X")


def test_a_card_with_the_15_digits_is_its_holders_other_card() -> None:
    old = identity(replace(READ, holder=Holder("110105491231002", "")))
    new = identity(replace(READ, holder=Holder("11010519491231002X", "")))
    assert old.person == new.person


def test_a_card_without_dates_has_none() -> None:
    found = identity(replace(READ, issue_date="", expiry_date=""))
    assert (found.issued, found.expires) == (None, None)


@pytest.mark.parametrize(
    ("digits", "first", "last"),
    [
        ("20340229", date(2034, 3, 1), date(2034, 2, 28)),
        ("20261301", date(2027, 1, 1), date(2026, 12, 31)),
        ("20260100", date(2026, 1, 1), date(2025, 12, 31)),
        ("202611", date(2026, 11, 1), date(2026, 11, 30)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026010123", date(2026, 1, 1), date(2026, 1, 1)),
        ("00000000", None, None),
        ("99999999", None, None),
        ("99991231", date(9999, 12, 31), date(9999, 12, 31)),
        ("AB340229", None, None),
        ("", None, None),
    ],
)
def test_dates_are_compared_as_the_digits_that_they_are(
    digits: str, first: date | None, last: date | None
) -> None:
    found = identity(replace(READ, issue_date=digits, expiry_date=digits))
    assert (found.issued, found.expires) == (first, last)


@pytest.mark.parametrize("odd", ["20340229", "00000000", "99999999", "2034"])
@pytest.mark.parametrize("field", ["issued", "expires"])
def test_a_date_that_is_no_day_lets_its_holder_in_and_is_a_doubt_in_the_record(
    field: str, odd: str
) -> None:
    if field == "issued" and odd.startswith("2034"):
        odd = odd.replace("2034", "2023")

    def scenario(stand: Stand) -> None:
        assert stand.tap("odd").reason == Reason.ACCEPTED
        doubt = {"issued": "issue-date", "expires": "expiry-date"}[field]
        assert noted(stand.store.taps()[0]) == {"doubts": (doubt,)}

    play(scenario, cast=with_odd_card(field, odd))


def test_a_card_past_its_digits_is_expired_though_they_are_no_day() -> None:
    def scenario(stand: Stand) -> None:
        assert stand.tap("odd").reason == Reason.CARD_EXPIRED

    play(scenario, cast=with_odd_card("expires", "20240231"))


def with_odd_card(field: str, odd_date: str) -> Cast:
    cast = load_cast()
    lin = cast.card("lin")
    values = {name: getattr(lin, name) for name in lin.__struct_fields__}
    odd = type(lin)(**{**values, "key": "odd", "serial": "0DD00001", field: odd_date})
    return Cast(
        **{
            **{name: getattr(cast, name) for name in cast.__struct_fields__},
            "cards": (*cast.cards, odd),
        }
    )
