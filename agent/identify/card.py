"""From a powered card to an identity: authenticated read, then references instead of numbers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.identify.fallback import FallbackAuthenticator
from agent.identify.hsm import HsmClient
from agent.identify.identity import Identity, InClear
from agent.identify.proof import Proof
from agent.identify.traces import Traces
from agent.messages.reasons import Reason
from agent.psam.social_security import PsamPool
from agent.stages import Stages
from apdu import days
from apdu.social_security.authentication import Authenticator, BasicRead, Doubt, read_basic
from apdu.social_security.needs import BASIC, Need
from apdu.social_security.quirks import NO_KINDS, CardKinds
from config.model import SceneSettings
from drivers.contract import CardHandle
from offline_store.events.happened import Authentication
from trust import canonical
from trust.references import References
from world import World

if TYPE_CHECKING:
    from apdu.trace import Flow


class CardIdentifier:
    """Reads cards with the terminal's PSAMs and, where these are unable, the city's HSM."""

    def __init__(
        self,
        world: World,
        sams: PsamPool,
        references: References,
        hsm: HsmClient | None = None,
        traces: Traces | None = None,
        cards: CardKinds = NO_KINDS,
    ) -> None:
        """`cards`: how some of them are spoken to."""
        self._traces = traces or Traces(world)
        self._world = world
        self._sams = sams
        self._references = references
        self._hsm = hsm
        self._cards = cards

    def read(
        self,
        handle: CardHandle,
        credential: str,
        stages: Stages,
        *,
        needs: frozenset[Need] = BASIC,
        leaving: bool = False,
        reader: str = "",
    ) -> Identity:
        """What is not needed is not read, and stays empty. The card is powered down by the caller
        that opened it, on every exit. Raises the faults of
        `apdu.social_security.authentication.read_basic`."""
        read = self.read_in_clear(handle, stages, needs=needs, leaving=leaving, reader=reader)
        return identity_of(read, credential, self._references)

    def read_in_clear(
        self,
        handle: CardHandle,
        stages: Stages,
        *,
        needs: frozenset[Need] = BASIC,
        leaving: bool = False,
        reader: str = "",
    ) -> BasicRead:
        """The basic read itself, for callers that may see it. `reader` is what a trace is called
        by."""
        keys = self.authenticator(handle, leaving=leaving)

        def flow() -> "Flow":
            from apdu.trace import Flow

            part = None if needs == BASIC else tuple(sorted(needs))
            return Flow("basic", cards=self._cards.of_atr(handle.atr), needs=part)

        with self._traces.watching(reader, handle, keys, flow) as (card, watched):
            return read_basic(
                card,
                watched,
                clock=self._world.monotonic,
                stage=stages.begin,
                quirks=self._cards,
                needs=needs,
            )

    def authenticator(self, handle: CardHandle, *, leaving: bool = False) -> Authenticator:
        """For one flow of the card behind `handle`. Behind somebody who is `leaving` the next one
        wants to, so a network is not waited for."""
        psam = self._sams.authenticator()
        if self._hsm is None or leaving:
            return psam
        return FallbackAuthenticator(psam, self._hsm.authenticator(handle))


def refused_doubts(settings: SceneSettings) -> Mapping[str, Reason]:
    """Doubts about a card that this city takes for reasons to refuse it, by their codes."""
    if settings.card_serial == "record":
        return {}
    return {Doubt.SERIAL.value: Reason.CARD_SERIAL}


def identity_of(read: BasicRead, credential: str, references: References) -> Identity:
    """References instead of numbers, dates as days, and what is odd about the card."""
    card = references.card(bytes.fromhex(read.card_id))
    card_number = canonical.card_number(read.card_number)
    number = canonical.id_number(read.holder.social_security_number)
    return Identity(
        credential=credential,
        card=card,
        number=references.number(card_number) if card_number else "",
        person=references.person(number) if number else card,
        issued=days.first_day(read.issue_date),
        expires=days.last_day(read.expiry_date),
        authentication=Authentication(
            mode=read.authenticated.mode,
            result="passed",
            generation=read.generation.value,
            algorithm=read.algorithm.value,
            key=read.authenticated.key,
            terminal_number=read.authenticated.terminal_number,
        ),
        kind=read.kind,
        region=read.region,
        doubts=tuple(doubt.value for doubt in read.doubts),
        read=tuple(sorted(read.read)),
        clear=InClear(
            card_id=read.card_id,
            card_number=card_number,
            number=number,
            name=read.holder.name,
        ),
        proof=Proof.of_card(read.authenticated),
    )
