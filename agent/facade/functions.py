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
INTEGERS: Final[frozenset[Parameter]] = frozenset({"iType", "iAuthType"})

SMALL: Final = 1024  # bytes of the output buffer, closing NUL included
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


_ALL: Final = (
    Function("iReadCardBas", "psam", ("iType",)),
    Function("iReadCard", "psam", ("iType", "iAuthType", "pCardInfo", "pFileAddr"), LARGE),
    Function("iWriteCard", "psam", ("iType", "pCardInfo", "pFileAddr", "pWriteData")),
    Function("iVerifyPIN", "psam", ("iType",)),
    Function("iChangePIN", "psam", ("iType",)),
    Function("iReloadPIN", "psam", ("iType", "pCardInfo")),
    Function("iUnblockPIN", "psam", ("iType", "pCardInfo")),
    Function("iDoDebit", "psam", ("iType", "pCardInfo", "pPayInfo"), supported=False),
    Function("iReadDebitRecord", "psam", ("iType",)),
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
