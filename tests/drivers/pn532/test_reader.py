"""PN532 readers on a simulated chip: the reader contract, and what is the PN532's own."""

from tests.drivers.contract.reader import ReaderContract


class TestPn532Reader(ReaderContract):
    """The fixture `bench` is in conftest."""
