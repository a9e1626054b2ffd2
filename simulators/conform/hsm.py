"""The key server behind a business program: what it sends to its HSM, and what comes back.

Computed from the city's keys, as the real one would from its own; the program only carries it.
"""

from collections.abc import Mapping

from simulators.cards import SUITES, Algorithm
from simulators.cards.ciphers import padded
from simulators.ceremony import City

PIN_BLOCK = 6  # digits of a new PIN here
HEADERS: Mapping[Algorithm, str] = {
    Algorithm.DES3: "842400010C",
    Algorithm.SSF33: "8424000114",
    Algorithm.SM4: "8424000114",
}


class Hsm:
    """One city's. Fields are those of the functions' outputs."""

    def __init__(self, city: City) -> None:
        self._city = city

    def basic(self, fields: list[str]) -> str:
        """8 fields of iReadCardBas_HSM_Step1 → key of step 2."""
        _, historical, algorithm, _, factor, original, ext_factor, ext_original = fields[:8]
        internal = self.one("IRK", algorithm, historical, factor, original)
        external = (
            self.one("RKSSSE", algorithm, historical, ext_factor, ext_original)
            if ext_factor
            else ""
        )
        return f"{internal}|{external}|"

    def one(self, key: str, algorithm: str, historical: str, factor: str, original: str) -> str:
        """Answer ‖ original, 32 hex digits, for one challenge under a key by its name."""
        answer = self._city.authentication_data(
            Algorithm(int(algorithm)),
            key,
            bytes.fromhex(historical),
            factor=bytes.fromhex(factor),
            original=bytes.fromhex(original),
        )
        return answer.hex().upper() + original

    def secured(self, algorithm: str, historical: str, factor: str, header: str, pin: str) -> str:
        """Header ‖ enciphered PIN ‖ MAC for a PIN command; without a PIN the MAC alone."""
        suite = SUITES[Algorithm(int(algorithm))]
        key = self._city.key(
            Algorithm(int(algorithm)), "STK", level=0, historical=bytes.fromhex(historical)
        )
        process_key = suite.process_key(key, bytes.fromhex(factor))
        enciphered = b""
        if pin:
            block = padded(bytes.fromhex(f"{len(pin) // 2:02X}{pin}"), suite.block)
            for at in range(0, len(block), suite.block):
                enciphered += suite.encrypt(process_key, block[at : at + suite.block])
        command = bytes.fromhex(header) + enciphered
        return (command + suite.mac(process_key, padded(command, suite.block))).hex().upper()
