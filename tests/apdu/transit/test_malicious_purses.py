"""Any answers at all, from a purse or a PSAM: a value or a named fault, a debit sent once, and no
value but from the right length."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from apdu.transit.files import Layouts
from apdu.transit.purse import Purse
from apdu.transit.selection import select_application
from apdu.transit.transit_psam import TransitPsam
from apdu.transit.values import Authorisation, Kind, PsamTerminal
from tests.apdu.scripted import Answering
from tests.apdu.transit.purses import MOMENT, bench
from world import Fault

TERMINAL = PsamTerminal(bytes.fromhex("012300033D11"), bytes(14), 1)
RAIL = Layouts.shipped().find("5199", "rail")
SWS = st.sampled_from([0x9000, 0x9000, 0x6110, 0x6C08, 0x6A82, 0x6283, 0x9406, 0x63C0, 0x6581])
ANSWERS = st.lists(
    st.one_of(
        st.binary(max_size=70),
        st.builds(lambda data, sw: data + sw.to_bytes(2), st.binary(max_size=260), SWS),
    ),
    min_size=1,
    max_size=40,
)
ASKS: list[Callable[[Purse], object]] = [
    lambda purse: purse.select(),
    lambda purse: purse.management(),
    lambda purse: purse.balance(),
    lambda purse: purse.initialise(Kind.COMPOSITE, 1, TERMINAL, expected=1),
    lambda purse: purse.read_record(RAIL),
    lambda purse: purse.update_record(RAIL, bytes(128)),
    lambda purse: purse.debit(Authorisation(1, bytes(4), MOMENT)),
    lambda purse: purse.proof(Kind.SIMPLE, 1),
    lambda purse: purse.find_in_log(bytes(6), 1, MOMENT),
    lambda purse: purse.trip(1),
]


def saying(answers: list[bytes]) -> Answering:
    """Those in turn, the last one for ever."""
    left = list(answers)
    return Answering(lambda command: left.pop(0) if len(left) > 1 else left[0])


def tried(ask: Callable[[], object]) -> bool:
    """Whether it gave a value; anything but a `Fault` goes through."""
    try:
        ask()
    except Fault:
        return False
    return True


@given(answers=ANSWERS, ask=st.sampled_from(ASKS))
def test_any_answers_of_a_purse_are_a_value_or_a_fault(
    answers: list[bytes], ask: Callable[[Purse], object]
) -> None:
    channel = saying(answers)
    tried(lambda: ask(Purse(channel)))
    assert sum(command[1] == 0x54 for command in channel.sent) <= 1


@given(answers=ANSWERS)
def test_any_answers_to_the_selection_are_an_application_or_a_fault(answers: list[bytes]) -> None:
    tried(lambda: select_application(saying(answers)))


@given(answers=ANSWERS)
def test_any_answers_of_a_psam_are_a_value_or_a_fault_and_8072_goes_out_once(
    answers: list[bytes],
) -> None:
    purse = bench().tap()
    public = purse.select()
    begun = purse.initialise(Kind.SIMPLE, 1, TERMINAL)
    channel = saying(answers)
    psam = TransitPsam(channel)

    def work() -> None:
        authorised = psam.authorise(public, begun, MOMENT)
        psam.verify(authorised, bytes(4))

    tried(work)
    assert sum(command[1] == 0x72 for command in channel.sent) <= 1


def test_an_honest_purse_gives_values() -> None:
    """The control: what is tried above is not always a fault."""
    place = bench()
    purse = place.tap()
    assert all(tried(lambda ask=ask: ask(purse)) for ask in (ASKS[0], ASKS[1], ASKS[2], ASKS[4]))  # type: ignore[misc]
