"""What goes wrong with a purse, each with a name of its own. What the card said is in the facts."""

from typing import Final

from apdu.command import Command
from apdu.status import StatusFault
from world import Fault


class NotPurse(Fault):
    """The card has no T-Union purse, or another application answered. Fact: `sw`, hex."""

    code = "purse.absent"


class PurseLocked(StatusFault):
    """SELECT says that the purse, or the card, is locked for now."""

    code = "purse.locked"


class PurseBlocked(StatusFault):
    """9303: the purse is blocked for good."""

    code = "purse.blocked"


class PurseStopped(Fault):
    """File 0015 says that the purse is not in use. Fact: `state`."""

    code = "purse.stopped"


class PurseMalformed(Fault):
    """An answer has another form than the specification's. Facts: `what`, `length`."""

    code = "purse.malformed"


class PurseStatus(StatusFault):
    """The purse refused a command for a reason that has no class of its own."""

    code = "purse.status"


class BalanceTooSmall(PurseStatus):
    """9401: less than the amount is left. Nothing was paid."""

    code = "purse.balance"


class PurseCounter(PurseStatus):
    """9402: the card's transaction numbers are used up; it has to be replaced."""

    code = "purse.counter"


class PurseKeyIndex(PurseStatus):
    """9403: the card has no purchase key with the PSAM's index."""

    code = "purse.key-index"


class PurseState(PurseStatus):
    """6985, 6901: not the moment for that command."""

    code = "purse.state"


class BalanceContradicted(Fault):
    """8050 told another balance than was read just before: this card lies. Nothing was paid."""

    code = "purse.balance-contradicted"


class DebitRefused(StatusFault):
    """8054 was refused in a way that says for sure: this card did not pay."""

    code = "purse.debit-refused"


class Mac1Refused(DebitRefused):
    """9302: the card does not believe the PSAM. Nothing was paid."""

    code = "purse.mac1-refused"


class DebitUncertain(Fault):
    """8054's answer leaves open whether the card paid. Facts: `sw`, hex, `length` of its data."""

    code = "purse.debit-uncertain"


_KINDS: Final[dict[int, type[PurseStatus]]] = {
    0x9401: BalanceTooSmall,
    0x9402: PurseCounter,
    0x9403: PurseKeyIndex,
    0x6985: PurseState,
    0x6901: PurseState,
}


def refusal(command: Command, sw: int) -> StatusFault:
    """The fault that a status word other than 9000 means, wherever but in SELECT and 8054."""
    if sw == 0x9303:
        return PurseBlocked(command, sw)
    return _KINDS.get(sw, PurseStatus)(command, sw)


class TransitPsamStatus(StatusFault):
    """The transit PSAM refused a command."""

    code = "transit-psam.status"


class TransitPsamLacksKey(TransitPsamStatus):
    """6A88: it has no purchase key for that card. Fact beside: `algorithm`, hex."""

    code = "transit-psam.lacks-key"


class TransitPsamKeyVersion(TransitPsamStatus):
    """9403: its purchase key has another version than the card's. Fact beside: `version`, hex."""

    code = "transit-psam.key-version"


class Mac2Refused(TransitPsamStatus):
    """63Cx, 9302: the card's MAC2 is not what this PSAM expected of its last session."""

    code = "transit-psam.mac2"


class TransitPsamUnfit(Fault):
    """What answers in the slot has no transit application."""

    code = "transit-psam.no-application"


class TransitPsamMalformed(Fault):
    """It answered in another form than the specification's. Facts: `what`, `length`."""

    code = "transit-psam.malformed"


class PsamSessionOver(Fault):
    """That MAC2 cannot be checked any more: another 8070 or a reset came since."""

    code = "transit-psam.session-over"
