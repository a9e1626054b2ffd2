"""A vendor's package with drivers, as pip would have installed it: some good, most of them not."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "acme-drivers"
MODULE = "acme_drivers"

# A driver that keeps its contract, and what others of the family do instead.
GOOD = """
from drivers.contract import (
    Code, Crossing, DeviceState, DeviceStatus, Document, Interface, Pin, Presence, Unread,
)
from apdu.channel import Transport
from world import Fault
import asyncio
import math
import threading
import time


class Device:
    def __init__(self, world, name, options):
        self.world, self.name = world, name
        self.events = world.queue()
        self.told = []

    def start(self):
        pass

    def stop(self):
        pass

    def look(self):
        pass

    def status(self):
        return DeviceStatus(self.name, DeviceState.READY, attached="acme")

    # of every kind
    senses = True

    def open(self, direction):
        self.told.append(direction)
        self.events.put(Crossing(self.name, direction, self.world.monotonic()))

    def show(self, prompt):
        self.told.append(prompt)

    def release(self):
        pass

    take_back = release

    def ask(self, *, minimum=6, maximum=6, timeout=30.0):
        return Pin(bytearray(b"123456"))

    ask_new = ask

    def cancel(self):
        pass

    def print(self, receipt):
        self.told.append(receipt)


class Handle:
    transport = Transport.T1
    atr = b"\\x3b"

    def transmit(self, command):
        return b"\\x90\\x00"

    def present(self):
        return True

    def close(self):
        pass


class Reader:
    def __init__(self, world, binding):
        self.name, self.interface = binding.name, binding.interface
        self.world = world
        self.events = world.queue()

    def open(self, count=None):
        return Handle()

    def status(self):
        return DeviceStatus(self.name, DeviceState.READY, attached="acme reader")

    def give_up(self):
        pass


class Readers:
    def __init__(self, world, bindings):
        self.made = [Reader(world, binding) for binding in bindings]

    def start(self):
        pass

    def stop(self):
        pass

    def readers(self):
        return self.made

    def attached(self):
        return ["acme reader"]

    def look(self):
        pass

    def looked(self):
        return True


def boom(*_, **__):
    raise ValueError("secret" + " of somebody")


class RaisesInInit(Device):
    __init__ = boom


class WrongInit(Device):
    def __init__(self):
        pass


class RaisesInStart(Device):
    start = boom


class RaisesInStatus(Device):
    status = boom


class NoStatus(Device):
    def status(self):
        return {"state": "ready"}


class OddStatus(Device):
    def status(self):
        return DeviceStatus(
            self.name, DeviceState.READY, attached=None, lost=True, facts={1: object()}
        )


class RaisesWhenAsked(Device):
    open = show = ask = ask_new = print = release = cancel = look = stop = boom


class OddEvents(Device):
    def start(self):
        for event in (None, "code", Code(self.name, "text", 0.0, 0.0), object()):
            self.events.put(event)
        self.events.put(Code(self.name, b"good", 0.0, 0.0))


class NoEvents(Device):
    def __init__(self, world, name, options):
        super().__init__(world, name, options)
        del self.events


class ThreadRaises(Device):
    def start(self):
        self.world.spawn(boom, name="acme")


class OwnThreadRaises(Device):
    def start(self):
        own = threading.Thread(target=boom)
        own.start()
        own.join()  # it raises while its test runs


def cancelled(*_, **__):
    raise asyncio.CancelledError


class AlwaysCancelled(Device):
    open = show = ask = ask_new = print = release = cancel = look = start = stop = cancelled
    status = cancelled


class CancelledInInit(Device):
    __init__ = cancelled


class ThreadCancelled(Device):
    def start(self):
        self.world.spawn(cancelled, name="acme")


class OddFault(Fault):
    code = None


def fault_of_another_form(*_, **__):
    raise OddFault(what=object())


class OddFaults(Device):
    open = show = ask = ask_new = print = release = cancel = look = start = stop = (
        fault_of_another_form
    )
    status = fault_of_another_form


class NoFacts(Fault):
    code = "acme.no-facts"

    def __init__(self):
        pass


class WrongFacts(Fault):
    code = "acme.wrong-facts"

    def __init__(self):
        self.facts = [1]


class RaisingFacts(Fault):
    code = "acme.raising-facts"
    facts = property(boom, lambda *_: None)


class NumberedFacts(Fault):
    code = "acme.numbered-facts"

    def __init__(self):
        self.facts = {1: "one"}


def raising(kind):
    def raise_it(*_, **__):
        raise kind()

    return raise_it


class FaultsWithoutFacts(Device):
    open = ask = release = start = status = raising(NoFacts)
    show = ask_new = take_back = look = raising(WrongFacts)
    print = stop = raising(RaisingFacts)
    cancel = raising(NumberedFacts)


class FaultlessEvents(Device):
    def start(self):
        for kind in (NoFacts, WrongFacts, RaisingFacts, NumberedFacts, Fault):
            self.events.put(Unread(self.name, 1, kind(), 0.0, 0.0, True))


class ThreadRaisesWithoutFacts(Device):
    def start(self):
        self.world.spawn(raising(NoFacts), name="acme")


class OtherClocks(Device):
    def start(self):
        for at in (math.nan, math.inf, -math.inf, 10**400, time.time()):
            self.events.put(Code(self.name, b"at", at, at))
        self.events.put(Code(object(), b"source", 0.0, 0.0))
        self.events.put(Code(self.name, b"came", 0.0, 0.0, came=None))
        self.events.put(Code(self.name, b"good", 0.0, 0.0))


class OddPins(Device):
    def ask(self, **_):
        return Pin("123456")

    def ask_new(self, **_):
        self.typed = bytearray(b"12a456")
        return Pin(self.typed)


class EventsOutOfNothing(Device):
    def __init__(self, world, name, options):
        super().__init__(world, name, options)
        self.events = self
        self.asked = 0

    def get(self):
        self.asked += 1

    def put(self, event):
        pass


class NoReaders(Readers):
    def readers(self):
        return []


class ReadersRaise(Readers):
    readers = start = stop = look = looked = attached = boom


class ReadersRaiseInInit(Readers):
    __init__ = boom


class BadHandle(Handle):
    transmit = present = close = boom


class BadReader(Reader):
    def open(self, count=None):
        return BadHandle()


class BadCards(Readers):
    def __init__(self, world, bindings):
        self.made = [BadReader(world, binding) for binding in bindings]


class SignalRaises(Readers):
    def __init__(self, world, bindings):
        self.made = [SignalRaisesReader(world, binding) for binding in bindings]


class SignalRaisesReader(Reader):
    @property
    def signal(self):
        return boom()


class NoHandle(Reader):
    def open(self, count=None):
        return None


class NoCards(Readers):
    def __init__(self, world, bindings):
        self.made = [NoHandle(world, binding) for binding in bindings]
"""

DEVICES = (
    *("Device", "RaisesInInit", "WrongInit", "RaisesInStart", "RaisesInStatus", "NoStatus"),
    *("OddStatus", "RaisesWhenAsked", "OddEvents", "NoEvents", "ThreadRaises", "OwnThreadRaises"),
    *(
        "AlwaysCancelled",
        "CancelledInInit",
        "ThreadCancelled",
        "OddFaults",
        "FaultsWithoutFacts",
        "FaultlessEvents",
        "ThreadRaisesWithoutFacts",
        "OtherClocks",
        "OddPins",
    ),
    "EventsOutOfNothing",
)
READERS = (
    "Readers",
    "NoReaders",
    "ReadersRaise",
    "ReadersRaiseInInit",
    "BadCards",
    "NoCards",
    "SignalRaises",
)
# What cannot even be loaded: entry point → its module's text, and the class that it names.
UNLOADABLE = {
    "syntax": ("def (:\n", "Device"),
    "import": ("import acme_that_is_nowhere\n", "Device"),
    "no-class": ("", "Device"),
    "raises": ("raise ValueError('secret of somebody')\n", "Device"),
    "cancelled": ("import asyncio\nraise asyncio.CancelledError\n", "Device"),
    "exits": ("import sys\nsys.exit(3)\n", "Device"),
}
GROUPS = ("scanners", "documents", "barriers", "prompts", "pinpads", "printers")


def kebab(name: str) -> str:
    return "acme-" + "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def install(folder: Path) -> None:
    """Put it there as one of the packages of a path."""
    (folder / f"{MODULE}.py").write_text(GOOD)
    lines = []
    for group in (*GROUPS, "readers"):
        lines.append(f"[onecard.{group}]")
        for name in READERS if group == "readers" else DEVICES:
            lines.append(f"{kebab(name)} = {MODULE}:{name}")
        for name, (text, attribute) in UNLOADABLE.items():
            module = f"{MODULE}_{name.replace('-', '_')}"
            (folder / f"{module}.py").write_text(text)
            lines.append(f"acme-{name} = {module}:{attribute}")
    # A hand wrote this one.
    lines.append(f"acme-odd = {MODULE} : Device extra")
    info = folder / f"{MODULE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """In this process."""
    install(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(MODULE)]:
            del sys.modules[name]
