"""密钥认证 as one flow with any authenticator: order, refusals, and cards that lie or leave."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apdu.channel import CardGone
from apdu.social_security.authentication import AuthenticationFailed, CardParameters, Computed, Mode
from apdu.social_security.card import LengthFault
from apdu.social_security.file_address import parse_address
from apdu.social_security.keys import KEYS, RKSSSE, Key, key_address
from apdu.social_security.session import CardSession, open_session
from apdu.status import CardBlocked, ExternalAuthenticationRefused
from simulators.cards import Algorithm, Generation
from tests.apdu.simulated import Bench, bench
from tests.simulators.cards.terminal import CITY, SERIAL
from world import Fault

ALGORITHM = {"3DES": Algorithm.DES3, "SSF33": Algorithm.SSF33, "SM4": Algorithm.SM4}
CHALLENGE, EXTERNAL = 0x84, 0x82


@dataclass
class Hsm:
    """The city's HSM as an authenticator, with a diary of what it was asked."""

    mode: Mode = "hsm"
    terminal_number: str = ""
    asked: list[str] = field(default_factory=list)
    released: int = 0

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Computed:
        return self._answer(KEYS["IRK"], card, factor, original)

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Computed:
        return self._answer(key, card, factor, original)

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Computed:
        self.asked.append("0173")
        return Computed(
            CITY.secured_command(
                ALGORITHM[card.algorithm.value],
                card.historical_bytes,
                factor=factor,
                header=header,
                new_pin=new_pin.decode(),
            )
        )

    def release(self) -> None:
        self.released += 1

    def _answer(self, key: Key, card: CardParameters, factor: bytes, original: bytes) -> Computed:
        self.asked.append(key_address(key))
        return Computed(
            CITY.authentication_data(
                ALGORITHM[card.algorithm.value],
                key.name,
                CITY.historical(SERIAL),
                factor=factor,
                original=original,
            )
        )


def by_hsm(card: Bench, hsm: Hsm) -> CardSession:
    return open_session(card.channel, hsm, keys=card.keys)


@pytest.mark.parametrize(
    ("generation", "algorithm"),
    [(Generation.V1, Algorithm.DES3), (Generation.V2, Algorithm.SSF33),
     (Generation.V3, Algorithm.SM4)],
)  # fmt: skip
def test_the_same_flow_goes_with_the_hsm(generation: Generation, algorithm: Algorithm) -> None:
    hsm, card = Hsm(), bench(generation, algorithm)
    with by_hsm(card, hsm) as session:
        session.read(parse_address("DF01EF05|20|$DF03EF05|60|$SSSEEF07|0:1|$"), how="key")
        session.reload_pin(bytearray(b"654321"))
    assert hsm.asked == ["0000", "0190", "0385", "000A", "0006", "0173"]
    assert hsm.released == 1
    assert card.inside.pin.digits == "654321"


def test_nothing_goes_to_the_card_between_challenge_d_and_0082() -> None:
    card = bench()
    with card.session() as session:
        session.read(parse_address("DF01EF05|20|$SSSEEF07|0:1|$"), how="key")
    instructions = [command[1] for command in card.channel.sent]
    for at, instruction in enumerate(instructions):
        if instruction == EXTERNAL:
            assert instructions[at - 2 : at] == [CHALLENGE, CHALLENGE]


def test_a_refused_key_is_told_with_its_tries_and_shown_once() -> None:
    card = bench()
    card.inside.key("DF01", "RK1DF01").value = bytes(16)
    with card.session() as session, pytest.raises(ExternalAuthenticationRefused) as caught:
        session.read(parse_address("DF01EF05|20|$DF02EF05|42|$"), how="key")
    assert caught.value.tries == 9
    assert card.channel.count(EXTERNAL) == 1


def test_a_blocked_key_is_a_blocked_card() -> None:
    card = bench()
    card.inside.key("DF01", "RK1DF01").tries.left = 0
    with card.session() as session, pytest.raises(CardBlocked):
        session.read(parse_address("DF01EF05|20|$"), how="key")


def test_a_cryptogram_of_another_length_costs_no_try() -> None:
    card = bench()
    card.authenticator.external = lambda *asked: Computed(b"short")  # type: ignore[method-assign]
    with card.session() as session, pytest.raises(LengthFault):
        session.read(parse_address("DF01EF05|20|$"), how="key")
    assert card.channel.count(EXTERNAL) == 0


def test_a_card_that_leaves_between_challenge_and_0082_keeps_its_tries() -> None:
    card = bench()

    def leave(command: bytes) -> None:
        if command[1] == EXTERNAL:
            raise CardGone

    session = card.session()
    card.channel.before = leave
    with session, pytest.raises(CardGone):
        session.read(parse_address("DF01EF05|20|$"), how="key")
    assert card.inside.key("DF01", "RK1DF01").tries.left == 10
    assert card.inside.rights == frozenset()


def test_the_authenticator_is_released_however_a_session_begins() -> None:
    hsm, card = Hsm(), bench()
    card.inside.key("SSSE", "IRK").value = bytes(16)
    with pytest.raises(AuthenticationFailed):
        by_hsm(card, hsm)
    assert hsm.released == 1


# -- malicious cards: any answer anywhere is a result or a fault, and few tries are spent

ANSWERS = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda data: data + b"\x90\0", st.binary(max_size=60)),
    st.sampled_from(
        [
            bytes.fromhex(sw)
            for sw in ("9000", "6983", "63C1", "6982", "6A83", "6110", "6C05", "6B00")
        ]
    ),
)
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcome(card: Bench, lies: dict[int, bytes]) -> bool:
    """Read, write, PIN; True when all of it went through."""
    inside, count = card.channel.card.transmit, iter(range(10_000))

    def lying(command: bytes) -> bytes:
        honest = inside(command)
        return lies.get(next(count), honest)

    card.channel.card.transmit = lying  # type: ignore[method-assign]
    try:
        with card.session() as session:
            session.read(
                parse_address("SSSEEF06|09|$DF04EF06|90|$DF04EF08|$DF01EF1A|0:8|$"),
                ask_pin=lambda tries: bytearray(b"123456"),
            )
            session.unblock_pin()
    except Fault:
        return False
    return True


@relaxed
@given(st.dictionaries(st.integers(0, 33), ANSWERS, min_size=1, max_size=3))
def test_any_answers_are_a_result_or_a_fault(lies: dict[int, bytes]) -> None:
    card = bench()
    outcome(card, lies)
    per_key = [command[3] for command in card.channel.sent if command[1] == EXTERNAL]
    assert len(per_key) == len(set(per_key))
    assert sum(c[1] == 0x20 and c[4] > 0 for c in card.channel.sent if len(c) > 4) <= 1
    assert card.channel.count(0x24) <= 1


def test_the_honest_card_goes_through() -> None:
    """The control: the malicious card fails by its lies and by nothing else."""
    card = bench()
    assert outcome(card, {})
    assert len(card.channel.sent) == 34


@relaxed
@given(st.binary(min_size=8, max_size=8))
def test_a_wrong_proof_gets_no_key(proof: bytes) -> None:
    card = bench()
    inside = card.channel.card.transmit

    def lying(command: bytes) -> bytes:
        answer = inside(command)
        asked = card.channel.sent[-1][1] == 0xC0 and card.channel.sent[-2][1] == 0x88
        return proof + b"\x90\0" if asked and answer[:8] != proof else answer

    card.channel.card.transmit = lying  # type: ignore[method-assign]
    with pytest.raises(AuthenticationFailed):
        card.session()
    assert card.channel.count(EXTERNAL) == 0


def test_a_session_that_does_not_compare_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the comparison taken out, a forged card is shown a key."""
    monkeypatch.setattr("apdu.social_security.authentication._compare", lambda *facts: None)
    card = bench()
    card.inside.key("SSSE", "IRK").value = bytes(16)
    with card.session() as session:
        session.read(parse_address("SSSEEF06|09|$"))
    assert card.channel.count(EXTERNAL) == 1
