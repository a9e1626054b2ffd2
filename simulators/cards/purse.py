"""The operating system of a T-Union purse: one state, which 8054 replaces whole or not at all.

8050 begins a purchase that only 80DC and 8054 may follow; 805A repeats what the last 8054 answered.
Source: spec transit-card.md. Where it is silent the card is as strict as any real one may be.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from simulators.cards.base import OperatingSystem
from simulators.cards.build import select_fci
from simulators.cards.contract import Answer, Apdu, RandomSource
from simulators.cards.files import Application, BinaryFile, Refused
from simulators.cards.layout import Condition
from simulators.cards.purse_codes import CODE, Purchase, PurseCodes

T_UNION = bytes.fromhex("A000000632010105")
FREE, NEVER = Condition.parse("free"), Condition.parse("never")
SIMPLE, COMPOSITE = 0x01, 0x03  # 8050's P1
TYPES = {SIMPLE: 0x06, COMPOSITE: 0x09}
ENABLED = 0x01
LOG, RECORDS, TRIPS = 0x18, 0x1A, 0x1E  # SFIs
LOG_ROWS, TRIP_ROWS, TRIP_SIZE = 10, 30, 48
LAST_SEQ = 0xFFFF
AFTER_BEGIN = frozenset({0xDC, 0x54})  # all else ends what 8050 began


@dataclass(frozen=True)
class Proof:
    """What 805A can still prove: the last purchase."""

    type: int
    seq: int
    mac2: bytes
    tac: bytes


@dataclass(frozen=True)
class PurseMemory:
    """Everything that a purchase changes. `money` is below zero where the overdraft is used; rows
    are newest first."""

    money: int
    seq: int = 1
    records: tuple[bytes, ...] = ()  # 001A, by number from 1
    log: tuple[bytes, ...] = ()
    trips: tuple[bytes, ...] = ()
    proof: Proof | None = None


@dataclass(frozen=True)
class PurseSpec:
    """Everything that makes one purse; made-up values only. `public`, `holder`, `management`: files
    0015, 0016, 0017. `keys`: DPK by key index. `city`: what phones append to the AID."""

    public: bytes
    management: bytes
    keys: Mapping[int, bytes] = field(repr=False)
    tac_key: bytes = field(repr=False)
    random: RandomSource = field(repr=False)
    state: PurseMemory
    holder: bytes = bytes(55)
    overdraft: int = 0  # limit
    key_version: int = 1
    codes: PurseCodes = field(default_factory=PurseCodes)
    city: bytes = b""
    public_in_fci: bool = True


@dataclass
class PurseFaults:
    """What is wrong with this card; may be changed at any time. What goes wrong with an answer on
    its way (lost, slow) is the channel's: `simulators.vpcd.Faults`, `simulators.transit.torn`."""

    select_sw: int = 0  # 6283, 6284, 6A81: locked; 9303: for good
    wrong_mac2: bool = False
    wrong_tac: bool = False
    lies: int = 0  # 8050 tells so much more (or less) than there is


@dataclass(frozen=True)
class _Begun:
    p1: int
    amount: int
    terminal: bytes
    key: bytes
    random: bytes
    cached: Mapping[tuple[int, int], bytes]  # by SFI and P1


class PurseOs(OperatingSystem):
    """See the module. `state` and `faults` outlive power."""

    def __init__(self, spec: PurseSpec) -> None:
        self._aid = T_UNION + spec.city
        files = [
            BinaryFile(fid, FREE, NEVER, bytearray(content))
            for fid, content in ((0x15, spec.public), (0x16, spec.holder), (0x17, spec.management))
        ]
        proprietary = bytes.fromhex("9F080102")
        if spec.public_in_fci:
            proprietary += bytes.fromhex("9F0C") + bytes([len(spec.public)]) + spec.public
        self._purse = Application(
            "purse", self._aid, 0xDF05, files, select_fci(self._aid, proprietary)
        )
        super().__init__([self._purse])
        self.spec = spec
        self.state = spec.state
        self.faults = PurseFaults()
        self._begun: _Begun | None = None
        self.offer(
            {
                (0x00, 0xB2): self._read_record,
                (0x80, 0x5C): self._get_balance,
                (0x80, 0x50): self._initialise,
                (0x80, 0xDC): self._update_record,
                (0x80, 0x54): self._debit,
                (0x80, 0x5A): self._get_proof,
            }
        )

    @property
    def money(self) -> int:
        """Fen; what a money equation counts."""
        return self.state.money

    def answers_to(self, aid: bytes) -> bool:
        """A SELECT of that name is for the purse: T-Union, with or without the phone's city."""
        return aid.startswith(T_UNION) and self._aid.startswith(aid)

    def reset(self) -> None:
        super().reset()
        self._begun = None

    def process(self, apdu: Apdu) -> Answer:
        if apdu.ins not in AFTER_BEGIN:
            self._begun = None
        return super().process(apdu)

    def _select(self, apdu: Apdu) -> bytes:
        if apdu.p1 == 0x04 and self.answers_to(apdu.data):
            if self.faults.select_sw:
                raise Refused(self.faults.select_sw)
            return self._enter(self._purse)
        return super()._select(apdu)

    # -- reading

    def _read_record(self, apdu: Apdu) -> bytes:
        if apdu.p2 & 7 != 4 or not apdu.p1:
            raise Refused(0x6A86)
        rows = {LOG: self.state.log, RECORDS: self.state.records, TRIPS: self.state.trips}
        if apdu.p2 >> 3 not in rows:
            raise Refused(0x6A82)
        found = rows[apdu.p2 >> 3]
        if apdu.p1 > len(found):
            raise Refused(0x6A83)
        return found[apdu.p1 - 1]

    def _get_balance(self, apdu: Apdu) -> bytes:
        """P1 00: what is there, 01: what is owed, 03: what is there without overdraft."""
        amounts = {0x00: self.money, 0x01: -self.money, 0x03: self.money}
        if apdu.p2 != 0x02 or apdu.p1 not in amounts:
            raise Refused(0x6A86)
        return max(amounts[apdu.p1], 0).to_bytes(4, "big")

    # -- paying

    def _initialise(self, apdu: Apdu) -> bytes:
        if apdu.p2 != 0x02 or apdu.p1 not in TYPES:
            raise Refused(0x6A86)
        if len(apdu.data) != 11:
            raise Refused(0x6700)
        if self.spec.public[9] != ENABLED:
            raise Refused(0x6985)
        index, amount = apdu.data[0], int.from_bytes(apdu.data[1:5], "big")
        if index not in self.spec.keys:
            raise Refused(0x9403)
        if self.state.seq == LAST_SEQ:
            raise Refused(0x9402)
        if amount > self.money + self.spec.overdraft:
            raise Refused(0x9401)
        random = self.spec.random(4)
        key = self.spec.keys[index]
        self._begun = _Begun(apdu.p1, amount, apdu.data[5:], key, random, {})
        # Stricter than need be: whoever begins anew before asking for the proof has lost it.
        self.state = replace(self.state, proof=None)
        return (
            (max(self.money, 0) + self.faults.lies).to_bytes(4, "big")
            + self.state.seq.to_bytes(2, "big")
            + self.spec.overdraft.to_bytes(3, "big")
            + bytes([self.spec.key_version, self.spec.codes.identifier])
            + random
        )

    def _update_record(self, apdu: Apdu) -> bytes:
        begun = self._begun
        if begun is None or begun.p1 != COMPOSITE:
            raise Refused(0x6985)
        if apdu.p2 & 7:
            raise Refused(0x6A86)
        sfi = apdu.p2 >> 3
        if sfi == TRIPS and apdu.p1 == 0:
            size = TRIP_SIZE
        elif sfi == RECORDS:
            size = len(self.state.records[self._place(apdu.p1)])
        else:
            raise Refused(0x6A82)
        if len(apdu.data) != size or (sfi == RECORDS and apdu.data[0] != apdu.p1):
            raise Refused(0x6A80)
        self._begun = replace(begun, cached={**begun.cached, (sfi, apdu.p1): apdu.data})
        return b""

    def _debit(self, apdu: Apdu) -> bytes:
        begun, self._begun = self._begun, None
        if apdu.p1p2 != 0x0100:
            raise Refused(0x6A86)
        if len(apdu.data) != 15:
            raise Refused(0x6700)
        if begun is None:
            raise Refused(0x6985)
        sequence, moment = int.from_bytes(apdu.data[:4], "big"), apdu.data[4:11]
        purchase = Purchase(begun.amount, TYPES[begun.p1], begun.terminal, moment)
        codes = self.spec.codes
        session = codes.session_key(begun.key, begun.random, self.state.seq, sequence)
        if not hmac.compare_digest(codes.mac1(session, purchase), apdu.data[11:]):
            raise Refused(0x9302)
        proof = Proof(
            purchase.type,
            self.state.seq + 1,
            _bent(codes.mac2(session, purchase), self.faults.wrong_mac2),
            _bent(codes.tac(self.spec.tac_key, purchase, sequence), self.faults.wrong_tac),
        )
        self.state = self._after(purchase, begun, proof)  # the commit: one assignment
        return proof.tac + proof.mac2

    def _after(self, purchase: Purchase, begun: _Begun, proof: Proof) -> PurseMemory:
        row = (
            self.state.seq.to_bytes(2, "big")
            + self.spec.overdraft.to_bytes(3, "big")
            + purchase.head
            + purchase.moment
        )
        records, trips = list(self.state.records), self.state.trips
        for (sfi, p1), data in begun.cached.items():
            if sfi == TRIPS:
                trips = (data, *trips)[:TRIP_ROWS]
            else:
                records[self._place(p1)] = data
        return PurseMemory(
            money=self.money - purchase.amount,
            seq=proof.seq,
            records=tuple(records),
            log=(row, *self.state.log)[:LOG_ROWS],
            trips=trips,
            proof=proof,
        )

    def _get_proof(self, apdu: Apdu) -> bytes:
        if apdu.p1 or apdu.p2 not in TYPES.values():
            raise Refused(0x6A86)
        if len(apdu.data) != 2:
            raise Refused(0x6700)
        proof = self.state.proof
        if proof is None or (proof.type, proof.seq) != (apdu.p2, int.from_bytes(apdu.data, "big")):
            raise Refused(0x9406)
        return proof.mac2 + proof.tac

    def _place(self, number: int) -> int:
        """Where in 001A the record with that id byte is, or, before that, will be: a record that
        was never written has no id yet (L)."""
        for place, record in enumerate(self.state.records):
            if record[:1] == bytes((number,)):
                return place
        for place, record in enumerate(self.state.records):
            if record and not record.strip(b"\0\xff"):
                return place
        raise Refused(0x6A83)


class OneCard:
    """Two applications of one person on one card: a processor that is whichever was selected by
    name last. The other one forgets what it had begun."""

    def __init__(self, social: OperatingSystem, purse: PurseOs) -> None:
        self.social = social
        self.purse = purse
        self._current: OperatingSystem = social

    def reset(self) -> None:
        self.social.reset()
        self.purse.reset()
        self._current = self.social

    def process(self, apdu: Apdu) -> Answer:
        if (apdu.cla, apdu.ins, apdu.p1) == (0x00, 0xA4, 0x04):
            chosen = self.purse if self.purse.answers_to(apdu.data) else self.social
            if chosen is not self._current:
                self._current.reset()
            self._current = chosen
        return self._current.process(apdu)


def _bent(code: bytes, wrong: bool) -> bytes:
    return bytes([code[0] ^ wrong]) + code[1:CODE]
