"""The contract's vectors are what this code computes, and enough to write the other end from."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from offline_store import chain
from offline_store.events.row import Record
from sync.contract import messages, vectors
from sync.platform.examine import ValidRow, examine
from tests import product
from trust.envelope import Opener
from trust.sm2 import sm2

PAGE = product.ROOT / "docs" / "contract.md"
RECEIVER = product.ROOT / "docs" / "contract" / "Receiver.java"
KEPT = vectors.load()


def opened(envelope: bytes) -> messages.Receipt:
    """As a terminal takes it."""
    keys = KEPT["keys"]
    issuers = {keys["issuer"]: bytes.fromhex(keys["issuer_public"])}
    found = Opener(sm2(), issuers).open(
        envelope, kind="receipt", audience=(vectors.PLACE.terminal,), newer_than=0
    )
    return messages.decode_receipt(found.payload)


def records() -> list[Record]:
    return [row for row, _ in vectors.rows()]


def test_every_vector_is_recomputed() -> None:
    made = vectors.generate(sm2(), KEPT)
    assert made == KEPT, "run: python -m sync.contract.vectors"


def test_the_batch_is_what_a_receiver_takes() -> None:
    examined = examine(vectors.PLACE, bytes.fromhex(KEPT["batch"]))
    assert [row.item.hash for row in examined.rows if isinstance(row, ValidRow)] == [
        row["hash"] for row in KEPT["rows"]
    ]
    first_key = bytes.fromhex(KEPT["epochs"][0]["first_key"])
    assert chain.verify_chain(records(), first_key) == []


def test_the_envelope_is_what_a_terminal_takes() -> None:
    assert opened(bytes.fromhex(KEPT["envelope"])) == vectors.receipt()


@pytest.mark.parametrize("name", ["envelope", "batch"])
def test_control_a_vector_that_is_no_longer_good_is_made_anew(name: str) -> None:
    broken = KEPT[name][:-2] + ("00" if KEPT[name][-2:] != "00" else "01")
    made = vectors.generate(sm2(), {**KEPT, name: broken})
    assert made[name] != broken


def test_the_page_names_every_vector() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [
        name for name in KEPT if f"`{name}`" not in page and name not in ("keys", "topics")
    ] == []


@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here")
def test_a_receipt_written_in_java_from_the_page_is_taken(tmp_path: Path) -> None:
    subprocess.run(["javac", "-d", str(tmp_path), str(RECEIVER)], check=True)
    said = received(tmp_path, KEPT["batch"])
    assert said.returncode == 0, said.stderr
    *rows, envelope = said.stdout.split("\n")[:-1]
    assert rows == [f"{row['seq']} {row['hash']}" for row in KEPT["rows"]]
    assert opened(bytes.fromhex(envelope)) == vectors.receipt()
    other = [*records()[:2], records()[2].__class__(**{**as_dict(records()[2]), "mac": "0" * 64})]
    assert received(tmp_path, messages.pack(other).payload.hex()).returncode != 0


def as_dict(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def received(classes: Path, batch: str) -> "subprocess.CompletedProcess[str]":
    keys = KEPT["keys"]
    words = [vectors.PLACE.terminal, keys["journal_seed"], keys["issuer"], keys["issuer_private"]]
    return subprocess.run(
        ["java", "-cp", str(classes), "Receiver", *words, batch],
        capture_output=True,
        text=True,
        check=False,
    )
