"""What each function does: its parameters checked before any card is touched, then its flow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.facade import fields
from agent.facade.disclosure import basic
from agent.facade.stepped import SteppedBasic
from agent.facade.visit import Flow, Outcome, Visit
from apdu.authentication import Authenticator, BasicRead, Stage, read_basic
from drivers.contract import Interface
from world import World


@dataclass(frozen=True)
class Means:
    """What flows need beside the card."""

    world: World
    authenticator: Callable[[], Authenticator]  # the terminal's own keys: PSAM, then its HSM
    device_number: str
    pin_timeout: float


@dataclass(frozen=True)
class Plan:
    """A call whose parameters are good: where its card may lie, and what is done with it."""

    kinds: Sequence[Interface]
    flow: Flow


Prepare = Callable[[Means, Sequence[str]], Plan]


def read_card_bas(means: Means, parameters: Sequence[str]) -> Plan:
    """iReadCardBas: the 11 fields."""
    return Plan(
        fields.kinds(parameters[0]),
        lambda visit: _basic(means, visit, means.authenticator()),
    )


def read_card_bas_hsm(means: Means, parameters: Sequence[str]) -> Plan:
    """iReadCardBas_HSM_Step1 and 2: 8 fields, then the 11."""
    return Plan(
        fields.kinds(parameters[0]), lambda visit: _basic(means, visit, SteppedBasic(visit))
    )


def _basic(means: Means, visit: Visit, authenticator: Authenticator) -> Outcome:
    read = _read(means, visit, authenticator)
    output = fields.joined(read.interface_fields(means.device_number))
    return Outcome(output, basic(read), keep=visit.pin_verified)


def _read(means: Means, visit: Visit, authenticator: Authenticator) -> BasicRead:
    return read_basic(
        visit.handle, authenticator, clock=means.world.monotonic, stage=_nobody_listens
    )


def _nobody_listens(stage: Stage) -> None:
    """Stages are for taps."""


PLANS: Final[Mapping[str, Prepare]] = {
    "iReadCardBas": read_card_bas,
    "iReadCardBas_HSM_Step1": read_card_bas_hsm,
}
