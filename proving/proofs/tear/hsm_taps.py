"""Taps at a gate whose cards the city's HSM proves: torn at every APDU, and while it is asked.

Meanwhile the card goes, or is exchanged, or the broker dies, or the answer is wrong or late. The
broker is a real mosquitto, platform and uplink are the product's; the HSM is the made-up city's.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Self

from proving.proofs.tear.boundaries import NoProof
from proving.proofs.tear.tally import Tally
from proving.proofs.tear.taps import FLOWS, Flow, TapTrial
from simulators.cards import Generation, Interface, PsamKeyId
from simulators.city.hsm import Manners
from simulators.city.platform import CityPlatform
from simulators.gate import LocalGate
from simulators.pcscd import Pcscd
from simulators.people import Wallet
from simulators.site import until
from sync.contract.services import HsmAnswer, HsmRequest, decode, encode
from sync.requests import RequestFault

WITHIN: Final = 0.8  # seconds for the HSM's answer
LATE: Final = 0.95  # seconds after which it comes nevertheless
PROBE: Final = encode(HsmRequest(message="00|"))  # a question of no known kind: is anybody there?
SETTINGS: Final = f"\n[hsm]\nwithin = {WITHIN}\n"
OTHER: Final = "wang"  # whose card is as good


@dataclass(frozen=True)
class HsmFlow(Flow):
    """`lacking`: a PSAM lies in its slot that has no key for the holder's file."""

    lacking: bool = False


HSM_FLOWS: Final = (
    *(HsmFlow(flow.card, flow.interface) for flow in FLOWS),
    HsmFlow("lin", Interface.CONTACTLESS, lacking=True),
)


class HsmTrial(TapTrial):
    """No PSAM can serve its cards."""

    def __init__(
        self, pcscd: Pcscd, gate: LocalGate, city: CityPlatform, flow: HsmFlow, tally: Tally
    ) -> None:
        super().__init__(pcscd, gate, flow, tally)
        self._city = city
        self._flow = flow
        self._other = Wallet(self.cast).at(OTHER, flow.interface)
        self._generation = Generation(self.cast.card(flow.card).generation)

    def __enter__(self) -> Self:
        self._await_way()
        if self._flow.lacking:
            self.sam_slot.insert(self.cast.city.psam("519900000088", keys=(PsamKeyId.IRK,)))
            until(lambda: self.gate.has_psam, "the product does not see a PSAM")
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        self._city.hsm.manners = Manners()
        super().__exit__(*exception)

    def proofs(self) -> int:
        """Questions that were answered; whether in time and rightly, the trial knows."""
        return self._city.hsm.asked["01"]

    def disturb(self, first: int = 0, every: int = 1) -> None:
        """All that can happen while the HSM is asked, or every so many of it."""
        for happen in list(self._disturbances())[first::every]:
            happen()

    def _disturbances(self) -> Iterator[Callable[[], None]]:
        yield self.pull
        yield partial(self._answer, Manners(delay=LATE))
        yield self.exchange
        yield partial(self._answer, Manners(error="busy"))
        yield self.kill_broker
        wrong: list[Literal["internal", "external", "original", "text", "json"]] = [
            "original",
            "internal",
            "json",
            "text",
        ]
        if self._generation is Generation.V3:
            wrong.append("external")
        for one in wrong:
            yield partial(self._answer, Manners(wrong=one))

    def pull(self) -> None:
        """The card leaves while the HSM thinks."""
        left: list[float] = []

        def remove() -> None:
            self._city.hsm.manners = Manners()
            self.slot.remove()
            left.append(time.perf_counter())

        self._city.hsm.manners = Manners(before=remove)
        self.visit(self.good, genuine=False)
        self._require(bool(left))
        self.settle(left[0])

    def exchange(self) -> None:
        """Another good card lies there when the answer comes, and comes in by its own only."""
        left: list[float] = []

        def exchange() -> None:
            self._city.hsm.manners = Manners()
            self.slot.remove()
            left.append(time.perf_counter())
            self.slot.insert(self._other)

        before = self.now()
        self._city.hsm.manners = Manners(before=exchange)
        self.slot.insert(self.good)
        self.settle_two(before, lambda: left[0])
        self._require(bool(left))

    def kill_broker(self) -> None:
        """Nobody comes in without it; with it, the next one does."""
        broker = self._city.broker

        def kill() -> None:
            self._city.hsm.manners = Manners()
            broker.kill()

        self._city.hsm.manners = Manners(before=kill)
        for _ in range(2):  # while the HSM is asked, and when there is nobody to be asked
            self.visit(self.good, genuine=False)
            self.slot.remove()
        self._require(not broker.pid)
        broker.start()
        self._await_way()
        self.settle(time.perf_counter())

    def _answer(self, manners: Manners) -> None:
        """A wrong, late or no answer."""
        self._city.hsm.manners = manners
        self.visit(self.good, genuine=False)
        self._city.hsm.manners = Manners()
        left = time.perf_counter()
        self.slot.remove()
        self.settle(left)

    def _await_way(self) -> None:
        """The gate's questions reach the HSM."""
        until(self._reached, "no way to the HSM")

    def _reached(self) -> bool:
        asked = self.gate.parts.requests.ask("hsm", PROBE, within=WITHIN)
        try:
            return decode(asked.result(), HsmAnswer).error == "malformed"
        except RequestFault:
            return False

    def _require(self, asked: bool) -> None:
        if not asked:
            raise NoProof("the HSM was not asked")
