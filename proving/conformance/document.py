"""docs/conform.md from the table of tests: `python -m proving.conformance.document`."""

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby

from proving.conformance.cases import NEEDS, Case
from proving.conformance.run import chosen

HEAD = """\
# Conformance of the national functions

Generated from `proving/conformance`; do not edit. After a change there:
`python -m proving.conformance.document > docs/conform.md`. An id never changes its meaning and is
never used again.

    onecard conform --library PATH [--json FILE|-] [--only ID…]
    onecard conform --daemon SOCKET       the same over the frames of a daemon that runs
    onecard conform --daemon own          … of a daemon on the stage, with all cards
    onecard conform --list

`--library` takes any shared library that exports the functions. It is loaded in a child process, a
new one for each test, so a crash or a hang is a failed test. It meets a real pcscd with simulated
readers, PSAM and cards, by `PCSCLITE_CSOCK_NAME`; ours, which asks the daemon, finds one by
`ONECARD_SSCARD_SOCKET` (`--through pcsc` or `daemon` where the file does not tell). `--only BAS`
takes all ids that begin so. A test whose needs are not met is skipped. The exit status is 0 when
something passed and nothing failed.

Reports show values of the stage's made-up cards; of any other text they tell the length only.

"""
GROUPS: Mapping[str, str] = {
    "BAS": "iReadCardBas",
    "BUF": "Sizes of outputs",
    "CHR": "Characters of inputs",
    "CON": "Several callers",
    "DEB": "iReadDebitRecord",
    "ERR": "The error table",
    "EXP": "Exported names",
    "FIL": "iReadCard",
    "FLD": "Fields",
    "GBK": "GBK",
    "HSM": "The HSM's steps",
    "LEN": "Lengths of inputs",
    "NUL": "NULL",
    "PIN": "PIN functions",
    "PKI": "PKI functions",
    "RLD": "iReloadPIN_HSM",
    "SEQ": "Order of steps",
    "TEA": "Cards pulled in the middle",
    "TXT": "Texts of errors",
    "TYP": "iType and iAuthType",
    "UBL": "iUnblockPIN_HSM",
    "UNS": "Unsupported functions",
    "WRI": "iWriteCard",
}


def document() -> str:
    """The whole page in Markdown."""
    return HEAD + "\n".join([*_needs(), *_groups()]) + "\n"


def _needs() -> Iterable[str]:
    yield "## What tests need\n"
    yield from _table(["need", "what it is"], ([f"`{n}`", words] for n, words in NEEDS.items()))


def _groups() -> Iterable[str]:
    for group, cases in groupby(chosen([]), key=lambda case: case.id[:3]):
        yield f"## {group}: {GROUPS[group]}\n"
        yield from _table(["id", "what must be so", "要求", "needs"], map(_row, cases))


def _row(case: Case) -> list[str]:
    needs = ", ".join(sorted(case.needs)) or "–"
    return [case.id, _escaped(case.title), _escaped(case.zh), needs]


def _escaped(words: str) -> str:
    return words.replace("|", "\\|")


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(document())
