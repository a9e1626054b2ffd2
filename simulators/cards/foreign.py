"""A chip card that is no social security card: a made-up bank card with a payment directory."""

from simulators.cards.base import OperatingSystem
from simulators.cards.build import face, select_fci
from simulators.cards.contract import Card, Interface
from simulators.cards.files import Application

PAYMENT_DIRECTORY = b"1PAY.SYS.DDF01"
HISTORICAL = bytes.fromhex("464F524549474E000000000000")  # "FOREIGN"


def foreign_card(interface: Interface) -> Card:
    """6A82 to every SELECT of ours; it knows its own directory and nothing else."""
    directory = Application(
        "PSE", PAYMENT_DIRECTORY, 0x3F00, (), select_fci(PAYMENT_DIRECTORY, b"\x88\x01\x01")
    )
    return face(OperatingSystem([directory]), HISTORICAL, interface)
