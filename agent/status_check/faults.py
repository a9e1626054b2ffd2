"""Why a status service gave no answer. None of it says anything of the person asked about: what a
service sends is never repeated."""

from typing import ClassVar

from world import Fault


class StatusServiceFault(Fault):
    """Base. Fact: `service`, its name in the settings."""

    code: ClassVar[str] = "status.fault"


class NoService(StatusServiceFault):
    """No service has the card's region, and there is no default. No facts."""

    code = "status.no-service"


class NobodyToAskAbout(StatusServiceFault):
    """The credential names neither card nor person. No facts."""

    code = "status.nobody"


class Resting(StatusServiceFault):
    """It failed several times in a row and is left alone for a while. Facts: service, seconds."""

    code = "status.resting"


class Busy(StatusServiceFault):
    """Too many questions are still under way. Facts: service, waiting."""

    code = "status.busy"


class ServiceUnreachable(StatusServiceFault):
    """No connection. Facts: service, host, port, cause."""

    code = "status.unreachable"


class TimedOut(StatusServiceFault):
    """Not answered, or not to the end, in time. Facts: service, milliseconds."""

    code = "status.timeout"


class BadCertificate(StatusServiceFault):
    """The server that answers there is not the one that the certificate must name. Facts: service,
    host, cause."""

    code = "status.bad-certificate"


class HttpError(StatusServiceFault):
    """Not HTTP 200. Facts: service, status."""

    code = "status.http"


class Redirected(HttpError):
    """Redirects are not followed: the question would go to the host that they name."""

    code = "status.redirected"


class TooLarge(StatusServiceFault):
    """Facts: service, limit (bytes)."""

    code = "status.too-large"


class AnswerMalformed(StatusServiceFault):
    """Not what the mapping says. Facts: service, part (a path of the mapping, or of HTTP)."""

    code = "status.malformed"


class BadSignature(StatusServiceFault):
    """The answer's signature is missing or not the service's."""

    code = "status.bad-signature"


class ServiceRefused(StatusServiceFault):
    """The service says that it cannot answer. Facts: service, error (our word for it)."""

    code = "status.refused"


class Unaskable(StatusServiceFault):
    """A field that the service needs is empty for this credential. Facts: service, field."""

    code = "status.unaskable"
