"""The card readers of the whole suite: one real pcscd with four readers, started at first use.

libpcsclite reads the way to pcscd once per process, so that way is a link which a test with a pcscd
of its own turns for its time. It is set here, before any test can make a PC/SC call.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from proving.conformance import emptied
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.vpcd import Slot

PATIENCE = 300.0  # seconds; as long as half a test's timeout in pyproject.toml

_FOLDER = tempfile.TemporaryDirectory(prefix="onecard-tests-")
LINK = Path(_FOLDER.name) / "pcscd.comm"
os.environ["PCSCLITE_CSOCK_NAME"] = str(LINK)

# The suite says the same of the same tree wherever it runs; what hypothesis finds on its way
# elsewhere is for  ./run test --hunt. A busy machine fails nothing.
_PATIENT = settings(
    settings.get_profile("default"),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("suite", _PATIENT, derandomize=True)
settings.register_profile("search", _PATIENT, derandomize=False)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis draws from the constants of whichever modules are imported by then: other tests
    beside one, other examples. The suite's are drawn without them; there is no setting for it."""
    if config.getoption("hypothesis_profile", None) in (None, "suite"):
        providers._get_local_constants = lambda: providers._local_constants


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """A teardown that hangs fails, with its name. pytest-timeout's alarm rings once for a test:
    when a program hangs in it, its teardown would wait for that program for ever."""

    def ring(number: int, frame: FrameType | None) -> NoReturn:
        pytest.fail(f"the teardown waits longer than {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)  # each of its steps may hang
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
    # pcscd looks into a slot when it comes to it. On a busy machine it would take a card that the
    # next test puts in for the one that has gone, and not power it: 9 of 3 000 beside six loops.
    assert emptied.main([slot.attached for slot in slots.values()]) == 0


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
