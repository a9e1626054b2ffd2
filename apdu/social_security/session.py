"""A card that stays powered for more than the basic read: files, keys, PIN, in one session.

The order is always the same: select, what the card is, its proof (internal authentication), the
comparison with the card that the caller means; then whatever is asked for. No key's cryptogram and
no PIN goes to a card that has not proved itself. Used by one thread; powering down is the caller's.
"""

from collections.abc import Sequence
from types import TracebackType

from apdu.channel import Channel
from apdu.processors import Observer
from apdu.social_security import pin
from apdu.social_security.authentication import (
    Authenticator,
    CardParameters,
    InternalProof,
    Mode,
    parameters_of,
)
from apdu.social_security.card import SocialSecurityCard
from apdu.social_security.card_files import CardFiles
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.social_security.file_address import CardInfo, FileAddress, FileData
from apdu.social_security.files import CARD_NUMBER, PIN, ElementaryFile, Generation
from apdu.social_security.key_authentication import (
    AskPin,
    How,
    Needs,
    PinNeeded,
    application_of,
    file_of,
    needs_for_reading,
    needs_for_writing,
    win_key,
    win_pin,
)
from apdu.social_security.keys import PUK
from apdu.social_security.quirks import NO_KINDS, CardKinds, Quirks
from trust import canonical
from world import Fault


class OtherCard(Fault):
    """The card on the reader is not the one that the caller means. (National interface: -22.)

    Fact: `field` ("card-id", "card-number").
    """

    code = "card.other"


def open_session(
    card_channel: Channel,
    authenticator: Authenticator,
    *,
    keys: CityKeys = PUBLIC_KEYS_ONLY,
    expected: CardInfo | None = None,
    prove: bool = True,
    quirks: Quirks | CardKinds = NO_KINDS,
    observer: Observer | None = None,
) -> "CardSession":
    """Select the SSSE, read what the card is, compare it with `expected`, have it prove itself.

    `prove=False` is for `…_HSM_Step1` alone, where the national interface has no message for the
    proof: the caller's key server sees only the external authentication. The authenticator is
    released when the session is closed, or here when this raises: `OtherCard`,
    `AuthenticationFailed` and what `apdu.social_security.authentication.read_basic` raises.
    """
    opened = False
    try:
        card = SocialSecurityCard(card_channel, quirks=quirks, observer=observer)
        parameters = parameters_of(card, card.select())
        card.read_version()
        session = CardSession(card, parameters, card.read(CARD_NUMBER), authenticator, keys)
        if expected is not None:
            session.require(expected)
        if prove:
            InternalProof.asked(card, parameters, authenticator).compare(card.generation)
        opened = True
        return session
    finally:
        if not opened:
            authenticator.release()


class CardSession:
    """Made by `open_session`; closed by `close` or as a context manager.

    Every method raises the channel's faults, `StatusFault`s and `ChainFault` beside its own, and
    whatever the authenticator's results raise. After a fault the session is over.
    """

    def __init__(
        self,
        card: SocialSecurityCard,
        parameters: CardParameters,
        card_number: str,
        authenticator: Authenticator,
        keys: CityKeys,
    ) -> None:
        self._card = card
        self._authenticator = authenticator
        self._keys = keys
        self._application = "SSSE"
        self._won: set[str] = set()  # keys and the PIN, in this application
        self.parameters = parameters
        self.card_number = card_number

    @property
    def generation(self) -> Generation:
        """The card's generation, as its record 03 says."""
        return self._card.generation

    @property
    def card_id(self) -> str:
        """32 hex digits."""
        return self.parameters.card_id

    @property
    def mode(self) -> Mode:
        """Who holds the keys: "psam" or "hsm"."""
        return self._authenticator.mode

    @property
    def card(self) -> SocialSecurityCard:
        """The commands below this session, for what it has no method for."""
        return self._card

    def require(self, expected: CardInfo) -> None:
        """Raises `OtherCard`; a field that the caller left empty is not compared."""
        if expected.card_id and canonical.digits(expected.card_id) != self.card_id:
            raise OtherCard(field="card-id")
        meant = canonical.card_number(expected.card_number)
        if meant and meant != canonical.card_number(self.card_number):
            raise OtherCard(field="card-number")

    def needs_for_reading(self, address: FileAddress, how: How = "key") -> Needs:
        """Nothing is sent. Raises `FileUnknown`, `KeyUnknown`."""
        return needs_for_reading(address.application, address.fid, self.generation, how, self._keys)

    def needs_for_writing(self, address: FileAddress) -> Needs:
        """Nothing is sent. Raises `FileUnknown`, `KeyUnknown`."""
        return needs_for_writing(address.application, address.fid, self.generation, self._keys)

    def read(
        self, files: Sequence[FileAddress], *, how: How = "key", ask_pin: AskPin | None = None
    ) -> tuple[FileData, ...]:
        """Values of files, in order. `how` chooses where a file leaves the choice; `ask_pin` is
        called at most once, and only when a file needs the PIN.

        Raises `FileUnknown`, `KeyUnknown`, `PinNeeded`, `WrongPin`, `PinBlocked`, `PinNotSet`,
        `ExternalAuthenticationRefused`, `RecordFault`, `ValueFault`.
        """
        needs = [self.needs_for_reading(address, how) for address in files]
        with _Entry(ask_pin) as entry:
            return tuple(
                self._read_one(address, need, entry)
                for address, need in zip(files, needs, strict=True)
            )

    def write(self, files: Sequence[FileData], *, ask_pin: AskPin | None = None) -> None:
        """All values are checked before the first key is asked for. What was written before a
        fault stays written. Raises as `read`, and `ValueFault`."""
        needs = [self.needs_for_writing(data.address) for data in files]
        plans = [self._files.plan(data, self._file(data.address)) for data in files]
        with _Entry(ask_pin) as entry:
            for data, need, plan in zip(files, needs, plans, strict=True):
                self._open(data.address, need, entry)
                self._files.write(data.address, plan)

    def open_for_writing(self, address: FileAddress, *, ask_pin: AskPin | None = None) -> None:
        """Win what writing that file needs before its data are known. Raises as `read`."""
        with _Entry(ask_pin) as entry:
            self._open(address, self.needs_for_writing(address), entry)

    def pin_tries(self) -> int | None:
        """How many wrong PINs the card still takes; None: it has no PIN. Costs no try."""
        return pin.tries_left(self._card)

    def require_pin_tries(self) -> int:
        """At least 1, before a person is asked. Raises `PinBlocked`, `PinNotSet`."""
        return pin.require_tries(self._card)

    def verify_pin(self, digits: bytearray) -> None:
        """Once; ASCII digits, wiped afterwards. Raises `WrongPin`, `PinBlocked`, `PinNotSet`,
        `PinFormFault`."""
        with _Entry.of(digits):
            win_pin(self._card, digits)
        self._won.add(PIN)

    def change_pin(self, old: bytearray, new: bytearray) -> None:
        """Once; both wiped afterwards. Raises as `verify_pin`."""
        with _Entry.of(old, new):
            pin.require_tries(self._card)
            pin.change(self._card, old, new)

    def reload_pin(self, new: bytearray) -> None:
        """Set a new PIN by the PUK and the key server; `new` is wiped afterwards.

        Raises `ExternalAuthenticationRefused`, `SecuredCommandFault`, `PinFormFault`.
        """
        with _Entry.of(new):
            pin.bcd(new)  # its form, before a key is used
            self._secured(pin.reload_header(self.parameters.algorithm), new)

    def unblock_pin(self) -> None:
        """Give the old PIN its tries back. Raises as `reload_pin`."""
        self._secured(pin.UNBLOCK_HEADER, bytearray())

    def enter(self, application: str) -> None:
        """Select SSSE or DF01 …, unless it is selected; rights are lost. Raises `FileUnknown`."""
        if application == self._application:
            return
        row = application_of(application, self.generation)
        self._won.clear()
        self._application = ""
        if application == "SSSE":
            self._card.select()
        else:
            self._card.select_application(row)
        self._application = application

    def close(self) -> None:
        """The session needs no more keys."""
        self._authenticator.release()

    def __enter__(self) -> "CardSession":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _files(self) -> CardFiles:
        return CardFiles(self._card, self.generation)

    def _file(self, address: FileAddress) -> ElementaryFile:
        return file_of(address.application, address.fid, self.generation)

    def _read_one(self, address: FileAddress, need: Needs, entry: "_Entry") -> FileData:
        self._open(address, need, entry)
        return self._files.read(address, self._file(address))

    def _open(self, address: FileAddress, need: Needs, entry: "_Entry") -> None:
        """Keys first: a terminal that the card does not believe spends no try of the PIN."""
        self.enter(address.application)
        for key in need.keys:
            if key.name not in self._won:
                win_key(self._card, self.parameters, self._authenticator, key)
                self._won.add(key.name)
        if need.pin and PIN not in self._won:
            tries = self.require_pin_tries()
            pin.verify(self._card, entry.digits(tries, address.name))
            self._won.add(PIN)

    def _secured(self, header: bytes, new: bytearray) -> None:
        self.enter("SSSE")
        win_key(self._card, self.parameters, self._authenticator, PUK)
        factor = self._card.challenge()
        command = self._authenticator.secured(self.parameters, factor, header, bytes(new)).result()
        pin.send_secured(self._card, header, command)


class _Entry:
    """A PIN that is asked for when it is first needed, and wiped at the end."""

    def __init__(self, ask: AskPin | None) -> None:
        self._ask = ask
        self._buffers: list[bytearray] = []

    @classmethod
    def of(cls, *buffers: bytearray) -> "_Entry":
        made = cls(None)
        made._buffers = list(buffers)
        return made

    def digits(self, tries: int, file: str) -> bytearray:
        """Raises `PinNeeded` where there is no way to ask the holder."""
        if not self._buffers:
            if self._ask is None:
                raise PinNeeded(file=file)
            self._buffers.append(self._ask(tries))
        return self._buffers[0]

    def __enter__(self) -> "_Entry":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for buffer in self._buffers:
            pin.wipe(buffer)
