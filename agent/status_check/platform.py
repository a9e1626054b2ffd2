"""The platform itself as a status service: a request by MQTT with an answer (sync.requests)."""

import re
from typing import Final

from agent.status_check.faults import ServiceRefused
from sync.contract.services import StatusAnswer, StatusRequest, decode, encode
from sync.requests import Requests

SERVICE: Final = "status"
_WORD = re.compile(r"[a-z0-9-]{1,32}")


def our_word(error: str) -> str:
    """An error code that may be shown; anything that is no code is not repeated."""
    return error if _WORD.fullmatch(error) else "unlisted"


class PlatformSource:
    """`agent.status_check.port.StatusSource`."""

    name = "platform"

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def ask(self, question: StatusRequest, within: float) -> StatusAnswer:
        """See `StatusSource`. Raises `ServiceRefused` where the platform answers with an error."""
        asked = self._requests.ask(SERVICE, encode(question), within=within)
        answer = decode(asked.result(), StatusAnswer)
        if answer.error:
            raise ServiceRefused(service=self.name, error=our_word(answer.error))
        return answer
