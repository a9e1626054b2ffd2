"""Vendors' drivers: the one line at which what is not ours may fail without ending anything.

An entry point of another package → its class, behind a device of ours that asks it everything. What
a driver raises beside the faults of its contract, returns of another type or puts among its events
is a `DriverDefect` of that one device. A defect of our own still ends the process.
"""

from drivers.foreign.devices import ForeignDevice, foreign_device
from drivers.foreign.guard import DriverDefect, Guard, Origin, is_foreign_code, ours
from drivers.foreign.readers import ForeignReaders

__all__ = [
    "DriverDefect",
    "ForeignDevice",
    "ForeignReaders",
    "Guard",
    "Origin",
    "foreign_device",
    "is_foreign_code",
    "ours",
]
