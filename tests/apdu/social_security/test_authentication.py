import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.channel import CardGone, Transport
from apdu.crypto import Algorithm
from apdu.social_security.authentication import (
    AuthenticationFailed,
    BasicRead,
    Doubt,
    PsamAuthenticator,
    Stage,
    read_basic,
)
from apdu.social_security.files import Generation
from apdu.social_security.needs import DETAILED
from apdu.social_security.psam import Psam, PsamLacksAlgorithm, PsamLacksReadKey
from apdu.social_security.quirks import Quirks
from apdu.status import (
    CardBlocked,
    ExternalAuthenticationRefused,
    SecurityStatusNotSatisfied,
    StatusFault,
)
from tests.apdu import flow
from tests.apdu.flow import CARD_1_0, CARD_2_0, CARD_3_0, FakeAuthenticator, read
from tests.apdu.scripted import CONTACT_ATR, CONTACTLESS_ATR, Answering, Scripted
from world import Fault

Conversation = list[tuple[str, str]]


class Diarist(Scripted):
    """A scripted card that writes its commands into the authenticator's diary."""

    def __init__(self, conversation: Conversation, diary: list[str]) -> None:
        super().__init__(conversation)
        self._diary = diary

    def transmit(self, command: bytes) -> bytes:
        answer = super().transmit(command)
        self._diary.append(command[1:4].hex().upper())
        return answer


def changed(conversation: Conversation, command: str, answer: str) -> Conversation:
    """The conversation up to the first command that begins so, which is answered otherwise."""
    at = next(i for i, (sent, _) in enumerate(conversation) if sent.startswith(command))
    return [*conversation[:at], (conversation[at][0], answer)]


def instead(conversation: Conversation, command: str, answer: str) -> Conversation:
    """The whole conversation, the first command that begins so answered otherwise."""
    cut = changed(conversation, command, answer)
    return [*cut, *conversation[len(cut) :]]


def test_the_vendors_trace_of_a_3_0_card_is_replayed_byte_for_byte() -> None:
    channel, authenticator = Scripted(CARD_3_0), FakeAuthenticator()
    result = read(channel, authenticator)
    assert channel.finished
    assert result.generation is Generation.V3
    assert result.algorithm is Algorithm.SM4
    (card, b, a), (_, d, c) = authenticator.asked
    assert (a.hex(), b.hex()) == (flow.A.lower(), flow.B.lower())
    assert (c.hex(), d.hex()) == (flow.C.lower(), flow.D.lower())
    assert (card.region, card.card_id) == ("519900", flow.CARD_ID)


@pytest.mark.parametrize(
    ("conversation", "generation"), [(CARD_1_0, Generation.V1), (CARD_2_0, Generation.V2)]
)
def test_cards_before_3_0_need_the_internal_proof_alone(
    conversation: Conversation, generation: Generation
) -> None:
    channel, authenticator = Scripted(conversation), FakeAuthenticator()
    result = read(channel, authenticator)
    assert channel.finished
    assert result.generation is generation
    assert result.authenticated.read_key == ""
    assert "ask external" not in authenticator.diary


def test_on_t0_the_same_flow_has_no_le_and_fetches_its_answers() -> None:
    conversation: Conversation = []
    for command, answer in CARD_3_0:
        raw = bytes.fromhex(command)
        if len(raw) <= 5 or raw[1] == 0x82:
            conversation.append((command, answer))
            continue
        size = f"{len(bytes.fromhex(answer)) - 2:02X}"
        conversation += [(raw[:-1].hex(), f"61{size}"), (f"00C00000{size}", answer)]
    channel = Scripted(conversation, Transport.T0, CONTACT_ATR)
    read(channel)
    assert channel.finished


def test_the_key_servers_work_overlaps_the_cards() -> None:
    authenticator = FakeAuthenticator()
    read(Diarist(CARD_3_0, authenticator.diary), authenticator)
    diary = authenticator.diary
    order = [
        *("A40400", "B20128", "840000", "840000", "ask internal", "880000"),
        *("B20328", "B20728", "B20528", "B20628", "840000", "840000", "ask external"),
        *("result internal", "result external", "release", "82000A"),
        *("B20830", "B20930", "B24E30"),
    ]
    assert diary == order


def test_nothing_goes_to_the_card_between_its_last_challenge_and_0082() -> None:
    sent = Scripted(CARD_3_0)
    read(sent)
    instructions = [command[1] for command in sent.sent]
    at = instructions.index(0x82)
    assert instructions[at - 2 : at] == [0x84, 0x84]


def test_the_proof_is_compared_before_the_terminal_proves_itself() -> None:
    forged = [*CARD_3_0[:4], (CARD_3_0[4][0], "00" * 8 + "9000"), *CARD_3_0[5:11]]
    channel = Scripted(forged)
    with pytest.raises(AuthenticationFailed):
        read(channel)
    assert channel.finished  # its last command was challenge D


@pytest.mark.parametrize("conversation", [CARD_1_0, CARD_2_0])
def test_a_holder_that_was_read_beforehand_is_not_handed_out_without_proof(
    conversation: Conversation,
) -> None:
    forged = [*conversation[:4], (conversation[4][0], "11" * 8 + "9000"), *conversation[5:]]
    channel = Scripted(forged)
    with pytest.raises(AuthenticationFailed) as caught:
        read(channel)
    assert channel.finished
    assert caught.value.facts["mode"] == "psam"


def test_two_empty_proofs_are_no_proof() -> None:
    with pytest.raises(Fault):
        read(Scripted(changed(CARD_3_0, "0088", "9000")), FakeAuthenticator(b""))
    with pytest.raises(AuthenticationFailed):
        read(Scripted(CARD_2_0), FakeAuthenticator(b""))


def test_a_refused_0082_is_sent_once_and_opens_nothing() -> None:
    channel = Scripted(changed(CARD_3_0, "0082", "63C4"))
    with pytest.raises(ExternalAuthenticationRefused) as caught:
        read(channel)
    assert caught.value.tries == 4
    assert channel.finished


@pytest.mark.parametrize(
    ("command", "answer", "kind", "code"),
    [
        ("00A404", "6A82", Fault, "card.not-social-security"),
        ("00A404", "6D00", Fault, "card.not-social-security"),
        ("00A404", "6F108405A000000003A50788011E9F3800009000", Fault, "card.not-social-security"),
        ("00A404", "6F078405A0000000039000", Fault, "card.not-social-security"),
        ("00A404", "9303", CardBlocked, "card.blocked"),
        ("00A404", flow.FCI_SM4 + "6283", CardBlocked, "card.blocked"),
        ("00A404", "6F1C840F9000", Fault, "card.tlv"),
        ("00B20128", "0110639900D15600000600BF7C7A48FB49669000", Fault, "card.id-format"),
        ("00B20128", "01101122339000", Fault, "card.record"),
        ("0084", "112233449000", Fault, "card.length"),
        ("0088", "6983", CardBlocked, "card.blocked"),
        ("00B203", "0304342E30309000", Fault, "card.generation"),
        ("00B206", "0504209912319000", Fault, "card.record"),
        ("0082", "6983", CardBlocked, "card.blocked"),
        ("00B208", "6982", SecurityStatusNotSatisfied, "card.security-status"),
    ],
)
def test_each_refusal_has_its_own_code(
    command: str, answer: str, kind: type[Fault], code: str
) -> None:
    with pytest.raises(kind) as caught:
        read(Scripted(changed(CARD_3_0, command, answer)))
    assert caught.value.code == code


@pytest.mark.parametrize("at", range(len(CARD_3_0)))
def test_a_card_that_leaves_at_any_command_releases_the_authenticator(at: int) -> None:
    class Leaving(Scripted):
        def transmit(self, command: bytes) -> bytes:
            if len(self.sent) == at:
                raise CardGone
            return super().transmit(command)

    authenticator = FakeAuthenticator()
    with pytest.raises(CardGone):
        read(Leaving(CARD_3_0), authenticator)
    assert authenticator.diary.count("release") == 1


@pytest.mark.parametrize("fault", [PsamLacksAlgorithm(algorithm="SM4"), PsamLacksReadKey()])
def test_what_the_key_server_cannot_do_is_told_and_0082_is_not_sent(fault: Fault) -> None:
    authenticator = FakeAuthenticator(fault=fault)
    with pytest.raises(type(fault)):
        read(Scripted(CARD_3_0[:11]), authenticator)
    assert authenticator.diary[-1] == "release"


def test_stages_are_told_as_they_begin_and_measured() -> None:
    stages: list[Stage] = []
    result = read(Scripted(CARD_3_0), stages=stages)
    assert stages == ["select", "authenticate", "read"]
    assert dict(result.stages) == {"select": 1000, "authenticate": 1000, "read": 1000}


def test_the_eleven_fields_are_in_the_interfaces_order() -> None:
    assert read(Scripted(CARD_3_0)).interface_fields("D1") == (
        "519900",
        "519900190001010014",
        "D2143569X",
        flow.CARD_ID,
        "张三",
        "00814A44468660519910000B26",
        "3.00",
        "20200101",
        "20991231",
        "519900000001",
        "D1",
    )


def test_without_psam_and_device_number_the_fields_are_zeros_and_empty() -> None:
    result = read(Scripted(CARD_3_0), FakeAuthenticator(mode="hsm", terminal_number=""))
    assert result.interface_fields()[9:] == ("000000000000", "")
    assert result.authenticated.mode == "hsm"


def test_empty_fields_are_kept() -> None:
    empty = [
        *flow.until_proof(flow.FCI_3DES),
        ("00B2032806", "0304000000009000"),
        ("00B207280B", "07009000"),
        ("00B2052806", "0504FFFFFFFF9000"),
        ("00B2062806", "0604EEEEEEEE9000"),
        ("00B2083014", "0812" + "20" * 18 + "9000"),
        ("00B2093020", "091E" + "FF" * 30 + "9000"),
    ]
    result = read(Scripted(empty))
    assert result.generation is Generation.V1
    assert [len(one) for one in result.interface_fields()] == [6, 0, 0, 32, 0, 26, 0, 0, 0, 12, 0]
    assert result.doubts == ()


def test_details_are_read_only_when_asked_for() -> None:
    result = read(Scripted([*CARD_3_0, *flow.DETAILS]), needs=DETAILED)
    holder = result.holder
    assert (holder.sex, holder.nation, holder.birthplace, holder.birth_date) == (
        "1",
        "01",
        "519900",
        "19000101",
    )


def test_a_character_may_lie_across_the_border_of_the_name_and_its_extension() -> None:
    name = "a" + "买买提·吐尔逊·阿布都热合曼吾守尔"
    raw = name.encode("gbk")
    assert len(raw) > 30
    extended = [
        flow.HOLDER[0],
        ("00B2093020", f"091E{raw[:30].hex()}9000"),
        ("00B24E3016", f"4E14{raw[30:].ljust(20, bytes(1)).hex()}9000"),
    ]
    assert read(Scripted([*CARD_3_0[:12], *extended])).holder.name == name


@pytest.mark.parametrize("card", [CARD_1_0, CARD_2_0, CARD_3_0], ids=["1.0", "2.0", "3.0"])
def test_an_atr_with_another_serial_than_the_cards_is_a_doubt(card: Conversation) -> None:
    other = bytes.fromhex("3B6D000000814A444686605199000001AC")
    result = read(
        Scripted(
            [(c.removesuffix("00") if c.startswith(("00A4", "0088")) else c, a) for c, a in card],
            Transport.T0,
            other,
        )
    )
    assert result.doubts == (Doubt.SERIAL,)


ABSENT = ["6A83", "6A82", "6A88", "6B00", "6A86"]
KEPT_BACK = ["6982", "6985", "6981", "6986", "6A81"]


@pytest.mark.parametrize("sw", ABSENT + KEPT_BACK)
def test_a_card_without_name_extension_has_the_name_alone(sw: str) -> None:
    result = read(Scripted(instead(CARD_3_0, "00B24E", sw)))
    assert (result.holder.name, result.doubts) == ("张三", ())


@pytest.mark.parametrize("sw", ABSENT)
@pytest.mark.parametrize("record", ["00B205", "00B206", "00B207", "00B208", "00B209", "00B24E"])
@pytest.mark.parametrize("card", [CARD_1_0, CARD_2_0, CARD_3_0], ids=["1.0", "2.0", "3.0"])
def test_a_record_that_is_missing_is_like_an_empty_one(
    card: Conversation, record: str, sw: str
) -> None:
    if not any(command.startswith(record) for command, _ in card):
        return  # a 1.0 card is not asked for a name extension
    command, answer = next(pair for pair in card if pair[0].startswith(record))
    empty = f"{command[4:6]}{answer[2:4]}" + "00" * int(answer[2:4], 16) + "9000"
    if record in ("00B205", "00B206"):
        empty = empty.replace("00" * 4, "FF" * 4)
    missing = read(Scripted(instead(card, record, sw)))
    padded = read(Scripted(instead(card, record, empty)))
    assert missing.interface_fields() == padded.interface_fields()
    assert missing.doubts == padded.doubts == ()


@pytest.mark.parametrize("sw", KEPT_BACK)
@pytest.mark.parametrize("record", ["00B207", "00B208"])
def test_what_lists_go_by_may_be_missing_and_not_kept_back(record: str, sw: str) -> None:
    with pytest.raises(StatusFault):
        read(Scripted(instead(CARD_3_0, record, sw)))


def test_a_name_that_never_ends_is_a_doubt_and_the_card_is_asked_no_more_of_it() -> None:
    script = {command: answer for command, answer in CARD_2_0 if not command.startswith("0084")}
    challenges = [answer for command, answer in CARD_2_0 if command.startswith("0084")]

    def answer(command: bytes) -> bytes:
        sent = command.hex().upper()
        if sent.startswith(("00B209", "00C0")):
            return b"\x61\x10"
        return bytes.fromhex(challenges.pop(0) if sent.startswith("0084") else script[sent])

    channel = Answering(answer)
    result = read(channel)
    assert (result.holder.name, result.doubts) == ("", (Doubt.NAME,))
    assert len(channel.sent) < 60


@pytest.mark.parametrize("sw", ["6F00", "6581", "6400"])
def test_a_name_that_the_card_cannot_give_is_a_doubt(sw: str) -> None:
    result = read(Scripted(instead(CARD_3_0, "00B209", sw)))
    assert (result.holder.name, result.doubts) == ("", (Doubt.NAME,))
    with pytest.raises(StatusFault):  # a date that might be over is more than a text
        read(Scripted(instead(CARD_3_0, "00B206", sw)))


ZHANG_SAN = "张三".encode("gbk").hex()


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (f"091E{('A' + '买' * 20).encode('gbk')[:30].hex()}9000", "A" + "买" * 14),
        (f"091E{ZHANG_SAN}0A{'00' * 25}9000", "张三"),
        (f"091E{ZHANG_SAN}00{'丰'.encode('gbk').hex()}{'00' * 23}9000", "张三"),
        (f"0904{ZHANG_SAN}FF9000", "张三"),
        (f"0920{ZHANG_SAN}9000", "张三"),
        ("0A01319000", ""),
        (f"0904{'张|'.encode('gbk').hex()}009000", "张｜"),
    ],
)
def test_a_name_that_is_odd_is_shown_as_far_as_it_is_legible(answer: str, name: str) -> None:
    conversation = instead(instead(CARD_3_0, "00B209", answer), "00B24E", "6A83")
    result = read(Scripted(conversation))
    assert result.holder.name == name
    assert result.doubts == (Doubt.NAME,)
    assert "|" not in "".join(result.interface_fields())


@pytest.mark.parametrize("digits", ["20340229", "00000000", "99999999", "2034FFFF"])
@pytest.mark.parametrize(
    ("record", "doubt"), [("00B205", Doubt.ISSUE_DATE), ("00B206", Doubt.EXPIRY_DATE)]
)
def test_a_date_that_is_no_day_is_told_as_it_stands_and_doubted(
    record: str, doubt: Doubt, digits: str
) -> None:
    result = read(Scripted(instead(CARD_3_0, record, f"{record[4:]}04{digits}9000")))
    assert result.doubts == (doubt,)
    told = {"00B205": result.issue_date, "00B206": result.expiry_date}
    assert told[record] == digits.rstrip("F")


@pytest.mark.parametrize(
    ("number", "doubts"),
    [
        (b"d2143569x", ()),
        (b"D2143569-X", (Doubt.CARD_NUMBER_CHECK,)),  # longer than its record may be
        (b"D21435\x80\x81X", (Doubt.CARD_NUMBER_CHECK,)),
    ],
)
def test_a_card_number_is_doubted_and_never_refused(
    number: bytes, doubts: tuple[Doubt, ...]
) -> None:
    answer = f"07{len(number):02X}{number.hex()}9000"
    assert read(Scripted(instead(CARD_3_0, "00B207", answer))).doubts == doubts


def test_doubtful_check_digits_warn_and_never_refuse() -> None:
    odd = dict(CARD_3_0) | {
        "00B207280B": f"0709{b'D21435691'.hex()}9000",
        "00B2083014": f"0812{b'519900190001010019'.hex()}9000",
    }
    conversation = [(c, odd[c] if not c.startswith("0084") else answer) for c, answer in CARD_3_0]
    result = read(Scripted(conversation))
    assert result.doubts == (Doubt.CARD_NUMBER_CHECK, Doubt.ID_NUMBER_CHECK)


def test_the_lc_11_variant_is_a_quirk() -> None:
    conversation = [
        (f"0088000011{flow.B}{flow.A}0100", a) if c.startswith("0088") else (c, a)
        for c, a in CARD_3_0
    ]
    read(Scripted(conversation), quirks=Quirks(internal_key_version=0x01))


def test_a_card_that_wants_its_files_selected_is_asked_so_from_then_on() -> None:
    conversation: Conversation = []
    selected = ""
    for command, answer in CARD_2_0:
        if not command.startswith("00B2"):
            conversation.append((command, answer))
            continue
        sfi = "05" if command[6:8] == "28" else "06"
        if not selected:
            conversation.append((command, "6A86"))
        if sfi != selected:
            conversation.append((f"00A4020002EF{sfi}00", "9000"))
            selected = sfi
        conversation.append((f"{command[:6]}00{command[8:]}", answer))
    channel = Scripted(conversation)
    read(channel)
    assert channel.finished


def test_a_card_that_counts_its_records_is_asked_by_number() -> None:
    numbers = {"08": "01", "09": "02", "4E": "03"}
    conversation: Conversation = []
    for command, answer in CARD_2_0:
        if not command.startswith("00B2"):
            conversation.append((command, answer))
            continue
        if command[4:6] == "01":
            conversation += [(command, "6A86"), ("00A4020002EF0500", "6A82")]
        number = numbers.get(command[4:6], command[4:6])
        p2 = f"{int(command[6:8], 16) | 4:02X}"
        conversation.append((f"00B2{number}{p2}{command[8:]}", answer))
    channel = Scripted(conversation)
    read(channel)
    assert channel.finished


def test_no_personal_data_in_any_repr() -> None:
    result = read(Scripted([*CARD_3_0, *flow.DETAILS]), needs=DETAILED)
    shown = f"{result!r} {result} {result.holder!r} {result.authenticated!r}"
    for secret in (*result.interface_fields()[1:6], "19000101"):
        assert secret not in shown


def test_psam_and_card_meet_in_one_flow() -> None:
    """The port with a real session behind it: the PSAM answers what the trace's card answered."""
    cryptograms = iter((flow.INTERNAL, flow.EXTERNAL))

    def psam(command: bytes) -> bytes:
        if command[1] == 0xB0:
            return bytes.fromhex("5199000000019000")
        if command[1] == 0xFA:
            return bytes.fromhex(next(cryptograms)) + bytes(8) + b"\x90\x00"
        return b"\x90\x00"

    result = read_basic(
        Scripted(CARD_3_0),
        PsamAuthenticator(Psam(Answering(psam, Transport.T1, CONTACT_ATR))),
        clock=flow.Ticking(),
        stage=lambda name: None,
    )
    assert result.authenticated.terminal_number == "519900000001"
    assert (result.authenticated.key, result.authenticated.read_key) == ("00", "0A")


# -- malicious cards: any answer at any step is a result or a fault, and a result had its proof

SECRET = bytes.fromhex(flow.INTERNAL)
PLAUSIBLE = [bytes.fromhex(answer) for _, answer in CARD_3_0 + CARD_1_0 + flow.DETAILS]
BYTE = st.integers(0, 255)
ANSWERS = st.one_of(
    st.sampled_from(PLAUSIBLE),
    st.binary(max_size=40),
    st.builds(lambda data, sw: data + sw, st.binary(max_size=40), st.just(b"\x90\x00")),
    st.builds(
        lambda sw1, sw2: bytes((sw1, sw2)), st.sampled_from([0x61, 0x6C]), st.integers(0, 255)
    ),
)
HONEST = {bytes.fromhex(command): bytes.fromhex(answer) for command, answer in CARD_3_0}


def outcome(
    lies: dict[int, bytes], transport: Transport, atr: bytes
) -> tuple[BasicRead | None, list[tuple[bytes, bytes]]]:
    """The flow against a card that answers as the trace's, except at the steps of `lies`."""
    seen: list[tuple[bytes, bytes]] = []
    challenges = iter((flow.A, flow.B, flow.C, flow.D) * 8)

    def answer(command: bytes) -> bytes:
        honest = HONEST.get(command, HONEST.get(command + b"\0", b"\x6a\x82"))
        if command[1] == 0x84:
            honest = bytes.fromhex(next(challenges)) + b"\x90\x00"
        given_answer = lies.get(len(seen), honest)
        seen.append((command, given_answer))
        return given_answer

    try:
        return read(Answering(answer, transport, atr)), seen
    except Fault:
        return None, seen


def proofs(seen: list[tuple[bytes, bytes]]) -> list[bytes]:
    """What the card answered to 0088, 61xx followed."""
    at = next(i for i, (command, _) in enumerate(seen) if command[1] == 0x88)
    return [answer[:-2] for command, answer in seen[at : at + 40] if command[1] in (0x88, 0xC0)]


@given(
    st.dictionaries(st.integers(0, 16), ANSWERS, max_size=6),
    st.sampled_from(Transport),
    st.one_of(st.sampled_from([CONTACT_ATR, CONTACTLESS_ATR]), st.binary(max_size=20)),
)
def test_a_malicious_card_is_never_accepted_without_a_matching_cryptogram(
    lies: dict[int, bytes], transport: Transport, atr: bytes
) -> None:
    result, seen = outcome(lies, transport, atr)
    if result is not None:
        assert b"".join(proofs(seen)).startswith(SECRET)
        assert len(result.interface_fields()) == 11
    assert sum(command[1] == 0x82 for command, _ in seen) <= 1


@given(st.binary(min_size=8, max_size=8).filter(lambda proof: proof != SECRET))
def test_a_wrong_proof_is_never_accepted(proof: bytes) -> None:
    result, seen = outcome({4: proof + b"\x90\x00"}, Transport.T1, CONTACTLESS_ATR)
    assert result is None
    assert all(command[1] != 0x82 for command, _ in seen)


def test_a_flow_that_does_not_compare_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: with the comparison taken out, the same lie gets a result."""
    monkeypatch.setattr("apdu.social_security.authentication._compare", lambda *facts: None)
    result, _ = outcome({4: bytes(8) + b"\x90\x00"}, Transport.T1, CONTACTLESS_ATR)
    assert result is not None


def test_the_honest_card_is_accepted() -> None:
    """The control: the malicious card fails by its lies and by nothing else."""
    result, seen = outcome({}, Transport.T1, CONTACTLESS_ATR)
    assert result is not None
    assert len(seen) == len(CARD_3_0)
