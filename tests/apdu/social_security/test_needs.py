"""The smallest necessary amount (最小必要): what nobody needs of a card is not read from it."""

import pytest

from apdu.social_security.authentication import AuthenticationFailed
from apdu.social_security.needs import BASIC, DETAILED, OF_HOLDER, Need
from tests.apdu import flow
from tests.apdu.flow import FakeAuthenticator, read
from tests.apdu.scripted import Scripted

NOTHING: frozenset[Need] = frozenset()
PROOF = flow.until_proof(flow.FCI_SM4)
VERSION, NUMBER, ISSUED, EXPIRES = flow.issuer("3.00")
PERSON, NAME, EXTENSION = flow.EXTENDED
# What each need adds to the conversation with a 3.0 card, in the order of the flow.
OF_ISSUER: dict[Need, tuple[str, str]] = {
    "card-number": NUMBER,
    "issue-date": ISSUED,
    "expiry-date": EXPIRES,
}
HOLDERS: dict[Need, list[tuple[str, str]]] = {
    "person": [PERSON],
    "name": [NAME, EXTENSION],
    "details": flow.DETAILS,
}


def conversation(needs: frozenset[Need]) -> list[tuple[str, str]]:
    issuer = [one for need, one in OF_ISSUER.items() if need in needs]
    holder = [one for need, more in HOLDERS.items() if need in needs for one in more]
    opening = flow.OPENING if holder else []
    return [*PROOF, VERSION, *issuer, *opening, *holder]


@pytest.mark.parametrize("needs", [NOTHING, *({one} for one in (*OF_ISSUER, *HOLDERS)), DETAILED])
def test_a_card_is_asked_for_what_is_needed_and_nothing_else(needs: frozenset[Need]) -> None:
    card = Scripted(conversation(frozenset(needs)))
    result = read(card, needs=frozenset(needs))
    assert card.finished
    assert result.read == needs


def test_what_was_not_needed_stays_empty() -> None:
    result = read(Scripted(conversation(NOTHING)), needs=NOTHING)
    assert (result.card_number, result.issue_date, result.expiry_date) == ("", "", "")
    assert (result.holder.social_security_number, result.holder.name) == ("", "")
    assert result.doubts == ()
    assert result.version == "3.00"


@pytest.mark.parametrize("needs", [NOTHING, BASIC - OF_HOLDER])
def test_without_the_holder_the_terminal_wins_no_right_at_the_card(needs: frozenset[Need]) -> None:
    card, keys = Scripted(conversation(needs)), FakeAuthenticator()
    result = read(card, keys, needs=needs)
    assert "ask external" not in keys.diary
    assert 0x82 not in [command[1] for command in card.sent]
    assert result.authenticated.read_key == ""


def test_a_card_proves_itself_whatever_is_needed() -> None:
    """The control: the flow without any need still catches a forged answer."""
    forged = [*PROOF[:4], (PROOF[4][0], "00" * 8 + "9000"), VERSION]
    with pytest.raises(AuthenticationFailed):
        read(Scripted(forged), needs=NOTHING)
