"""The card readers of the whole suite: one real pcscd with four readers, started at first use.

libpcsclite reads the way to pcscd once per process, so that way is a link which a test with a pcscd
of its own turns for its time. It is set here, before any test can make a PC/SC call.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.vpcd import Slot

_FOLDER = tempfile.TemporaryDirectory(prefix="onecard-tests-")
LINK = Path(_FOLDER.name) / "pcscd.comm"
os.environ["PCSCLITE_CSOCK_NAME"] = str(LINK)

# The suite says the same of the same tree wherever it runs; what hypothesis finds on its way
# elsewhere is for  ./run test --hypothesis-profile=search. A busy machine fails nothing.
settings.register_profile("suite", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("search", settings.get_profile("default"))
settings.load_profile("suite")

MakePcscd = Callable[..., Pcscd]


@pytest.fixture(scope="session")
def shared_pcscd() -> Iterator[Pcscd]:
    """One pcscd for all; a test asks for `pcscd` instead."""
    with Pcscd(FOUR_READERS) as pcscd:
        yield pcscd


@pytest.fixture
def pcscd(shared_pcscd: Pcscd) -> Pcscd:
    """A running pcscd with `FOUR_READERS`, all plugged in. Not for tests that stop or kill it."""
    shared_pcscd.link(LINK)
    return shared_pcscd


@pytest.fixture
def slots(pcscd: Pcscd) -> Iterator[Mapping[str, Slot]]:
    """The slots of `pcscd` by reader name, empty before and after the test."""
    slots = {reader: Slot(pcscd, reader) for reader in pcscd.ports}
    yield slots
    for slot in slots.values():
        slot.remove()


@pytest.fixture
def own_pcscd() -> Iterator[MakePcscd]:
    """Makes a pcscd (arguments of `Pcscd`) for this test alone, which may stop and kill it."""
    with ExitStack() as stack:

        def make(
            *readers: str, started: bool = True, plugged: tuple[str, ...] | None = None
        ) -> Pcscd:
            pcscd = Pcscd(readers or FOUR_READERS, started=started, plugged=plugged)
            stack.enter_context(pcscd)
            pcscd.link(LINK)
            return pcscd

        yield make
