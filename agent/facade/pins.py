"""iVerifyPIN, iChangePIN, iReloadPIN, iUnblockPIN: the person types at the lane's PIN pad.

A PIN goes to the card that has proved itself, once; a wrong one is told with the tries left, and
no try is ever spent by the terminal. Only the stepped iReloadPIN hands a new PIN to its caller.
"""

from collections.abc import Callable, Sequence

from agent.facade import fields
from agent.facade.means import Means, Plan
from agent.facade.sessions import by_caller, by_terminal
from agent.facade.visit import Outcome, Visit
from apdu.pin import longest_reloaded
from apdu.session import CardSession

Work = Callable[[Visit, CardSession], None]


def verify_pin(means: Means, parameters: Sequence[str]) -> Plan:
    """iVerifyPIN(iType). The card stays powered for the owner's next calls."""

    def flow(visit: Visit) -> Outcome:
        with by_terminal(means, visit) as session:
            session.require_pin_tries()
            with visit.type_pin() as pin:
                session.verify_pin(bytearray(pin.digits))
                visit.keep_pin(pin)
        return Outcome("", keep=True)

    return Plan(fields.kinds(parameters[0]), flow)


def change_pin(means: Means, parameters: Sequence[str]) -> Plan:
    """iChangePIN(iType)."""

    def flow(visit: Visit) -> Outcome:
        with by_terminal(means, visit) as session:
            session.require_pin_tries()
            with visit.type_pin() as old, visit.type_pin(new=True) as new:
                visit.forget_pin()
                session.change_pin(old.digits, new.digits)
        return Outcome("")

    return Plan(fields.kinds(parameters[0]), flow)


def reload_pin(means: Means, parameters: Sequence[str]) -> Plan:
    """iReloadPIN(iType, pCardInfo)."""
    return _by_terminal(means, parameters, _reload)


def unblock_pin(means: Means, parameters: Sequence[str]) -> Plan:
    """iUnblockPIN(iType, pCardInfo)."""
    return _by_terminal(means, parameters, _unblock)


def reload_pin_hsm(means: Means, parameters: Sequence[str]) -> Plan:
    """iReloadPIN_HSM_Step1(iType, pCardInfo), Step2(pKey) and Step3(pKey)."""
    return _by_caller(means, parameters, _reload)


def unblock_pin_hsm(means: Means, parameters: Sequence[str]) -> Plan:
    """iUnblockPIN_HSM_Step1(iType, pCardInfo), Step2(pKey) and Step3(pKey)."""
    return _by_caller(means, parameters, _unblock)


def _reload(visit: Visit, session: CardSession) -> None:
    # Before the key is won: a challenge does not wait for a person's fingers.
    longest = longest_reloaded(session.parameters.algorithm)
    with visit.type_pin(new=True, longest=longest) as new:
        visit.forget_pin()
        session.reload_pin(new.digits)


def _unblock(visit: Visit, session: CardSession) -> None:
    session.unblock_pin()


def _by_terminal(means: Means, parameters: Sequence[str], work: Work) -> Plan:
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])

    def flow(visit: Visit) -> Outcome:
        with by_terminal(means, visit, info) as session:
            work(visit, session)
        return Outcome("")

    return Plan(kinds, flow)


def _by_caller(means: Means, parameters: Sequence[str], work: Work) -> Plan:
    kinds, info = fields.kinds(parameters[0]), fields.card_info(parameters[1])

    def flow(visit: Visit) -> Outcome:
        with by_caller(means, visit, info) as session:
            work(visit, session)
        return Outcome("")

    return Plan(kinds, flow)
