"""The key server behind a business program: what it sends to its HSM, and what comes back.

Computed from the city's keys, as the real one would from its own; the program only carries it.
"""

from collections.abc import Sequence
from functools import cached_property

from apdu.social_security.city_keys import CityKeys
from simulators.cards import Algorithm
from simulators.ceremony import CITY_KEYS, KeyAuthority


class CallersHsm:
    """One city's. Fields are those of the functions' outputs."""

    def __init__(self, city: KeyAuthority) -> None:
        self._city = city

    def basic(self, fields: Sequence[str]) -> str:
        """8 fields of iReadCardBas_HSM_Step1 → key of step 2."""
        _, historical, algorithm, _, factor, original, ext_factor, ext_original = fields[:8]
        internal = self.answer("IRK", algorithm, historical, factor, original)
        external = ""
        if ext_factor:
            external = self.answer("RKSSSE", algorithm, historical, ext_factor, ext_original)
        return f"{internal}|{external}|"

    def one(self, historical: str, fields: Sequence[str]) -> str:
        """Algorithm, key address, factor, original of a first step → key of the second."""
        algorithm, address, factor, original = fields[:4]
        return self.answer(self._names[address], algorithm, historical, factor, original)

    def command(self, historical: str, fields: Sequence[str]) -> str:
        """Algorithm, key address, factor, header, new PIN of a second step → key of the third."""
        algorithm, _, factor, header, pin = fields[:5]
        made = self._city.secured_command(
            Algorithm(int(algorithm)),
            bytes.fromhex(historical),
            factor=bytes.fromhex(factor),
            header=bytes.fromhex(header),
            new_pin=pin,
        )
        return made.hex().upper()

    def answer(self, key: str, algorithm: str, historical: str, factor: str, original: str) -> str:
        """Answer ‖ original, 32 hex digits, for one challenge under a key by its name."""
        answer = self._city.authentication_data(
            Algorithm(int(algorithm)),
            key,
            bytes.fromhex(historical),
            factor=bytes.fromhex(factor),
            original=bytes.fromhex(original),
        )
        return answer.hex().upper() + original

    @cached_property
    def _names(self) -> dict[str, str]:
        """Key names by address, as the authority gave them out."""
        table = CityKeys.from_toml(CITY_KEYS)
        return {table.address(key): name for name, key in table.keys.items()}
