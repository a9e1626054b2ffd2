"""The session of a visit's powered card: behind the terminal's keys, or behind the caller's."""

from agent.facade.means import CardServices
from agent.facade.stepped import SteppedKey
from agent.facade.visit import LeasedSession
from apdu.social_security.file_address import CardInfo
from apdu.social_security.session import CardSession, open_session


def by_terminal(
    means: CardServices, visit: LeasedSession, info: CardInfo | None = None
) -> CardSession:
    """The card has proved itself to PSAM or HSM. Raises as
    `apdu.social_security.session.open_session`."""
    authenticator = means.authenticator(visit.handle)
    return open_session(
        visit.handle, authenticator, keys=means.keys, expected=info, quirks=means.cards
    )


def by_caller(means: CardServices, visit: LeasedSession, info: CardInfo) -> CardSession:
    """Keys come with the caller's next steps; there is no message for the card's proof. Raises as
    `apdu.social_security.session.open_session`."""
    authenticator = SteppedKey(visit, means.keys)
    return open_session(
        visit.handle,
        authenticator,
        keys=means.keys,
        expected=info,
        prove=False,
        quirks=means.cards,
    )
