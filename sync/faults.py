"""What can go wrong between terminal and platform, as codes a person can act on.

Each class is one sentence of the catalogue; the facts are its blanks. `side` says whose certificate
is meant: `broker` or `terminal`.
"""

from world import Fault


class Unreachable(Fault):
    """No connection to the broker's address. Facts: host, port, cause."""

    code = "sync.unreachable"


class UnknownHost(Fault):
    """The broker's name has no address. Facts: host."""

    code = "sync.unknown-host"


class NoConnack(Fault):
    """Connected, but no CONNACK in time. Facts: host, port, seconds."""

    code = "sync.no-answer"


class CredentialsRefused(Fault):
    """CONNACK 0x86 or 0x87. Facts: host, username (empty when only a certificate was shown)."""

    code = "sync.credentials-refused"


class BrokerRefused(Fault):
    """Any other refusing CONNACK. Facts: host, reason (MQTT 5 name)."""

    code = "sync.broker-refused"


class CertificateExpired(Fault):
    """Facts: side, host, file (the terminal's certificate; empty for the broker's)."""

    code = "sync.certificate-expired"


class CertificateNotYetValid(Fault):
    """Mostly a terminal whose clock is behind. Facts: side, host, file."""

    code = "sync.certificate-not-yet-valid"


class CertificateWrongHost(Fault):
    """The broker's certificate is for another name. Facts: host."""

    code = "sync.certificate-wrong-host"


class CertificateUnknownCa(Fault):
    """Signed by no authority that the other side trusts. Facts: side, host, file (CA file or
    certificate)."""

    code = "sync.certificate-unknown-ca"


class CertificateRefused(Fault):
    """The broker refuses the terminal's certificate, or wants one. Facts: host, file, alert."""

    code = "sync.certificate-refused"


class TlsFile(Fault):
    """A file that TLS needs is missing or not what it should be. Facts: file, cause."""

    code = "sync.tls-file"


class TlsKeyLocked(Fault):
    """The private key is under a passphrase, which no person types at a terminal. Facts: file."""

    code = "sync.tls-key-locked"


class TlsKeyMismatch(Fault):
    """The private key is not that of the certificate. Facts: certificate, key."""

    code = "sync.tls-key-mismatch"


class TlsTooWeak(Fault):
    """OpenSSL holds our certificate, or one of its chain, too weak to use. Facts: file, cause."""

    code = "sync.tls-too-weak"


class TlsFailed(Fault):
    """The handshake failed otherwise. Facts: host, reason (OpenSSL's)."""

    code = "sync.tls-failed"


class ConnectionLost(Fault):
    """An established connection ended. Facts: host, reason."""

    code = "sync.connection-lost"


class SessionTakenOver(Fault):
    """DISCONNECT 0x8E: another box connects under the same name. Facts: host, client."""

    code = "sync.session-taken-over"


class NotConnected(Fault):
    """Nothing may be published now; nothing is queued either."""

    code = "sync.not-connected"


class SubscriptionRefused(Fault):
    """SUBACK with an error. Facts: filter, reason."""

    code = "sync.subscription-refused"


class PublishRefused(Fault):
    """PUBACK with an error, mostly the broker's access list. Facts: topic, reason."""

    code = "sync.publish-refused"


class Unheard(Fault):
    """PUBACK 0x10: the broker has it, no client subscribes to it. Facts: topic."""

    code = "sync.unheard"


class ReceiptOverdue(Fault):
    """Sent, but the platform does not receipt. Facts: seconds, epoch, seq (first one waiting)."""

    code = "sync.receipt-overdue"


class MessageMalformed(Fault):
    """Not a message of the contract. Facts: message, cause."""

    code = "sync.message-malformed"


class MessageTooLarge(Fault):
    """Above the contract's cap, packed or inflated. Facts: message, limit (bytes)."""

    code = "sync.message-too-large"


class Unhandled(Fault):
    """An envelope of a kind this terminal has no use for. Facts: kind."""

    code = "sync.unhandled"


class Misnamed(Fault):
    """An envelope on a topic that names something else. Facts: topic, name."""

    code = "sync.misnamed"
