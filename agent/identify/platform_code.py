"""电子社保卡 and other opaque codes: scanned bytes → the platform's code service → identity.

The content is not the terminal's business: it is sent once, as it was scanned, and forgotten. A
code is single use, so no question is ever asked again: what stays unanswered is unknown, and the
person is asked for a fresh code. Source: spec social-security-card.md, "Electronic social security
card".
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import structs

from agent.identify.code import CREDENTIAL
from agent.identify.identity import Identity, InClear, Presented, Unidentified
from agent.identify.proof import Proof
from agent.messages.reasons import Reason
from config.model import CodeRule, SceneSettings
from offline_store.events.happened import Authentication
from sync.contract.services import (
    Business,
    CodeAnswer,
    CodeOutcome,
    CodeRequest,
    ResolvedPerson,
    decode,
    encode,
)
from sync.faults import MessageMalformed, MessageTooLarge
from sync.requests import RequestFault, RequestOffline, Requests
from trust import canonical
from trust.references import References
from world import Fault

OUT_OF_REGION_MEDICAL: Final[Business] = "04"

# What the platform says of a code that it does not resolve.
REFUSED: Final[Mapping[CodeOutcome, Reason]] = {
    "expired": Reason.CODE_EXPIRED,
    "used": Reason.CODE_USED,
    "forged": Reason.CODE_FORGED,
    "foreign": Reason.CODE_FOREIGN,
    "unknown": Reason.CODE_NOT_FOUND,
}

# Errors with which the service says that it has not looked at the code; any other may have come
# after it did.
UNTOUCHED: Final = frozenset({"unreachable", "busy", "malformed", "too-large"})

# A person's fields, as they stand on the social security card (EF06, EF05), in the form in which
# they are compared.
FORMS: Final = {
    "number": re.compile(r"[0-9A-Z]{18}"),
    "region": re.compile(r"([0-9]{6})?"),
    "card_id": re.compile(r"([0-9A-F]{32})?"),
    "card_number": re.compile(r"([0-9A-Z]{9})?"),
}


class CodeServiceUnable(Fault):
    """The platform's code service could not look at the code, so it is as good as before."""

    code = "code.service-unable"


class CodeServiceFailed(Fault):
    """The platform's code service came to no end with the code, which may be used up."""

    code = "code.service-failed"


class PlatformResolver:
    """Asks the platform who stands behind a code; see `agent.identify.code.Resolver`."""

    def __init__(
        self,
        requests: Requests,
        references: References,
        rules: Sequence[CodeRule],
        scene: SceneSettings,
    ) -> None:
        self._requests = requests
        self._references = references
        self._rules = {rule.name: rule for rule in rules}
        self._medical = scene.out_of_region_medical

    def resolve(self, name: str, content: bytes) -> Presented:
        """Waits for the platform at most as long as the code's rule says."""
        credential = f"{CREDENTIAL}:{name}"
        try:
            answer = self._ask(self._rules[name], content)
            if answer.outcome != "resolved":
                return Unidentified(credential, REFUSED[answer.outcome], _authentication("failed"))
            return identity_of(answer.person, credential, self._references)
        except (RequestOffline, CodeServiceUnable) as fault:
            return Unidentified(credential, Reason.CODE_UNRESOLVED, detail=fault.code)
        except (RequestFault, CodeServiceFailed, MessageMalformed, MessageTooLarge) as fault:
            # The platform may have taken the code: nobody knows, and asking again would not tell.
            unfinished = _authentication("unfinished")
            return Unidentified(credential, Reason.CODE_UNANSWERED, unfinished, fault.code)

    def _ask(self, rule: CodeRule, content: bytes) -> CodeAnswer:
        """Raises `RequestFault`s, `MessageMalformed`, `MessageTooLarge`, `CodeService…`."""
        request = CodeRequest(
            code=base64.b64encode(content).decode(),
            kind=rule.name,
            business=OUT_OF_REGION_MEDICAL if self._medical else rule.business,
        )
        asked = self._requests.ask("code", encode(request), within=rule.within)
        answer = decode(asked.result(), CodeAnswer)
        if answer.error:
            raise CodeServiceUnable if answer.error in UNTOUCHED else CodeServiceFailed
        return answer


def identity_of(person: ResolvedPerson | None, credential: str, references: References) -> Identity:
    """The same person as the card gives. Raises `MessageMalformed`, without repeating a value."""
    if person is None:
        raise MessageMalformed(message="CodeAnswer", cause="resolved, and no person")
    person = _canonical(person)
    for field, form in FORMS.items():
        if not form.fullmatch(getattr(person, field)):
            raise MessageMalformed(message="ResolvedPerson", cause=field)
    return Identity(
        credential=credential,
        card=references.card(bytes.fromhex(person.card_id)) if person.card_id else "",
        number=references.number(person.card_number) if person.card_number else "",
        person=references.person(person.number),
        issued=None,
        expires=None,
        authentication=_authentication("passed"),
        region=person.region,
        clear=InClear(
            card_id=person.card_id,
            card_number=person.card_number,
            number=person.number,
            name=person.name,
        ),
        proof=Proof.of_platform(person),
    )


def _canonical(person: ResolvedPerson) -> ResolvedPerson:
    return structs.replace(
        person,
        number=canonical.id_number(person.number),
        region=canonical.digits(person.region),
        card_id=canonical.digits(person.card_id),
        card_number=canonical.card_number(person.card_number),
    )


def _authentication(result: Literal["passed", "failed", "unfinished"]) -> Authentication:
    return Authentication(mode="platform", result=result)
