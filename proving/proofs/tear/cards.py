"""A card whose inside writes down what it was told and what it did, whatever of it arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from simulators.cards import Interface, SocialSecurityCardOs
from simulators.cards.contract import Answer, Apdu, Processor
from simulators.cards.files import BinaryFile, RecordFile
from simulators.cards.layout import Generation, applications
from simulators.cards.operating_system import CardKey, Pin, Tries
from simulators.people import Cast, Wallet
from simulators.window.callers_hsm import CallersHsm

PIN: Final = "739184"
PIN_TRIES: Final = Tries(limit=6, left=4)  # a right one gives all back, which shows
KEY_TRIES: Final = Tries(limit=10, left=7)
EXTERNAL_AUTHENTICATE: Final = (0x00, 0x82)
VERIFY: Final = (0x00, 0x20)
CHANGE: Final = (0x80, 0x5E)
RESTORE: Final = (0x84, 0x24)
UPDATE_RECORD: Final = (0x00, 0xDC)
UPDATE_BINARY: Final = (0x00, 0xD6)
STK: Final = 0x02
WRONG_MAC: Final = 0x6988

Content = Mapping[str, Sequence[bytes]]  # by "DF01EF05": its records, or its bytes one by one


@dataclass(frozen=True)
class Done:
    """One command as the card carried it out, and where it stood then."""

    apdu: Apdu
    sw: int
    application: str
    file: str  # "DF01EF05"; empty where none was selected

    @property
    def head(self) -> tuple[int, int]:
        return self.apdu.cla, self.apdu.ins


class Book:
    """See `simulators.cards.contract.Processor`; around a card's inside."""

    def __init__(self, inside: SocialSecurityCardOs) -> None:
        self.done: list[Done] = []
        self._inside = inside

    def reset(self) -> None:
        self._inside.reset()

    def process(self, apdu: Apdu) -> Answer:
        answer = self._inside.process(apdu)
        tree = self._inside.tree
        application = tree.application.name if tree.application else ""
        file = f"{application}{tree.file.fid:04X}" if tree.file else ""
        self.done.append(Done(apdu, answer.sw, application, file))
        return answer


class NotedCard:
    """A card of the cast with a PIN of its own. `renew` makes it what it was."""

    def __init__(self, cast: Cast, key: str, interface: Interface) -> None:
        wallet = Wallet(cast)
        self.inside = wallet.inside(key)
        self.book = Book(self.inside)
        self.interface = interface
        self.generation = Generation(cast.card(key).generation)
        self.at_reader = wallet.at(key, interface, wrong=self._noted)
        self._issuer = cast.issuer_of(cast.card(key))
        self._serial = cast.card(key).serial
        self.info = f"{cast.card_id(cast.card(key))}|{cast.card(key).card_number}|"
        self._factory = self.content()

    def _noted(self, inside: Processor) -> Processor:
        return self.book

    @property
    def kind(self) -> str:
        """iType of its reader."""
        return "1" if self.interface is Interface.CONTACT else "2"

    @property
    def hsm(self) -> CallersHsm:
        """The caller's own."""
        return CallersHsm(self._issuer)

    @property
    def historical(self) -> str:
        return self._issuer.historical(self._serial).hex()

    def renew(self) -> None:
        """Its first PIN and contents, some tries spent, an empty book."""
        self.book.done.clear()
        self.inside.pin = Pin(PIN, Tries(PIN_TRIES.limit, PIN_TRIES.left))
        for key in self.keys():
            key.tries = Tries(KEY_TRIES.limit, KEY_TRIES.left)
        for name, content in self._factory.items():
            file = self._file(name)
            if isinstance(file, BinaryFile):
                file.content[:] = b"".join(content)
            else:
                file.records[:] = content

    def keys(self) -> Sequence[CardKey]:
        """Those that have tries to lose."""
        return [
            self.inside.key(application.name, row.name)
            for application in applications(self.generation)
            for row in application.keys
            if row.use != "internal"
        ]

    def content(self) -> Content:
        """What its record files and transparent files hold now."""
        return {
            f"{application.name}{file.fid:04X}": (
                [bytes((byte,)) for byte in file.content]
                if isinstance(file, BinaryFile)
                else list(file.records)
            )
            for application in self.inside.applications
            for file in application.files
            if isinstance(file, BinaryFile | RecordFile)
        }

    def unexplained(self) -> int:
        """How many counters of tries are not what the book says."""
        pin = Tries(PIN_TRIES.limit, PIN_TRIES.left)
        keys = {id(key): Tries(KEY_TRIES.limit, KEY_TRIES.left) for key in self.keys()}
        for done in self.book.done:
            if (done.head == VERIFY and done.apdu.data) or done.head == CHANGE:
                _count(pin, done.sw)
            elif done.head == EXTERNAL_AUTHENTICATE:
                _count(keys[id(self._key(done, "external", done.apdu.p2))], done.sw)
            elif done.head == RESTORE:
                _count(keys[id(self._key(done, "mac", STK))], done.sw)
                if done.sw == 0x9000:
                    pin.right()
        wrong = sum(key.tries != keys[id(key)] for key in self.keys())
        return wrong + (self.inside.pin.tries != pin)

    def _key(self, done: Done, use: str, kid: int) -> CardKey:
        application = next(
            one for one in applications(self.generation) if one.name == done.application
        )
        row = next(row for row in application.keys if row.use == use and row.kid == kid)
        return self.inside.key(done.application, row.name)

    def _file(self, name: str) -> BinaryFile | RecordFile:
        application, fid = name[:-4], int(name[-4:], 16)
        for file in self.inside.application(application).files:
            if file.fid == fid and isinstance(file, BinaryFile | RecordFile):
                return file
        raise KeyError(name)


def _count(tries: Tries, sw: int) -> None:
    if sw == 0x9000:
        tries.right()
    elif sw & 0xFFF0 == 0x63C0 or sw == WRONG_MAC:
        tries.wrong()
