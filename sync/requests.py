"""Questions to the platform that somebody waits for: HSM, status, codes, sign-in.

Any thread asks; the uplink's task publishes and hears. Nothing here is kept or repeated: what was
not answered in time is the asker's to tell, and a late answer is dropped.
"""

from typing import Protocol

from sync.contract.services import Service
from world import Fault


class RequestFault(Fault):
    """No answer came of it. Fact: `service`. Whether the platform acted on it is not known."""

    code = "request.fault"


class RequestOffline(RequestFault):
    """There is no connection to the platform, or no service there that hears such requests."""

    code = "request.offline"


class RequestBusy(RequestFault):
    """As many are under way as there may be, so nothing was sent."""

    code = "request.busy"


class RequestTimeout(RequestFault):
    """The platform did not answer in time. Facts: `service`, `milliseconds`."""

    code = "request.timeout"


class RequestLost(RequestFault):
    """The connection ended before the answer came."""

    code = "request.lost"


class PendingRequest(Protocol):
    """A question that is under way."""

    def result(self) -> bytes:
        """The answer's payload; waits until the question's time is up. Raises `RequestFault`s."""
        ...


class Requests(Protocol):
    """The way to the platform's services; `sync.uplink.Uplink` has one."""

    def ask(self, service: Service, payload: bytes, *, within: float) -> PendingRequest:
        """Send one question that must be answered `within` seconds from now. Never raises: what
        fails shows in `result`."""
        ...
