"""密钥认证: what opens a file, and how it is won from a card: by PIN, by key, or by both.

What is needed follows from the file tables alone. A key's right is won by challenge C, challenge D
and 0082 with nothing between; a refusal ends the flow, the tries left are told and never spent.
Source: spec social-security-card.md, Files and Commands. docs/decisions.md, "card-auth, key-auth".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from apdu.social_security.authentication import Authenticator, CardParameters
from apdu.social_security.card import SocialSecurityCard
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.files import (
    APPLICATIONS,
    PIN,
    SSSE_FILES,
    Access,
    Application,
    ElementaryFile,
    Generation,
)
from apdu.social_security.files import SSSE as SSSE_NAME
from apdu.social_security.keys import Key
from apdu.social_security.pin import require_tries, verify
from world import Fault

How = Literal["pin", "key"]  # iAuthType 1 and 2, where a file leaves the choice

AskPin = Callable[[int], bytearray]
"""Gets the PIN from the person, who is told how many tries are left (1: say so); ASCII digits in a
buffer that is wiped after use. Raises what the PIN pad raises."""


class FileUnknown(Fault):
    """No such file on a card of that edition. Facts: `file`. (National interface: -23.)"""

    code = "card.file-unknown"


class PinNeeded(Fault):
    """The file opens with the PIN and there is no way to ask for it. Fact: `file`."""

    code = "card.pin-needed"


@dataclass(frozen=True)
class Needs:
    """What has to be won before a file opens, all of it."""

    pin: bool
    keys: tuple[Key, ...]

    @property
    def nothing(self) -> bool:
        """Whether the file opens as it is, without PIN and without any key."""
        return not self.pin and not self.keys


def application_of(name: str, generation: Generation) -> Application:
    """SSSE or DF01 … Raises `FileUnknown`."""
    if name == "SSSE":
        return Application("SSSE", SSSE_NAME, SSSE_FILES[generation])
    for application in APPLICATIONS:
        if application.name == name:
            return application
    raise FileUnknown(file=name)


def file_of(application: str, fid: int, generation: Generation) -> ElementaryFile:
    """Raises `FileUnknown`."""
    for file in application_of(application, generation).files:
        if file.fid == fid:
            return file
    raise FileUnknown(file=f"{application}EF{fid & 0xFF:02X}")


def needs_for_reading(
    application: str, fid: int, generation: Generation, how: How, keys: CityKeys
) -> Needs:
    """Raises `FileUnknown`, `KeyUnknown`."""
    return _needs(file_of(application, fid, generation).read, how, keys)


def needs_for_writing(application: str, fid: int, generation: Generation, keys: CityKeys) -> Needs:
    """Raises `FileUnknown`, `KeyUnknown`."""
    file = file_of(application, fid, generation)
    return _needs(keys.write_access(application_of(application, generation), file), "key", keys)


def _needs(access: Access, how: How, keys: CityKeys) -> Needs:
    """The first way in that is of the wanted kind, else the first."""
    free = frozenset[str]()
    if free in access:
        return Needs(False, ())
    chosen = min(access, key=lambda rights: (PIN in rights) is not (how == "pin"))
    return Needs(PIN in chosen, tuple(keys.key(name) for name in sorted(chosen - {PIN})))


def win_key(
    card: SocialSecurityCard, parameters: CardParameters, authenticator: Authenticator, key: Key
) -> None:
    """One 0082 in the application where the card stands. Raises `ExternalAuthenticationRefused`,
    `CardBlocked`, and what the authenticator's result raises."""
    original, factor = card.challenge(), card.challenge()  # C, D
    cryptogram = authenticator.external(parameters, factor, original, key).result()
    card.external_authenticate(key, cryptogram, original)


def win_pin(card: SocialSecurityCard, digits: bytearray) -> None:
    """One 0020, if the card still has a try. Raises `WrongPin`, `PinBlocked`, `PinNotSet`."""
    require_tries(card)
    verify(card, digits)
