"""Who resolves offline: the verifier of the rule's name, and what it means when it cannot."""

from agent.identify.identity import Presented, Unidentified
from agent.identify.ministry_codes.resolver import MinistryCodes, OfflineResolver
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading
from simulators.transit.codes import NOW, Phones
from trust.engine import Sm2Failed
from trust.references import References
from trust.sm2 import sm2


def fails(credential: str, content: bytes) -> Presented:
    raise Sm2Failed(library="libcrypto", call="EC_POINT_mul")


def test_a_rule_that_nobody_verifies_here_is_unresolved() -> None:
    presented = OfflineResolver({}).resolve("tencent", b"TX1")
    assert isinstance(presented, Unidentified)
    assert (presented.reason, presented.credential) == (Reason.CODE_UNRESOLVED, "code:tencent")


def test_a_library_that_fails_is_no_verdict_on_the_code() -> None:
    presented = OfflineResolver({"own": fails}).resolve("own", b"x")
    assert isinstance(presented, Unidentified)
    assert (presented.reason, presented.detail) == (Reason.CODE_UNRESOLVED, "sm2.failed")


def test_without_a_list_of_keys_a_code_says_so() -> None:
    backend = sm2()
    clock = ClockReading(NOW * 1000, "synchronised", "boot-1")
    ministry = MinistryCodes(backend, lambda name: {}, lambda: clock, References(b"k" * 32))
    resolver = OfflineResolver(ministry.verifiers())
    phones = Phones(backend)
    for name, code in (
        ("ministry-three-level", phones.three_level()),
        ("ministry-two-level", phones.two_level()),
    ):
        presented = resolver.resolve(name, code)
        assert isinstance(presented, Unidentified)
        assert presented.reason == Reason.CODE_ROOT_UNKNOWN
        assert presented.authentication is not None
        assert presented.authentication.result == "failed"
