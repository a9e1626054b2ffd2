"""From an ID document to an identity: the same person as the holder's social security card.

The citizen's number on the ID card is the social security number on the other card, so both give
one person reference, and lists, caps and repetitions meet whichever the holder shows.
"""

from agent.identify.identity import Identity, InClear, Presented, Unidentified
from agent.identify.proof import Proof
from agent.messages.reasons import Reason
from apdu.id_document import DocumentDoubt, IdDocument, parse
from drivers.contract import Document, Unread
from offline_store.events.happened import Authentication
from trust.references import References
from world import Fault

CREDENTIAL = "id-card"
# The reader's security module and the document have proved themselves to each other; nothing of
# that can be verified here.
VOUCHED = Authentication(mode="sam-v", result="passed")
# Without a number that holds, it is not known whose document it is.
DISQUALIFYING = frozenset({DocumentDoubt.NUMBER_CHECK})


class DocumentIdentifier:
    """Turns what ID-card readers tell into who it is."""

    def __init__(self, references: References) -> None:
        self._references = references

    def read(self, document: Document | Unread) -> Presented:
        """The identity, or the reason why there is none."""
        if isinstance(document, Unread):
            return _unreadable(document.fault.code)
        try:
            parsed = parse(document.text, newest_address=document.newest_address)
        except Fault as fault:
            return _unreadable(fault.code)
        if doubts := DISQUALIFYING.intersection(parsed.doubts):
            return _unreadable(min(doubts).value)
        return identity_of(parsed, self._references)


def identity_of(document: IdDocument, references: References) -> Identity:
    """References instead of numbers; the dates as they stand in the document."""
    return Identity(
        credential=CREDENTIAL,
        card=references.document(document.number, document.issued),
        number="",
        person=references.person(document.number),
        issued=document.issued,
        expires=document.expires,
        authentication=VOUCHED,
        doubts=tuple(doubt.value for doubt in document.doubts),
        clear=InClear(number=document.number, name=document.name),
        proof=Proof.of_document(document),
    )


def _unreadable(detail: str) -> Unidentified:
    return Unidentified(CREDENTIAL, Reason.DOCUMENT_UNREADABLE, detail=detail)
