"""What the libraries accept of `tests.trust.negative` without `StrictSm2` before them.

For the table in docs/decisions.md: `python -m tests.trust.bare_libraries`.
"""

import sys

from tests.trust.negative import MESSAGE, PUBLIC, Case, cases, der_cases, sequence_of
from trust.engine import Engine, Sm2Failed
from trust.gmssl import Gmssl
from trust.libcrypto import Libcrypto
from trust.sm2 import ID


def main() -> None:
    table = [case for case in cases() if len(case.signature) == len(case.public) == 64]
    for engine in (Libcrypto(), Gmssl()):
        wrong = [case.name for case in table if _verify(engine, case)]
        lenient = [name for name, der in der_cases().items() if _accepts(engine, der)]
        sys.stdout.write(
            f"{type(engine).__name__}: of {len(table)} accepts {wrong},"
            f" of {len(der_cases())} forms of DER {lenient}\n"
        )


def _verify(engine: Engine, case: Case) -> bool:
    """r and s as they are, made DER in the naive way."""
    r, s = int.from_bytes(case.signature[:32]), int.from_bytes(case.signature[32:])
    try:
        return engine.verify(case.public, case.message, sequence_of(r, s), case.identity)
    except Sm2Failed:
        return False


def _accepts(engine: Engine, der: bytes) -> bool:
    try:
        return engine.verify(PUBLIC, MESSAGE, der, ID)
    except Sm2Failed:
        return False


if __name__ == "__main__":
    main()
