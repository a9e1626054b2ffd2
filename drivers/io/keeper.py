"""Keeps a device: open it, greet it, serve it, and when it goes away open it again, for ever.

A driver inherits `ManagedDevice` and says how to open a connection, how to find out that the
device answers, and what to do on the device's own thread while it is open. State, patience,
back-off, counters and the log's "lost" and "back" are here.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from drivers.contract import DeviceBusy, DeviceFault, DeviceReleased, DeviceState, DeviceStatus
from drivers.io.wait import Interrupted
from world import Task, World

# Of a device that may not have started yet.
DEAF: Final = frozenset({DeviceState.NO_ANSWER, DeviceState.PROTOCOL_ERROR})

LOG = logging.getLogger("onecard.devices")

FIRST_RETRY: Final = 0.25  # seconds; what was lost by a loose plug is back soon
LAST_RETRY: Final = 5.0  # seconds; `look` does not wait for it
BUSY_RETRY: Final = 1.0  # seconds; who holds a device that was just plugged in lets go of it soon
STEADY: Final = 5.0  # seconds open until a device counts as well and its back-off starts anew
# A board that restarts when its port is opened (DTR resets it) is deaf, or says its boot text, for
# some seconds. Closed and opened again it would restart again, so it is asked again instead.
STARTS_WITHIN: Final = 6.0  # seconds from the opening; twice as long after each one in vain …
STARTS_AT_MOST: Final = 30.0  # … up to this
ASK_AGAIN: Final = 0.25  # seconds
FIRST_LOOK_WITHIN: Final = 0.3  # seconds that a call waits for a device that was started just now
STOP_WITHIN: Final = 2.0  # seconds


class DeviceConnection(Protocol):
    """What a driver holds while its device is open."""

    @property
    def attached(self) -> str:
        """What the system calls the device: a path, or an address."""
        ...

    def interrupt(self) -> None:
        """Make the call that the device's thread waits in raise `Interrupted`. Any thread."""
        ...

    def close(self) -> None:
        """Give the device back. The device's own thread calls it, once."""
        ...


C = TypeVar("C", bound=DeviceConnection)


class ManagedDevice(ABC, Generic[C]):
    """A device with a thread of its own; see `drivers.contract.Device`."""

    # Opening its port may restart it: a device that falls silent soon after is not opened anew.
    RESTARTS: ClassVar[bool] = False

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._guard = world.lock()  # over what follows
        self._connection: C | None = None
        self._greeting: C | None = None  # open, and has not answered yet
        self._starts_within = STARTS_WITHIN
        self._served_since: float | None = None  # World.monotonic() of the last connection
        self._fault: DeviceFault | None = None
        self._attached = ""
        self._lost = 0
        self._presented = 0
        self._counters: Counter[str] = Counter()
        self._stopping = False
        self._released = False
        self._told = False  # the log knows that it is away
        self._looked = world.event()  # whether it is there has been found out once
        self._wanted = world.event()  # somebody wants the thread to look again now
        self._closed = world.event()  # nothing is open
        self._closed.set()
        self._task: Task | None = None

    # What a driver says

    @abstractmethod
    def _open(self) -> C:
        """Open the device. Raises `DeviceFault`; runs on its thread."""

    def _greet(self, connection: C) -> None:
        """Find out that the device answers: one try, as often as it takes until it does. Raises
        `DeviceFault`; runs on its thread. A device that answers nothing is not greeted."""

    @abstractmethod
    def _serve(self, connection: C) -> None:
        """Serve it until `Interrupted` or a `DeviceFault`, which count as the end of this
        connection; an ordinary return does too."""

    def _present(self) -> None:
        """Count one card, code or document."""
        with self._guard:
            self._presented += 1

    def _count(self, what: str, by: int = 1) -> None:
        """Count something of the driver's own for `status().counters`."""
        with self._guard:
            self._counters[what] += by

    @contextmanager
    def _held(self) -> Iterator[C]:
        """The open connection, for a call from another thread. Raises the `DeviceFault` for which
        there is none. A `DeviceFault` inside ends the connection, unless it is about the answer
        only: catch that one inside."""
        self._looked.wait(FIRST_LOOK_WITHIN)
        with self._guard:
            connection, fault = self._connection, self._fault
        if connection is None:
            raise _anew(fault) if fault else DeviceFault(device=self._name)
        try:
            yield connection
        except DeviceFault as broken:
            self._drop(connection, broken)
            raise

    # `drivers.contract.Device`

    @property
    def name(self) -> str:
        """The name in the settings, unique among all devices of the terminal."""
        return self._name

    def start(self) -> None:
        """Begin the device's thread, which opens the device and opens it anew after every loss.
        Never waits, never raises for a missing device."""
        self._task = self._world.spawn(self._keep, name=f"device {self._name}")

    def stop(self) -> None:
        """End the connection and the thread; returns when it has ended, or after 2 s when it
        hangs."""
        with self._guard:
            self._stopping = True
        self._call_back()
        if self._task is not None and not self._task.join(STOP_WITHIN):
            LOG.warning("device %s: hangs, left as it is", self._name)

    def look(self) -> None:
        """Something was plugged or unplugged: a missing device is looked for now, without waiting
        for the next try. Any thread."""
        with self._guard:
            missing = self._connection is None
        if missing:
            self._wanted.set()

    def status(self) -> DeviceStatus:
        """The state of this moment, from memory. `lost`: connections that ended by a fault since
        `start`; `fault`: code of the last one, empty while the device is open. Any thread."""
        with self._guard:
            fault = self._fault
            ready = self._connection is not None
            return DeviceStatus(
                self._name,
                DeviceState.READY if ready else fault.state if fault else DeviceState.ABSENT,
                attached=self._attached,
                fault=fault.code if fault else "",
                lost=self._lost,
                presented=self._presented,
                holder=str(fault.facts.get("holder", "")) if fault and not ready else "",
                facts=dict(fault.facts) if fault else {},
                counters=dict(self._counters),
            )

    def release(self) -> None:
        """Let another program have the device until `take_back`; closed on return, or after 2 s."""
        with self._guard:
            self._released = True
            if self._closed.is_set():
                self._fault = DeviceReleased(device=self._name)
        self._call_back()
        self._closed.wait(STOP_WITHIN)

    def take_back(self) -> None:
        """Open the device again after `release`; without one nothing but a look for it."""
        with self._guard:
            self._released = False
        self._wanted.set()

    # The device's thread

    def _keep(self) -> None:
        delay = FIRST_RETRY
        while not self._over():
            self._wanted.clear()
            self._run_once()
            if self._over():
                break
            delay = FIRST_RETRY if self._was_steady() else delay
            if not self._wanted.wait(None if self._is_released() else delay):
                delay = min(delay * 2, BUSY_RETRY if self._is_busy() else LAST_RETRY)

    def _run_once(self) -> None:
        """One connection, from its opening to its end."""
        with self._guard:  # `release` finds it closed, or waits
            released = self._released
            if not released:
                self._closed.clear()
        if released:
            self._away(DeviceReleased(device=self._name))
            return
        try:
            connection = self._open()
            try:
                self._keep_open(connection)
            finally:
                with self._guard:
                    self._greeting = None
                connection.close()
        except Interrupted:
            pass
        except DeviceFault as fault:
            self._away(fault)
        finally:
            with self._guard:
                self._connection = None
                if self._released:  # told before `release` returns
                    self._fault = DeviceReleased(device=self._name)
            self._closed.set()

    def _keep_open(self, connection: C) -> None:
        """Greet and serve; what falls silent while it may be starting is greeted again. Raises the
        `DeviceFault` that ends the connection, `Interrupted`."""
        started_by = self._world.monotonic() + self._starts_within
        while self._greeted(connection, started_by) and self._here(connection):
            try:
                self._serve(connection)
            except DeviceFault as fault:
                late = self._world.monotonic() >= started_by
                if late or fault.state not in DEAF or not self.RESTARTS:
                    raise
                self._away(fault)
                self._pause()
            else:
                return

    def _greeted(self, connection: C, started_by: float) -> bool:
        """Greet the device until it answers. False when nobody wants it any more. Raises the
        `DeviceFault` for which it does not."""
        with self._guard:
            self._greeting = connection
        while not self._is_unwanted():
            try:
                self._greet(connection)
            except DeviceFault as fault:
                if fault.state not in DEAF:
                    raise
                if self._world.monotonic() >= started_by:
                    self._starts_within = min(2 * self._starts_within, STARTS_AT_MOST)
                    raise
                self._note_deaf(fault)
                self._pause()
            else:
                self._starts_within = STARTS_WITHIN
                return True
        return False

    def _note_deaf(self, fault: DeviceFault) -> None:
        """It does not answer yet: its status says so, the log waits."""
        with self._guard:
            if not self._released:
                self._fault = _anew(fault)
        self._looked.set()

    def _pause(self) -> None:
        """Until it is to be asked again, or somebody wants the thread."""
        self._wanted.wait(ASK_AGAIN)
        self._wanted.clear()

    def _was_steady(self) -> bool:
        """Whether the last connection was a good one."""
        since, self._served_since = self._served_since, None
        return since is not None and self._world.monotonic() - since >= STEADY

    def _here(self, connection: C) -> bool:
        """The device is open. False when nobody wants it any more."""
        with self._guard:
            if self._stopping or self._released:
                return False
            self._greeting = None
            self._served_since = self._world.monotonic()
            self._connection = connection
            self._attached = connection.attached
            self._fault = None
            was_away, self._told = self._told, False
        self._looked.set()
        if was_away:
            LOG.info("device %s: back", self._name)
        return True

    def _away(self, fault: DeviceFault) -> None:
        """The device cannot be used; told once, until it is back."""
        with self._guard:
            news = self._note_away(fault)
        self._say_away(news, fault)

    def _note_away(self, fault: DeviceFault) -> bool:
        """Under the guard. True when the log does not know yet."""
        self._lost += self._connection is not None
        self._connection = None
        self._fault = _anew(fault)
        news, self._told = not self._told, True
        self._looked.set()
        return news

    def _say_away(self, news: bool, fault: DeviceFault) -> None:
        if news:
            LOG.warning("device %s: %s", self._name, fault.code)

    def _drop(self, connection: C, fault: DeviceFault) -> None:
        """A call from another thread found the connection broken: the thread opens a new one."""
        with self._guard:
            if self._connection is not connection:  # which is open anew, or being closed
                return
            news = self._note_away(fault)
        self._say_away(news, fault)
        connection.interrupt()

    def _call_back(self) -> None:
        """Wake the thread wherever it waits."""
        self._wanted.set()
        with self._guard:
            open_now = self._connection or self._greeting
            if open_now is not None:
                open_now.interrupt()

    def _over(self) -> bool:
        with self._guard:
            return self._stopping

    def _is_unwanted(self) -> bool:
        with self._guard:
            return self._stopping or self._released

    def _is_busy(self) -> bool:
        """Another program held it when it was to be opened."""
        with self._guard:
            return isinstance(self._fault, DeviceBusy)

    def _is_released(self) -> bool:
        with self._guard:
            return self._released


def _anew(fault: DeviceFault) -> DeviceFault:
    """The same fault without its past. One that is kept, and raised at every call while a device is
    away, would gather the frames of all of them, and what stands in these: names, codes."""
    return type(fault)(**fault.facts)
