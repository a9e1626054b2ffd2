"""Vendors' drivers: the one line at which what is not ours may fail without ending anything.

An entry point of another package → its class, behind a device of ours that asks it everything. What
a driver raises beside the faults of its contract, returns of another type or puts among its events
is a `DriverDefect` of that one device. A defect of our own still ends the process.
"""
