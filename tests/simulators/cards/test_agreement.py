"""The cards' tables and the product's were written apart from one specification: they must agree.

A difference is a mistake in one of them, or a correction made on one side only.
"""

import pytest

import apdu.files as product
from apdu.keys import KEYS
from simulators.cards.layout import Condition, Generation, applications, fields, read_condition

PRODUCT_GENERATION = {one: product.Generation(one.value) for one in Generation}
KNOWN = {application.name: application for application in product.APPLICATIONS}


@pytest.mark.parametrize("generation", Generation)
@pytest.mark.parametrize("sfi", [0x05, 0x06])
def test_records(generation: Generation, sfi: int) -> None:
    theirs = product.RECORDS[PRODUCT_GENERATION[generation]][sfi]
    ours = [row for row in fields(generation) if int(row.file, 16) & 0x1F == sfi]
    assert [(r.tag, r.length) for r in ours] == [(r.tag, r.size) for r in theirs]
    for row, record in zip(ours, theirs, strict=True):
        assert record.encoding.value in (row.format, "hex")


@pytest.mark.parametrize("generation", Generation)
def test_environment_files(generation: Generation) -> None:
    theirs = {file.fid: file for file in product.SSSE_FILES[PRODUCT_GENERATION[generation]]}
    (row,) = [row for row in applications(generation) if row.name == "SSSE"]
    assert bytes.fromhex(row.aid) == product.SSSE
    assert {int(file.fid, 16) for file in row.files} == set(theirs)
    for file in row.files:
        other = theirs[int(file.fid, 16)]
        assert set(read_condition(file, generation).alternatives) == set(other.read)
        assert set(Condition.parse(file.write).alternatives) == set(other.write or ())
        assert other.size in (None, file.size)


@pytest.mark.parametrize("name", KNOWN)
def test_application_files(name: str) -> None:
    (row,) = [row for row in applications(Generation.V3) if row.name == name]
    assert bytes.fromhex(row.aid) == KNOWN[name].aid
    theirs = {file.fid: file for file in KNOWN[name].files}
    assert {int(file.fid, 16) for file in row.files} == set(theirs)
    for file in row.files:
        other = theirs[int(file.fid, 16)]
        assert set(Condition.parse(file.read).alternatives) == set(other.read)


def test_key_ids() -> None:
    ours = {key.name: key.kid for row in applications(Generation.V3) for key in row.keys}
    assert ours | {name: key.kid for name, key in KEYS.items()} == ours
