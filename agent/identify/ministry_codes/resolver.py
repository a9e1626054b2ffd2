"""`resolve = "offline"`: a code that this terminal verifies itself → the account behind it.

Nothing is asked and nothing kept; what has to be remembered is decided in the store's turn. The
code's bytes go into the record, for clearing, and nowhere else.
"""

from collections.abc import Callable, Mapping

from agent.identify.code import CREDENTIAL
from agent.identify.identity import Identity, Presented, Unidentified, VerifiedCode
from agent.identify.ministry_codes.layout import ThreeLevel, TwoLevel
from agent.identify.ministry_codes.verify import (
    NO_OTHER_ISSUERS,
    Certificates,
    OtherIssuers,
    names_card,
    verify_three_level,
    verify_two_level,
)
from agent.identify.proof import Proof
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading
from offline_store.events.happened import Authentication
from offline_store.lists.keys import MINISTRY_ISSUERS, MINISTRY_ROOTS, Keys
from trust.engine import Sm2Failed
from trust.references import References
from trust.sm2 import Sm2
from trust.sm3 import sm3

Verify = Callable[[str, bytes], Presented]
KeysOf = Callable[[str], Keys]  # `offline_store.lists.keys.KeyLists.keys`


class OfflineResolver:
    """See `agent.identify.code.Resolver`: the verifier of the codes of a rule's name."""

    def __init__(self, verifiers: Mapping[str, Verify]) -> None:
        self._verifiers = verifiers

    def resolve(self, name: str, content: bytes) -> Presented:
        credential = f"{CREDENTIAL}:{name}"
        verify = self._verifiers.get(name)
        if verify is None:
            return Unidentified(credential, Reason.CODE_UNRESOLVED)
        try:
            return verify(credential, content)
        except Sm2Failed as fault:
            return Unidentified(credential, Reason.CODE_UNRESOLVED, detail=fault.code)


class MinistryCodes:
    """Ministry of Transport codes. `read_clock` is `offline_store.clock.Clock.read`."""

    def __init__(
        self,
        sm2: Sm2,
        keys: KeysOf,
        read_clock: Callable[[], ClockReading],
        references: References,
        others: OtherIssuers = NO_OTHER_ISSUERS,
    ) -> None:
        self._sm2 = sm2
        self._certificates = Certificates(sm2)
        self._keys = keys
        self._read_clock = read_clock
        self._references = references
        self._others = others

    def verifiers(self) -> Mapping[str, Verify]:
        """By the names of the rules."""
        return {
            "ministry-three-level": self._three_level,
            "ministry-two-level": self._two_level,
        }

    def _three_level(self, credential: str, content: bytes) -> Presented:
        roots = self._keys(MINISTRY_ROOTS)
        code = verify_three_level(
            content, roots, self._certificates, self._read_clock(), others=self._others
        )
        if isinstance(code, Reason):
            return refused(credential, code)
        return self._identity(
            credential,
            code,
            account=self._references.account(code.head.account),
            card=code.head.card,
            limit=code.limit,
        )

    def _two_level(self, credential: str, content: bytes) -> Presented:
        issuers = self._keys(MINISTRY_ISSUERS)
        code = verify_two_level(content, issuers, self._sm2, self._read_clock())
        if isinstance(code, Reason):
            return refused(credential, code)
        account = self._references.card_as_account(code.card)
        return self._identity(credential, code, account=account, card=code.card, limit=None)

    def _identity(
        self,
        credential: str,
        code: ThreeLevel | TwoLevel,
        *,
        account: str,
        card: bytes,
        limit: int | None,
    ) -> Identity:
        """`account`: its reference."""
        # Of what the phone has signed: a phone that signs the same again has not made a new code.
        shown = VerifiedCode(
            code=sm3(code.for_user).hex(),
            uses=1,
            too_often=Reason.CODE_SEEN,
            limit=limit,
            content=code.content.hex(),
            pays=True,
        )
        return Identity(
            credential=credential,
            card=self._references.card(card) if names_card(card) else "",
            number="",
            person=account,
            issued=None,
            expires=None,
            authentication=Authentication(mode="code", result="passed", algorithm="SM2"),
            shown=shown,
            proof=Proof.of_code(code),
        )


def refused(credential: str, reason: Reason) -> Unidentified:
    """A code that was looked at and is not taken."""
    authentication = Authentication(mode="code", result="failed", algorithm="SM2")
    return Unidentified(credential, reason, authentication)
