"""TLS to the broker: a context from three PEM files, and OpenSSL's errors as Faults.

Python's ssl reads a chain and its key by path only, so `World.open` does not read these files; it
looks at each before. To ssl a pipe is a file to wait for, and a path that the locale cannot name
is a UnicodeEncodeError.
"""

import ssl
from pathlib import Path
from typing import Any

from config.model import Sync
from sync import faults
from world import Fault, World, cause_of

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID = {9}
_EXPIRED = {10}
_WRONG_HOST = {62, 64}
_UNKNOWN_CA = {2, 18, 19, 20, 21, 27}

# SSL_R_* of OpenSSL's sslerr.h: below its security level, by length of key or by digest
_TOO_WEAK = {"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}

NO_CERTIFICATE = "NO_CERTIFICATE_FOUND"  # in OpenSSL's manner


class TracingSocket(ssl.SSLSocket):
    """Remembers the alert that ends a connection.

    In TLS 1.3 the broker judges our certificate after our handshake is over, so its verdict comes
    with the first read, where paho logs it and drops it.
    """

    alert: ssl.SSLError | None = None

    def recv(self, *arguments: Any, **options: Any) -> bytes:
        """As `ssl.SSLSocket.recv`; an alert that it raises is kept in `alert`."""
        try:
            return super().recv(*arguments, **options)
        except ssl.SSLError as error:
            if "ALERT" in (error.reason or ""):
                self.alert = error
            raise


def context(world: World, settings: Sync) -> ssl.SSLContext:
    """For the broker. `settings.ca` must be set. Raises as `client_context`."""
    assert settings.ca is not None
    made = client_context(world, settings.ca, settings.certificate, settings.key)
    made.sslsocket_class = TracingSocket
    return made


def client_context(
    world: World, ca: str | None, certificate: str | None, key: str | None
) -> ssl.SSLContext:
    """TLS ≥ 1.2 that checks chain and host name; PEM files by path. Without `ca` the system's
    authorities are trusted; without `key` the certificate's file holds it.

    Raises `TlsFile`, `TlsKeyLocked`, `TlsKeyMismatch`, `TlsTooWeak`: each names the file that is
    wrong.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in (ca, certificate, key):
        if file is not None:
            _look(world, file)
    if ca is None:
        made.load_default_certs()
    else:
        _trust(made, ca)
    if certificate is not None:
        _own(made, certificate, key or certificate)
    return made


def _look(world: World, file: str) -> None:
    try:
        world.open(Path(file), "rb", regular=True).close()
    except OSError as error:
        raise faults.TlsFile(file=file, cause=_cause(error)) from error


def _trust(made: ssl.SSLContext, file: str) -> None:
    try:
        made.load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        raise faults.TlsFile(file=file, cause=_cause(error)) from error
    if not made.cert_store_stats()["x509"]:  # lists of revoked ones alone
        raise faults.TlsFile(file=file, cause=NO_CERTIFICATE)


def _own(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL's error does not say which of both files it is about, so each is looked at first."""
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
    passphrase = _NoPassphrase()
    try:
        made.load_cert_chain(certificate, key, passphrase)
    except OSError as error:
        cause = _cause(error)
        if passphrase.asked:
            raise faults.TlsKeyLocked(file=key) from error
        if cause == "KEY_VALUES_MISMATCH":
            raise faults.TlsKeyMismatch(certificate=certificate, key=key) from error
        if cause in _TOO_WEAK:
            raise faults.TlsTooWeak(file=certificate, cause=cause) from error
        raise faults.TlsFile(file=key, cause=cause) from error


class _NoPassphrase:
    """What OpenSSL asks for a passphrase, in place of the terminal: nobody types one there."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> str:
        self.asked = True
        return ""


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
    return cause_of(error)
