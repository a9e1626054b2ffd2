"""Two provinces by HTTPS: the same three answers from different words, and every way to fail.

The control: an adapter that does not check the answer's signature takes what was forged.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from agent.status_check import https
from agent.status_check.faults import StatusServiceFault
from agent.status_check.https import HttpsSource
from agent.status_check.mapping import Mapping, load_mapping
from config.model import StatusServiceSettings as Settings
from simulators.certificates import Authority
from simulators.city.provinces import HOST, Mountain, Province, River, Trouble
from simulators.city.status import Stand, StatusDesk
from simulators.world import SimWorld
from sync.contract.services import StatusAnswer, StatusRequest
from tests.offline_store.support import MemoryKeys
from trust.keystore import SecretMissing
from trust.secrets import SecretMalformed
from world import Fault
from world.real import RealWorld

# Made up; the number's birth date and check character belong to nobody.
NUMBER, NAME, CARD_ID = "519900199002300015", "甲乙丙", "519900D15600000500000001FFFFFFFF"
QUESTION = StatusRequest(
    region="519900",
    card_id=CARD_ID,
    card_number="A12345678",
    number=NUMBER,
    name=NAME,
    business="9901",
)
AMPLE = 30.0  # seconds; nothing here is measured
SHORT = 0.3


@pytest.fixture(params=[River, Mountain], ids=lambda kind: kind.name)
def province(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Province]:
    desk = StatusDesk(time.sleep, time.time)
    desk.settle(Stand(), NUMBER, CARD_ID)
    with request.param(tmp_path, desk) as made:
        yield made


def source(
    province: Province,
    *,
    mapping: Mapping | None = None,
    ca: Path | None = None,
    secrets: dict[str, bytes] | None = None,
) -> HttpsSource:
    world = RealWorld()
    settings = Settings(
        name=province.name, kind="https", ca=str(ca or province.authority.certificate)
    )
    keys = MemoryKeys(**{**province.secrets, **(secrets or {})})
    return HttpsSource(world, settings, mapping or load_mapping(world, province.write()), keys)


def fault_of(province: Province, within: float = AMPLE, ca: Path | None = None) -> Fault:
    with pytest.raises(Fault) as caught:
        source(province, ca=ca).ask(QUESTION, within)
    told = f"{caught.value!r} {caught.value} {dict(caught.value.facts)}"
    for secret in (NUMBER, NAME, CARD_ID):
        assert secret not in told
    return caught.value


def statuses(answer: StatusAnswer) -> tuple[str, str, str]:
    return answer.holder.status, answer.card.status, answer.business.status


@pytest.mark.parametrize(
    "stand",
    [
        Stand(),
        Stand(holder="deceased"),
        Stand(card="lost"),
        Stand(card="cancelled"),
        Stand(card="stock"),
        Stand(business="ineligible"),
    ],
)
def test_both_provinces_give_the_same_answers_in_our_words(
    province: Province, stand: Stand
) -> None:
    province.desk.settle(stand, NUMBER, CARD_ID)
    answer = source(province).ask(QUESTION, AMPLE)
    assert statuses(answer) == (stand.holder, stand.card, stand.business)
    assert abs(answer.card.at - time.time()) < 3600
    assert province.refusals == []


def test_a_person_without_a_card_is_asked_about_by_number(province: Province) -> None:
    if province.name == "river":
        question = StatusRequest(region="519900", number=NUMBER)
    else:
        question = StatusRequest(number=NUMBER)
    assert statuses(source(province).ask(question, AMPLE))[0] == "normal"


def test_a_field_without_which_there_is_nothing_to_ask_is_named(province: Province) -> None:
    with pytest.raises(StatusServiceFault) as caught:
        source(province).ask(StatusRequest(card_id=CARD_ID), AMPLE)
    assert (caught.value.code, caught.value.facts["field"]) == ("status.unaskable", "number")
    assert province.desk.asked == 0


TROUBLES: list[tuple[Trouble, str]] = [
    ("server-error", "status.http"),
    ("redirect", "status.redirected"),
    ("oversized", "status.too-large"),
    ("truncated", "status.malformed"),
    ("not-json", "status.malformed"),
    ("not-http", "status.malformed"),
    ("endless-headers", "status.malformed"),
    ("unsigned", "status.bad-signature"),
    ("bad-signature", "status.bad-signature"),
    ("other-signer", "status.bad-signature"),
]


@pytest.mark.parametrize(("trouble", "code"), TROUBLES)
def test_what_a_service_does_wrong_has_its_code(
    province: Province, trouble: Trouble, code: str
) -> None:
    province.trouble = trouble
    assert fault_of(province).code == code


def test_a_connection_that_ends_without_an_answer_is_no_answer(province: Province) -> None:
    province.trouble = "hangs-up"
    assert fault_of(province).code in ("status.unreachable", "status.malformed")


@pytest.mark.parametrize("trouble", ["silent", "slow-drip"])
def test_a_service_that_takes_its_time_is_left(province: Province, trouble: Trouble) -> None:
    province.trouble = trouble
    fault = fault_of(province, SHORT)
    assert (fault.code, fault.facts["milliseconds"]) == ("status.timeout", 300)


def test_a_genuine_answer_to_an_earlier_question_is_refused(province: Province) -> None:
    asker = source(province)
    province.trouble = "replayed"
    asker.ask(QUESTION, AMPLE)
    province.desk.settle(Stand(card="lost"), NUMBER, CARD_ID)
    with pytest.raises(StatusServiceFault) as caught:
        asker.ask(QUESTION, AMPLE)
    assert caught.value.code == "status.bad-signature"


def test_a_redirect_is_not_followed(province: Province) -> None:
    province.trouble = "redirect"
    fault_of(province)
    assert province.desk.asked == 0


def test_an_authority_that_is_not_the_provinces_is_not_believed(
    province: Province, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger", "Made-up stranger CA")
    fault = fault_of(province, ca=stranger.certificate)
    assert fault.code == "status.bad-certificate"
    assert province.desk.asked == 0


def test_a_certificate_for_another_host_is_not_believed(tmp_path: Path) -> None:
    desk = StatusDesk(time.sleep, time.time)
    with River(tmp_path, desk, certificate_for="elsewhere.example") as province:
        assert fault_of(province).code == "status.bad-certificate"


def test_nobody_there_is_told_with_host_and_port(province: Province) -> None:
    asker = source(province)
    province.__exit__(None, None, None)
    with pytest.raises(StatusServiceFault) as caught:
        asker.ask(QUESTION, AMPLE)
    assert caught.value.code == "status.unreachable"
    assert caught.value.facts["port"] == province.port


def test_their_error_codes_become_our_words(province: Province) -> None:
    province.desk.people.clear()
    fault = fault_of(province)
    assert (fault.code, fault.facts["error"]) == ("status.refused", "nobody")


def test_an_error_code_that_the_mapping_does_not_have_is_not_repeated(province: Province) -> None:
    province.desk.people.clear()
    mapping = load_mapping(RealWorld(), province.write())
    bare = msgspec.structs.replace(
        mapping, answer=msgspec.structs.replace(mapping.answer, errors={})
    )
    with pytest.raises(StatusServiceFault) as caught:
        source(province, mapping=bare).ask(QUESTION, AMPLE)
    assert caught.value.facts["error"] == "unlisted"


def test_a_terminal_with_another_key_is_refused_by_the_province(province: Province) -> None:
    own = "status-river-own" if province.name == "river" else "status-mountain"
    asker = source(province, secrets={own: bytes.fromhex("44" * 32)})
    with pytest.raises(StatusServiceFault) as caught:
        asker.ask(QUESTION, AMPLE)
    # Who signs with another HMAC key expects the answer under that key, too.
    assert caught.value.code in ("status.refused", "status.bad-signature")
    assert province.desk.asked == 0


def test_a_key_that_is_none_is_named_and_nothing_is_sent(province: Province) -> None:
    for name in province.secrets:
        asker = source(province, secrets={name: b"short"})
        with pytest.raises(SecretMalformed) as caught:
            asker.ask(QUESTION, AMPLE)
        assert caught.value.facts["name"] == name


def test_a_key_that_is_missing_is_the_key_stores_fault(tmp_path: Path) -> None:
    desk = StatusDesk(time.sleep, time.time)
    with Mountain(tmp_path, desk) as province:
        world = RealWorld()
        settings = Settings(name="mountain", kind="https", ca=str(province.authority.certificate))
        mapping = load_mapping(world, province.write())
        with pytest.raises(SecretMissing):
            HttpsSource(world, settings, mapping, MemoryKeys()).ask(QUESTION, AMPLE)


class Hanging:
    """A stream on which nothing comes; see `world.Stream`. It keeps to its time limit."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._limit = 0.0

    def settimeout(self, seconds: float | None) -> None:
        assert seconds is not None, "every wait has an end"
        self._limit = seconds

    def recv(self, size: int) -> bytes:
        self._world.wait(self._limit)
        raise TimeoutError

    def sendall(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Saying(Hanging):
    """Says that much, whatever it is asked."""

    def __init__(self, world: SimWorld, text: bytes) -> None:
        super().__init__(world)
        self._text = text

    def recv(self, size: int) -> bytes:
        said, self._text = self._text[:size], self._text[size:]
        return said


def in_a_history(world: SimWorld, province: Province, accept: Callable[[], Hanging]) -> HttpsSource:
    world.serve((HOST, province.port), accept)
    settings = Settings(name=province.name, kind="https")
    mapping = load_mapping(world, province.write())
    return HttpsSource(world, settings, mapping, MemoryKeys(**province.secrets))


@pytest.mark.parametrize("seed", range(5))
def test_no_wait_outlasts_the_deadline_and_hanging_tasks_do_not_pile_up(
    province: Province, seed: int
) -> None:
    """A name service that hangs for a minute holds tasks, and no lane longer than its deadline."""
    world = SimWorld(seed)

    def hang() -> Hanging:
        world.wait(60.0)
        return Hanging(world)

    def scenario() -> None:
        asker = in_a_history(world, province, hang)
        for code in ["status.timeout"] * https.AT_ONCE + ["status.busy"] * 3:
            began = world.monotonic()
            with pytest.raises(StatusServiceFault) as caught:
                asker.ask(QUESTION, SHORT)
            assert caught.value.code == code
            assert world.monotonic() - began <= SHORT + 0.001
        world.wait(61.0)
        with pytest.raises(StatusServiceFault) as caught:
            asker.ask(QUESTION, SHORT)
        assert caught.value.code == "status.timeout", "there is room again"

    world.play(scenario)


def test_a_chunk_of_less_than_nothing_is_malformed_at_once(province: Province) -> None:
    world = SimWorld(1)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc"

    def scenario() -> None:
        asker = in_a_history(world, province, lambda: Saying(world, answer))
        with pytest.raises(StatusServiceFault) as caught:
            asker.ask(QUESTION, SHORT)
        assert caught.value.code == "status.malformed"

    world.play(scenario)


def test_a_task_ends_by_the_deadline_when_the_service_says_nothing(province: Province) -> None:
    world = SimWorld(1)

    def scenario() -> None:
        asker = in_a_history(world, province, lambda: Hanging(world))
        for _ in range(3 * https.AT_ONCE):
            with pytest.raises(StatusServiceFault) as caught:
                asker.ask(QUESTION, SHORT)
            assert caught.value.code == "status.timeout"
            world.wait(0.01)

    world.play(scenario)


@pytest.mark.parametrize("trouble", ["unsigned", "bad-signature", "other-signer"])
def test_control_an_adapter_that_skips_the_signature_believes_a_forger(
    province: Province, trouble: Trouble
) -> None:
    """So the cases above do test the signature, and nothing else refuses in its place."""
    mapping = load_mapping(RealWorld(), province.write())
    careless = msgspec.structs.replace(
        mapping, answer=msgspec.structs.replace(mapping.answer, verify=None)
    )
    province.trouble = trouble
    answer = source(province, mapping=careless).ask(QUESTION, AMPLE)
    assert "unknown" not in statuses(answer)
