"""The whole of `prove tear`: every flow at every boundary, and the variants that must be caught."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.assembly import MakeDesk
from agent.facade.desk import CallerConnection
from agent.identify.card import CardIdentifier
from proving.proofs.tear.business import PIN_BUSINESS, WRITE_BUSINESS, Business
from proving.proofs.tear.calls import CallTrial
from proving.proofs.tear.careless import AssumingReader, RepeatingConnection
from proving.proofs.tear.hasty import HastyDesk, TrustingDesk
from proving.proofs.tear.hsm_taps import HSM_FLOWS, SETTINGS, HsmTrial
from proving.proofs.tear.tally import GOALS, Tally
from proving.proofs.tear.taps import FLOWS, Flow, PsamTrial
from simulators.city.platform import CityPlatform
from simulators.counter import Around, Connect, LocalCounter
from simulators.gate import LocalGate
from simulators.lifetime import scratch
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.people import load_cast
from simulators.terminal import become_client

QUICK: Final = 23  # every so many boundaries: prime to the three moments, so all of them come
FEW: Final = 1000  # more than there are boundaries: the first, and the deciding commands
BUSINESS: Final = (*PIN_BUSINESS, *WRITE_BUSINESS)
# A right PIN keeps its card powered, so that a variant which shows it again holds the reader.
REPEATED: Final = tuple(one for one in PIN_BUSINESS if one.name != "verify")
CONTROL_FLOWS: Final = FLOWS[-1:]


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Figures over all trials: see `Tally` for each of them. A boundary is one pull (APDU × moment,
    of card or PSAM), or one thing that happens while the HSM is asked; after each a good card must
    be served, which `slowest_ready_ms` counts from the pulled one's leaving.

    `--quick`: every 23rd boundary, and each deciding command with its answer lost. `control`: what
    variants of the product lost that do what may not be done; each must be caught.
    """
    parser = argparse.ArgumentParser(prog="onecard prove tear")
    parser.add_argument("--quick", action="store_true")
    every = QUICK if parser.parse_args(arguments).quick else 1
    with Pcscd(FOUR_READERS) as pcscd:
        become_client(pcscd)
        return prove(pcscd, every=every)


def prove(pcscd: Pcscd, *, every: int = 1) -> dict[str, object]:
    """The proof on a running pcscd, at every so many boundaries of each flow."""
    tally = Tally()
    tear_psam_taps(pcscd, tally, every)
    tear_hsm_taps(pcscd, tally, every)
    tear_calls(pcscd, tally, BUSINESS, every)
    return report(tally, controls(pcscd, every))


def report(tally: Tally, lost: Mapping[str, int]) -> dict[str, object]:
    """The JSON line. It holds when the goals do and every control was caught."""
    caught = bool(lost) and all(lost.values())
    return {
        "name": "tear",
        **tally.figures(),
        "goals": GOALS,
        "holds": tally.holds() and caught,
        "control": {"lost": lost, "caught": caught},
    }


def controls(pcscd: Pcscd, every: int) -> Mapping[str, int]:
    """How much each variant lost of what it must not lose."""
    hasty, trusting, repeating, assuming = (Tally() for _ in range(4))
    tear_psam_taps(pcscd, hasty, every, desk=HastyDesk, cards=False)
    with hsm_gate(HastyDesk) as (gate, city):
        for flow in HSM_FLOWS:
            with HsmTrial(pcscd, gate, city, flow, hasty) as trial:
                trial.meet_false_card()
    with hsm_gate(TrustingDesk) as (gate, city):
        for flow in HSM_FLOWS:
            with HsmTrial(pcscd, gate, city, flow, trusting) as trial:
                trial.pull()
    tear_calls(pcscd, repeating, REPEATED, FEW, CONTROL_FLOWS, connect=RepeatingConnection)
    tear_calls(pcscd, assuming, BUSINESS, FEW, CONTROL_FLOWS, around=AssumingReader)
    return {
        "accepts before comparing": hasty.accepted_without_authentication,
        "takes it that the card is still there": trusting.accepted_without_authentication,
        "repeats a call whose card was lost": repeating.tries_spent_twice,
        "takes a lost answer for done": assuming.false_success,
    }


def tear_psam_taps(
    pcscd: Pcscd, tally: Tally, every: int, *, desk: MakeDesk = CardIdentifier, cards: bool = True
) -> None:
    """Taps in PSAM mode; without `cards` only the PSAM is torn."""
    with _folder() as folder, LocalGate(load_cast(), folder, desk=desk) as gate:
        for flow in FLOWS:
            with PsamTrial(pcscd, gate, flow, tally) as trial:
                trial.meet_false_card()
                if cards:
                    trial.tear_card(every)
                    trial.bounce_card(every)
                trial.tear_psam(every)


def tear_hsm_taps(pcscd: Pcscd, tally: Tally, every: int) -> None:
    """Taps in HSM mode. With a stride, every second disturbance, other ones in the next flow."""
    stride = 1 if every == 1 else 2
    with hsm_gate(CardIdentifier) as (gate, city):
        for number, flow in enumerate(HSM_FLOWS):
            with HsmTrial(pcscd, gate, city, flow, tally) as trial:
                trial.meet_false_card()
                trial.tear_card(every)
                trial.bounce_card(every)
                trial.disturb(number % stride, stride)


def tear_calls(
    pcscd: Pcscd,
    tally: Tally,
    business: Sequence[Business],
    every: int,
    flows: Sequence[Flow] = FLOWS,
    *,
    connect: Connect = CallerConnection,
    around: Around = lambda reader: reader,
) -> None:
    """PIN and write functions."""
    with (
        _folder() as folder,
        LocalCounter(load_cast(), folder, connect=connect, around=around) as counter,
    ):
        for flow in flows:
            with CallTrial(pcscd, counter, flow, tally) as trial:
                for one in business:
                    trial.tear(one, every)


@contextmanager
def hsm_gate(desk: MakeDesk) -> Iterator[tuple[LocalGate, CityPlatform]]:
    """A gate with the city's HSM behind it."""
    cast = load_cast()
    with (
        _folder() as folder,
        CityPlatform(cast, folder) as city,
        LocalGate(cast, folder, desk=desk, more=SETTINGS + city.settings) as gate,
    ):
        yield gate, city


@contextmanager
def _folder() -> Iterator[Path]:
    with scratch("onecard-tear-") as folder:
        yield folder
