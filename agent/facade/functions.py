"""The functions of the national interface as data: names, parameters in order, size of the output.

Source: spec sscard-interface.md. `iWriteCard_HSM_*` as five public headers of deployed libraries
have them: the data to be written comes with step 2. The PKI group's parameters are in no public
source; its functions answer "unsupported" whatever they are given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Group = Literal["psam", "hsm", "pki"]
Parameter = Literal[
    "iType", "iAuthType", "pCardInfo", "pFileAddr", "pWriteData", "pPayInfo", "pKey"
]
Needs = Literal["identity", "files", "write", "pin", "pin-clear", ""]
INTEGERS: Final[frozenset[Parameter]] = frozenset({"iType", "iAuthType"})

SMALL: Final = 1024  # bytes of the output buffer, closing NUL included
DEBIT: Final = 2 * 1024  # as public callers allocate: 30 rows of at most 56 bytes
LARGE: Final = 20 * 1024


@dataclass(frozen=True)
class Function:
    """`long name(parameters…, char *pOutInfo)`; 0 is good, negative an error with its text in
    `pOutInfo`."""

    name: str
    group: Group
    parameters: tuple[Parameter, ...]
    output: int = SMALL
    supported: bool = True  # False: −13 until its APDUs are sourced

    @property
    def needs(self) -> Needs:
        """The capability that a client must have (`[[facade.clients]]`)."""
        return (
            _NEEDS.get(self.name.partition("_HSM_")[0], "")
            if not self.hands_out_pin
            else ("pin-clear")
        )

    @property
    def changes_card(self) -> bool:
        """It writes to the card, or gives it a PIN without asking for the old one."""
        return self.name.partition("_HSM_")[0] in _CHANGES

    @property
    def hands_out_pin(self) -> bool:
        """Step 2 tells the caller the new PIN in clear, for its HSM to encipher."""
        return self.name.startswith("iReloadPIN_HSM_")


_ALL: Final = (
    Function("iReadCardBas", "psam", ("iType",)),
    Function("iReadCard", "psam", ("iType", "iAuthType", "pCardInfo", "pFileAddr"), LARGE),
    Function("iWriteCard", "psam", ("iType", "pCardInfo", "pFileAddr", "pWriteData")),
    Function("iVerifyPIN", "psam", ("iType",)),
    Function("iChangePIN", "psam", ("iType",)),
    Function("iReloadPIN", "psam", ("iType", "pCardInfo")),
    Function("iUnblockPIN", "psam", ("iType", "pCardInfo")),
    Function("iDoDebit", "psam", ("iType", "pCardInfo", "pPayInfo"), supported=False),
    Function("iReadDebitRecord", "psam", ("iType",), DEBIT),
    Function("iReadCardBas_HSM_Step1", "hsm", ("iType",)),
    Function("iReadCardBas_HSM_Step2", "hsm", ("pKey",)),
    Function("iReadCard_HSM_Step1", "hsm", ("iType", "pCardInfo", "pFileAddr")),
    Function("iReadCard_HSM_Step2", "hsm", ("pKey",), LARGE),
    Function("iWriteCard_HSM_Step1", "hsm", ("iType", "pCardInfo", "pFileAddr")),
    Function("iWriteCard_HSM_Step2", "hsm", ("pKey", "pWriteData")),
    Function("iReloadPIN_HSM_Step1", "hsm", ("iType", "pCardInfo")),
    Function("iReloadPIN_HSM_Step2", "hsm", ("pKey",)),
    Function("iReloadPIN_HSM_Step3", "hsm", ("pKey",)),
    Function("iUnblockPIN_HSM_Step1", "hsm", ("iType", "pCardInfo")),
    Function("iUnblockPIN_HSM_Step2", "hsm", ("pKey",)),
    Function("iUnblockPIN_HSM_Step3", "hsm", ("pKey",)),
    Function("iDoDebit_HSM_Step1", "hsm", ("iType", "pCardInfo", "pPayInfo"), supported=False),
    Function("iDoDebit_HSM_Step2", "hsm", ("pKey",), supported=False),
    Function("PKI_SignData", "pki", (), supported=False),
    Function("PKI_VerifySign", "pki", (), supported=False),
    Function("PKI_EnvelopeSeal", "pki", (), supported=False),
    Function("PKI_EnvelopeOpen", "pki", (), supported=False),
)
FUNCTIONS: Final[Mapping[str, Function]] = {function.name: function for function in _ALL}
_NEEDS: Final[Mapping[str, Needs]] = {
    "iReadCardBas": "identity",
    "iReadCard": "files",
    "iWriteCard": "write",
    "iVerifyPIN": "pin",
    "iChangePIN": "pin",
    "iReloadPIN": "pin",
    "iUnblockPIN": "pin",
    "iReadDebitRecord": "files",
}
_CHANGES: Final = frozenset({"iWriteCard", "iReloadPIN", "iUnblockPIN"})


def step(name: str) -> int:
    """1, 2, 3 of a function in steps; 0 of one that is done in one call."""
    _, found, number = name.rpartition("_Step")
    return int(number) if found else 0


def next_step(name: str) -> str:
    """The function that goes on where this one stopped; empty when there is none."""
    head, _, number = name.rpartition("_Step")
    following = f"{head}_Step{int(number) + 1}" if head else ""
    return following if following in FUNCTIONS else ""
