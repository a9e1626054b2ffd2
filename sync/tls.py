"""TLS to the broker: a context from three PEM files, and OpenSSL's errors as Faults.

Python's ssl reads PEM files by path only, so these do not pass through `World.open`.
"""

import ssl
from typing import Any

from config.model import Sync
from sync import faults
from world import Fault

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID = {9}
_EXPIRED = {10}
_WRONG_HOST = {62, 64}
_UNKNOWN_CA = {2, 18, 19, 20, 21, 27}


class TracingSocket(ssl.SSLSocket):
    """Remembers the alert that ends a connection.

    In TLS 1.3 the broker judges our certificate after our handshake is over, so its verdict comes
    with the first read, where paho logs it and drops it.
    """

    alert: ssl.SSLError | None = None

    def recv(self, *arguments: Any, **options: Any) -> bytes:
        try:
            return super().recv(*arguments, **options)
        except ssl.SSLError as error:
            if "ALERT" in (error.reason or ""):
                self.alert = error
            raise


def context(settings: Sync) -> ssl.SSLContext:
    """TLS ≥ 1.2 that checks chain and host name. `settings.ca` must be set. Raises `TlsFile`."""
    assert settings.ca is not None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.sslsocket_class = TracingSocket
    try:
        made.load_verify_locations(settings.ca)
    except OSError as error:  # ssl.SSLError is one
        raise faults.TlsFile(file=settings.ca, cause=_cause(error)) from error
    if settings.certificate is not None:
        try:
            made.load_cert_chain(settings.certificate, settings.key)
        except OSError as error:
            raise faults.TlsFile(file=settings.certificate, cause=_cause(error)) from error
    return made


def broker_certificate(settings: Sync, error: ssl.SSLCertVerificationError) -> Fault:
    """Why we do not take the broker's certificate."""
    where = {"side": "broker", "host": settings.host, "file": settings.ca or ""}
    if error.verify_code in _EXPIRED:
        return faults.CertificateExpired(**where)
    if error.verify_code in _NOT_YET_VALID:
        return faults.CertificateNotYetValid(**where)
    if error.verify_code in _WRONG_HOST:
        return faults.CertificateWrongHost(host=settings.host)
    if error.verify_code in _UNKNOWN_CA:
        return faults.CertificateUnknownCa(**where)
    return faults.TlsFailed(host=settings.host, reason=error.verify_message)


def alert(settings: Sync, error: ssl.SSLError) -> Fault:
    """Why the broker does not take ours (RFC 8446, 6.2), or what else broke TLS."""
    reason = error.reason or "unknown"
    where = {"side": "terminal", "host": settings.host, "file": settings.certificate or ""}
    if "ALERT_CERTIFICATE_EXPIRED" in reason:
        return faults.CertificateExpired(**where)
    if "ALERT_UNKNOWN_CA" in reason:
        return faults.CertificateUnknownCa(**where)
    if "CERTIFICATE" in reason and "ALERT" in reason:
        return faults.CertificateRefused(
            host=settings.host, file=settings.certificate or "", alert=reason
        )
    return faults.TlsFailed(host=settings.host, reason=reason)


def _cause(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not PEM"
    return error.strerror or type(error).__name__
