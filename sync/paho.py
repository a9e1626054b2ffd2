"""What the link uses of paho-mqtt, without what paho brings along and a terminal has no use for.

paho imports `urllib.request` for a proxy, which it looks for only where PySocks is installed: with
`http` and `email` 1.3 MiB in every terminal's memory. So that module is loaded when it is used.
"""

import sys
import urllib
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _LoadedWhenUsed(ModuleType):
    """Stands for a module until something of it is asked for. (`importlib.util.LazyLoader` loads
    at the very `import` statement, which looks at `__spec__`: Python 3.11.)"""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def _load_when_used(name: str) -> None:
    spec = find_spec(name)
    if name not in sys.modules and spec is not None:
        module = _LoadedWhenUsed(name)
        module.__spec__ = spec
        sys.modules[name] = module
        setattr(urllib, name.rpartition(".")[2], module)  # as importing it does


_load_when_used("urllib.request")

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion  # noqa: E402
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402
from paho.mqtt.reasoncodes import ReasonCode  # noqa: E402

__all__ = [
    "CallbackAPIVersion",
    "Client",
    "ConnectFlags",
    "DisconnectFlags",
    "MQTTErrorCode",
    "MQTTMessage",
    "MQTTProtocolVersion",
    "PacketTypes",
    "Properties",
    "ReasonCode",
]
