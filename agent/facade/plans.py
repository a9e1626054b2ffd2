"""What each function does: a table from its name to how it is prepared, and the basic read.

Parameters are checked before any card is touched; then the flow runs on the reader's thread.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.facade import fields, files, pins
from agent.facade.disclosure import basic
from agent.facade.means import CardServices, Prepare, PreparedCall
from agent.facade.stepped import SteppedBasic
from agent.facade.visit import FlowOutcome, LeasedSession
from apdu.social_security.authentication import Authenticator, Stage, read_basic


def read_card_bas(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReadCardBas: the 11 fields."""
    return PreparedCall(
        fields.kinds(parameters[0]),
        lambda visit: _basic(means, visit, means.authenticator(visit.handle)),
    )


def read_card_bas_hsm(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReadCardBas_HSM_Step1 and 2: 8 fields, then the 11."""
    return PreparedCall(
        fields.kinds(parameters[0]), lambda visit: _basic(means, visit, SteppedBasic(visit))
    )


def _basic(means: CardServices, visit: LeasedSession, authenticator: Authenticator) -> FlowOutcome:
    read = read_basic(
        visit.handle,
        authenticator,
        clock=means.world.monotonic,
        stage=_nobody_listens,
        quirks=means.cards,
    )
    output = fields.joined(read.interface_fields(means.device_number))
    return FlowOutcome(output, basic(read, means.standing.ask(read)), keep=visit.has_pin)


def _nobody_listens(stage: Stage) -> None:
    """Stages are for taps."""


PLANS: Final[Mapping[str, Prepare]] = {
    "iReadCardBas": read_card_bas,
    "iReadCardBas_HSM_Step1": read_card_bas_hsm,
    "iReadCard": files.read_card,
    "iReadCard_HSM_Step1": files.read_card_hsm,
    "iWriteCard": files.write_card,
    "iWriteCard_HSM_Step1": files.write_card_hsm,
    "iReadDebitRecord": files.read_debit_record,
    "iVerifyPIN": pins.verify_pin,
    "iChangePIN": pins.change_pin,
    "iReloadPIN": pins.reload_pin,
    "iReloadPIN_HSM_Step1": pins.reload_pin_hsm,
    "iUnblockPIN": pins.unblock_pin,
    "iUnblockPIN_HSM_Step1": pins.unblock_pin_hsm,
}
