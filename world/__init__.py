"""The one door to the outside: time, chance, threads, queues, files, sockets, databases.

Product code reaches none of these by itself; it is handed a `World`. `world.real` is the machine;
`simulators.world` is a seeded one in which every task runs in turn, so that a history of faults can
be replayed. Faults, the base of every error that a person has to act on, live here too, because
every room may import this one and this one imports no other.
"""

from world.fault import Fault, cause_of
from world.ports import (
    Caller,
    Connected,
    Database,
    Event,
    Listener,
    Lock,
    Peer,
    Queue,
    QueueEmpty,
    Stream,
    Task,
    World,
)

__all__ = [
    "Caller",
    "Connected",
    "Database",
    "Event",
    "Fault",
    "Listener",
    "Lock",
    "Peer",
    "Queue",
    "QueueEmpty",
    "Stream",
    "Task",
    "World",
    "cause_of",
]
