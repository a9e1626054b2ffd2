"""A PC/SC reader's own lamp and buzzer: prompt → escape commands of its model, as data.

pcscd hands escape commands on only when the reader's driver allows it (libccid: bit 0 of
`ifdDriverOptions` in its Info.plist); a reader that takes none is counted and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from smartcard import scard

from drivers.contract import Beep, Lamp, Prompt
from drivers.options import DriverOptions

ESCAPE: Final = scard.SCARD_CTL_CODE(1)  # IOCTL_SMARTCARD_VENDOR_IFD_EXCHANGE of libccid

Model = Literal["none", "acr122", "acr1281"]


class PcscOptions(DriverOptions, frozen=True, kw_only=True):
    """Options of a PC/SC reader. `lamp`: whose commands its lamp and buzzer understand."""

    lamp: Model = "none"


@dataclass(frozen=True)
class Language:
    """A model's commands: `head + value`, for lamp and beep apart or in one."""

    lamp_head: bytes
    lamps: Mapping[Lamp, bytes]
    beep_head: bytes
    beeps: Mapping[Beep, bytes]  # a beep that is not in it is not sent
    together: bool = False  # one command: lamp_head + lamp + beep_head + beep


LANGUAGES: Final[Mapping[Model, Language]] = {
    # ACR122U API 2.04, "Bi-color LED and Buzzer Control": FF 00 40 P2 04 T1 T2 N link. P2: bits 0
    # and 1 red and green at the end, bits 2 and 3 which of them to change. The buzzer sounds for T1
    # (100 ms) of each of N turns. The reader answers when it has ended: so "long" is not long.
    "acr122": Language(
        lamp_head=bytes.fromhex("FF0040"),
        lamps={"green": b"\x0e", "red": b"\x0d", "yellow": b"\x0f", "off": b"\x0c"},
        beep_head=b"\x04",
        beeps={
            "short": bytes.fromhex("01000101"),
            "double": bytes.fromhex("01010201"),
            "long": bytes.fromhex("03000101"),
            "none": bytes.fromhex("00000000"),
        },
        together=True,
    ),
    # ACR1281U-C1 API 1.08, 5.3.2 LED Control (bit 0 red, bit 1 green) and 5.3.4 Buzzer Control
    # (units of 10 ms); ACM1252U-Y3 has the same.
    "acr1281": Language(
        lamp_head=bytes.fromhex("E000002901"),
        lamps={"green": b"\x02", "red": b"\x01", "yellow": b"\x03", "off": b"\x00"},
        beep_head=bytes.fromhex("E000002801"),
        beeps={"short": b"\x0a", "double": b"\x14", "long": b"\x28"},
    ),
}


def escapes(model: Model, prompt: Prompt) -> Sequence[bytes]:
    """The commands that show a prompt; none for a reader without lamp."""
    language = LANGUAGES.get(model)
    if language is None:
        return ()
    lamp = language.lamp_head + language.lamps[prompt.lamp]
    beep = language.beeps.get(prompt.beep)
    if beep is None:
        return (lamp,)
    beep = language.beep_head + beep
    return (lamp + beep,) if language.together else (lamp, beep)
