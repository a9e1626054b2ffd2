"""iVerifyPIN, iChangePIN, iReloadPIN, iUnblockPIN: the person types at the lane's PIN pad.

A PIN goes to the card that has proved itself, once; a wrong one is told with the tries left, and
no try is ever spent by the terminal. Only the stepped iReloadPIN hands a new PIN to its caller.
"""

from collections.abc import Callable, Sequence

from agent.facade import fields
from agent.facade.means import CardServices, PreparedCall
from agent.facade.sessions import by_caller, by_terminal
from agent.facade.visit import FlowOutcome, LeasedSession
from apdu.social_security.pin import longest_reloaded
from apdu.social_security.session import CardSession

Work = Callable[[LeasedSession, CardSession], None]


def verify_pin(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iVerifyPIN(iType). The card stays powered for the owner's next calls."""

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_terminal(means, visit) as session:
            session.require_pin_tries()
            with visit.type_pin() as pin:
                session.verify_pin(bytearray(pin.digits))
                visit.keep_pin(pin)
        return FlowOutcome("", keep=True)

    return PreparedCall(fields.kinds(parameters[0]), flow)


def change_pin(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iChangePIN(iType)."""

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_terminal(means, visit) as session:
            session.require_pin_tries()
            with visit.type_pin() as old, visit.type_pin(new=True) as new:
                visit.forget_pin()
                session.change_pin(old.digits, new.digits)
        return FlowOutcome("")

    return PreparedCall(fields.kinds(parameters[0]), flow)


def reload_pin(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReloadPIN(iType, pCardInfo)."""
    return _by_terminal(means, parameters, _reload)


def unblock_pin(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iUnblockPIN(iType, pCardInfo)."""
    return _by_terminal(means, parameters, _unblock)


def reload_pin_hsm(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iReloadPIN_HSM_Step1(iType, pCardInfo), Step2(pKey) and Step3(pKey)."""
    return _by_caller(means, parameters, _reload)


def unblock_pin_hsm(means: CardServices, parameters: Sequence[str]) -> PreparedCall:
    """iUnblockPIN_HSM_Step1(iType, pCardInfo), Step2(pKey) and Step3(pKey)."""
    return _by_caller(means, parameters, _unblock)


def _reload(visit: LeasedSession, session: CardSession) -> None:
    # Before the key is won: a challenge does not wait for a person's fingers.
    longest = longest_reloaded(session.parameters.algorithm)
    with visit.type_pin(new=True, longest=longest) as new:
        visit.forget_pin()
        session.reload_pin(new.digits)


def _unblock(visit: LeasedSession, session: CardSession) -> None:
    session.unblock_pin()


def _by_terminal(means: CardServices, parameters: Sequence[str], work: Work) -> PreparedCall:
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_terminal(means, visit, info) as session:
            work(visit, session)
        return FlowOutcome("")

    return PreparedCall(kinds, flow)


def _by_caller(means: CardServices, parameters: Sequence[str], work: Work) -> PreparedCall:
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])

    def flow(visit: LeasedSession) -> FlowOutcome:
        with by_caller(means, visit, info) as session:
            work(visit, session)
        return FlowOutcome("")

    return PreparedCall(kinds, flow)
