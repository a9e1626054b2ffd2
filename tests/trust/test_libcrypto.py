"""The binding: what it allocates it frees, on every path; threads; a library that is not right."""

import ctypes
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from trust import curve, libcrypto, prepared
from trust.engine import Sm2Failed, Sm2Unavailable
from trust.libcrypto import Libcrypto
from trust.sm2 import (
    EXAMPLE_MESSAGE,
    EXAMPLE_PRIVATE,
    EXAMPLE_PUBLIC,
    EXAMPLE_SIGNATURE,
    ID,
    StrictSm2,
    sm2,
)
from world.real import RealWorld

DER = curve.signature_der(EXAMPLE_SIGNATURE) or b""
FREED_BY = {
    "BN_CTX_free": "BN_CTX",
    "BN_clear_free": "BN",
    "EC_GROUP_free": "EC_GROUP",
    "EC_POINT_free": "EC_POINT",
    "EVP_MD_CTX_free": "EVP_MD_CTX",
    "EVP_PKEY_CTX_free": "EVP_PKEY_CTX",
    "EVP_PKEY_free": "EVP_PKEY",
}
MADE_BY = {
    "BN_CTX_new": "BN_CTX",
    "BN_bin2bn": "BN",
    "EC_GROUP_new_by_curve_name": "EC_GROUP",
    "EC_POINT_new": "EC_POINT",
    "EVP_MD_CTX_new": "EVP_MD_CTX",
    "EVP_PKEY_CTX_new_from_name": "EVP_PKEY_CTX",
    "EVP_PKEY_fromdata": "EVP_PKEY",
}


class Watched:
    """libcrypto, counting what lives; the call number `fails_at` fails instead of being made, and
    the function `forgotten` is never called."""

    def __init__(self, library: ctypes.CDLL, fails_at: int | None, forgotten: str) -> None:
        self.library = library
        self.fails_at = fails_at
        self.forgotten = forgotten
        self.calls = 0
        self.living: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self.library, name)

        def call(*arguments: Any) -> Any:
            if name == self.forgotten:
                return None
            if name in FREED_BY:
                pointer = arguments[0]
                if pointer and getattr(pointer, "value", pointer):  # freeing NULL frees nothing
                    self.living[FREED_BY[name]] -= 1
                return real(*arguments)
            if name == "ERR_clear_error":
                return real(*arguments)
            self.calls += 1
            if self.calls == self.fails_at:
                return None if real.restype is ctypes.c_void_p else 0
            result = real(*arguments)
            filled = name == "BN_bin2bn" and arguments[2]  # a number that is there already
            if name in MADE_BY and result and not filled:
                self.living[MADE_BY[name]] += 1
            return result

        return call


COMPRESSED = bytes((2 | EXAMPLE_PUBLIC[-1] & 1,)) + EXAMPLE_PUBLIC[:32]
USES: dict[str, Callable[[Libcrypto], object]] = {
    "sign": lambda engine: engine.sign(EXAMPLE_PRIVATE, EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, ID),
    "verify": lambda engine: engine.verify(EXAMPLE_PUBLIC, EXAMPLE_MESSAGE, DER, ID),
    "refuse": lambda engine: engine.verify(EXAMPLE_PUBLIC, b"other", DER, ID),
    "public": lambda engine: engine.public(EXAMPLE_PRIVATE),
    "decompress": lambda engine: engine.decompress(COMPRESSED),
    "decompress nonsense": lambda engine: engine.decompress(b"\x02" + bytes(31) + b"\x05"),
    "prepared verify": lambda engine: engine.prepare(EXAMPLE_PUBLIC).verify(
        EXAMPLE_MESSAGE, EXAMPLE_SIGNATURE, ID
    ),
    "prepared refuse": lambda engine: engine.prepare(EXAMPLE_PUBLIC).verify(
        b"other", EXAMPLE_SIGNATURE, ID
    ),
}


def watched(fails_at: int | None = None, forgotten: str = "") -> tuple[Libcrypto, Watched]:
    engine = Libcrypto()
    watch = Watched(engine._library, fails_at, forgotten)
    engine._library = watch  # type: ignore[assignment]
    return engine, watch


@pytest.mark.parametrize("use", USES)
def test_all_memory_is_freed_whichever_call_fails(use: str) -> None:
    engine, watch = watched()
    USES[use](engine)
    del engine  # and with it the tables that it keeps
    assert watch.calls >= 2
    assert not +watch.living
    assert not -watch.living, "freed twice"
    for call in range(1, watch.calls + 1):
        engine, watch = watched(fails_at=call)
        try:
            result = USES[use](engine)
        except Sm2Failed:
            result = False  # as when EVP_DigestVerify fails: 0 means "refused"
        del engine
        assert not result, call
        assert not +watch.living, call
        assert not -watch.living, call


@pytest.mark.parametrize("use", ["verify", "refuse", "decompress"])
def test_what_a_verification_computes_with_is_made_once(use: str) -> None:
    engine, watch = watched()
    USES[use](engine)
    before = +watch.living
    for _ in range(3):
        USES[use](engine)
    assert before
    assert +watch.living == before


def test_what_a_failed_verification_computed_with_is_not_used_again() -> None:
    engine, watch = watched()
    USES["verify"](engine)
    before = +watch.living
    watch.fails_at = watch.calls + 1
    with pytest.raises(Sm2Failed):
        USES["verify"](engine)
    assert not +watch.living
    USES["verify"](engine)
    assert +watch.living == before


class Without:
    """A libcrypto that has lost a function."""

    def __init__(self, library: ctypes.CDLL, missing: str) -> None:
        self._library = library
        self._missing = missing

    def __getattr__(self, name: str) -> object:
        if name == self._missing:
            raise AttributeError(name)
        return getattr(self._library, name)


@pytest.mark.parametrize("missing", sorted(prepared.DISPENSABLE))
def test_without_what_is_deprecated_the_same_signatures_are_good(missing: str) -> None:
    engine = Libcrypto()
    engine._library = Without(engine._library, missing)  # type: ignore[assignment]
    strict = StrictSm2(engine)
    key = strict.verifier(EXAMPLE_PUBLIC)
    for message, good in ((EXAMPLE_MESSAGE, True), (b"other", False)):
        assert strict.verify(EXAMPLE_PUBLIC, message, EXAMPLE_SIGNATURE) is good
        assert key.verify(message, EXAMPLE_SIGNATURE) is good


def test_control_a_leak_is_seen() -> None:
    engine, watch = watched(forgotten="EVP_MD_CTX_free")
    USES["sign"](engine)
    assert +watch.living == Counter({"EVP_MD_CTX": 1})


def test_threads_do_not_disturb_each_other() -> None:
    world, shared = RealWorld(), sm2()
    wrong: list[str] = []

    def work(number: int) -> None:
        private = bytes(31) + bytes((number,))
        public = shared.public(private)
        for turn in range(15):
            message = bytes((number, turn))
            signature = shared.sign(private, message)
            if not shared.verify(public, message, signature):
                wrong.append("refused")
            if shared.verify(public, message + b"?", signature):
                wrong.append("accepted")

    tasks = [world.spawn(lambda n=n: work(n), name=f"signer {n}") for n in range(1, 9)]  # type: ignore[misc]
    assert all(task.join(60) for task in tasks)
    assert not wrong


def _cause(monkeypatch: pytest.MonkeyPatch, library: object) -> object:
    monkeypatch.setattr(libcrypto, "_first_found", lambda: library)
    with pytest.raises(Sm2Unavailable) as caught:
        sm2()
    assert caught.value.facts["library"] == "libcrypto"
    return caught.value.facts["cause"]


def test_a_missing_library_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypto, "SONAMES", ("libcrypto.so.none", "libcrypto.so.neither"))
    with pytest.raises(Sm2Unavailable) as caught:
        sm2()
    assert caught.value.facts == {"library": "libcrypto", "cause": "not installed"}


def test_an_old_library_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _cause(monkeypatch, types.SimpleNamespace()) == "older than 3.0"
    old = types.SimpleNamespace(OPENSSL_version_major=lambda: 2)
    assert _cause(monkeypatch, old) == "version 2, older than 3.0"


def test_a_library_without_a_function_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = types.SimpleNamespace(OPENSSL_version_major=lambda: 3)
    assert _cause(monkeypatch, lacking) == "without BN_bin2bn"


def test_a_library_built_without_sm2_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypto, "_NID_SM2", 0)
    with pytest.raises(Sm2Unavailable) as caught:
        sm2()
    assert caught.value.facts["cause"] == "built without SM2"
