"""What a status service is to this terminal: one question in the house's form, one answer."""

from typing import Protocol

from sync.contract.services import StatusAnswer, StatusRequest


class StatusSource(Protocol):
    """The platform by MQTT, or a province's own service by HTTPS."""

    @property
    def name(self) -> str:
        """As it stands in `Check.source`: "platform", "https:NAME" for a province's service."""
        ...

    def ask(self, question: StatusRequest, within: float) -> StatusAnswer:
        """The three answers; its `error` is empty. Waits at most `within` seconds.

        Raises `agent.status_check.faults`, `sync.requests` and `sync.contract` faults, those of the
        key store and of `sync.tls.client_context`.
        """
        ...
