"""`Link` by paho-mqtt: MQTT 5, TLS, manual acknowledgement, one fresh client per connection.

A fresh client has nothing of an earlier connection to resend, and paho's own traps are closed here:
it does not read the broker's Receive Maximum, it queues while offline, and its own thread wakes
every second; so we count, we refuse, and we run its loop on a task of the World.
"""

import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from config.model import Sync
from sync import faults, tls
from sync.link import Acknowledged, Correlation, Lost, Message, Signal, Will
from sync.paho import (
    CallbackAPIVersion,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTErrorCode,
    MQTTMessage,
    MQTTProtocolVersion,
    PacketTypes,
    Properties,
    ReasonCode,
)
from trust.keystore import KeyStore
from trust.secrets import PASSWORD, read_secret
from world import Event, Fault, Queue, QueueEmpty, World, cause_of

_TCP_NODELAY = (6, 1)  # IPPROTO_TCP, TCP_NODELAY of tcp(7)
ANSWER_SECONDS = 10.0  # for TCP, TLS, CONNACK and SUBACK each

# MQTT 5, 2.4: reason codes
_NO_MATCHING_SUBSCRIBERS = 0x10
_ERROR = 0x80
_CREDENTIALS = {0x86, 0x87}
_SESSION_TAKEN_OVER = 0x8E


@dataclass(frozen=True, slots=True)
class _Puback:
    packet: int
    reason: int
    name: str


class _Connection:
    """One client from CONNECT to its end, and what its network task has learnt."""

    def __init__(self, world: World, client: Client, number: int, wake: Event) -> None:
        self.client = client
        self.number = number
        self.wake = wake
        self.signals: Queue[Message | _Puback | Lost] = world.queue()
        self.answered = world.event()  # CONNACK, SUBACK or the end
        self.begun = False  # CONNACK said yes
        self.open = False
        self.leaving = False
        self.room_limit = 0
        self.sent: dict[int, str] = {}  # packet identifier → topic; the caller's thread only
        self.subscribed: dict[int, list[ReasonCode]] = {}
        self.fault: Fault | None = None

    def signal(self, signal: "Message | _Puback | Lost") -> None:
        self.signals.put(signal)
        self.wake.set()


class PahoLink:
    """See `sync.link.Link`. `client_id` is the name at the broker; `password` stays in here.

    `requests`: how many messages may be on their way beyond the settings' `max_inflight`.
    """

    def __init__(
        self,
        world: World,
        settings: Sync,
        client_id: str,
        *,
        username: str | None = None,
        password: str | None = None,
        secret: Callable[[], str] | None = None,
        requests: int = 0,
    ) -> None:
        """`secret`: gives the password, at each connection anew."""
        self._world = world
        self._settings = settings
        self._client_id = client_id
        self._username = username
        self._password = password
        self._secret = secret
        self._most = settings.max_inflight + requests
        self._numbers = itertools.count(1)
        self._connection: _Connection | None = None

    # Connecting

    def connect(self, will: Will | None, wake: Event) -> None:
        self.disconnect()
        connection = _Connection(self._world, self._client(will), next(self._numbers), wake)
        self._listen(connection)
        self._open_socket(connection.client)
        self._connection = connection
        self._world.spawn(lambda: self._run(connection), name=f"mqtt-{self._client_id}")
        self._await(connection, lambda: connection.begun)

    def _client(self, will: Will | None) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = ANSWER_SECONDS
        client.max_inflight_messages = self._most
        if self._settings.ca is not None:
            client.tls_set_context(tls.context(self._world, self._settings))
        if self._username is not None:
            password = self._secret() if self._secret is not None else self._password
            client.username_pw_set(self._username, password)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        return client

    def _open_socket(self, client: Client) -> None:
        settings = self._settings
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        try:
            client.connect(
                settings.host,
                settings.port,
                settings.keepalive,
                clean_start=True,
                properties=properties,
            )
        except ssl.SSLCertVerificationError as error:
            raise tls.broker_certificate(settings, error) from error
        except ssl.SSLError as error:
            raise tls.alert(settings, error) from error
        except (OSError, UnicodeError) as error:  # the latter: no name that IDNA knows
            raise self._no_socket(error) from error
        # Else a PUBACK holds back the batch behind it until the broker's delayed ACK, 40 ms.
        cast(Any, client.socket()).setsockopt(*_TCP_NODELAY, 1)

    def _no_socket(self, error: OSError | UnicodeError) -> Fault:
        host, port = self._settings.host, self._settings.port
        if isinstance(error, UnicodeError):
            return faults.UnknownHost(host=host)
        if error.errno is not None and error.errno < 0:  # EAI_* of getaddrinfo, not an errno
            return faults.UnknownHost(host=host)
        cause = "timeout" if isinstance(error, TimeoutError) else cause_of(error)
        return faults.Unreachable(host=host, port=port, cause=cause)

    def _await(self, connection: _Connection, there: Callable[[], bool]) -> None:
        """Wait until the network task reports what `there` looks for, or an end of it all."""
        end = self._world.monotonic() + ANSWER_SECONDS
        while True:
            if there():
                return
            if connection.fault is not None:
                self.disconnect()
                raise connection.fault
            if not connection.answered.wait(end - self._world.monotonic()):
                self.disconnect()
                raise faults.NoConnack(
                    host=self._settings.host,
                    port=self._settings.port,
                    seconds=int(ANSWER_SECONDS),
                )
            connection.answered.clear()

    # The network task: paho calls back, nothing here blocks

    def _run(self, connection: _Connection) -> None:
        client = connection.client
        socket = client.socket()
        code = MQTTErrorCode.MQTT_ERR_SUCCESS
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS:
            # A quarter of keepalive: PINGREQ is at most 1.25 late, the broker waits 1.5. paho has
            # taken over the broker's Server Keep Alive (MQTT 5, 3.2.2.3.14) after CONNACK.
            code = client.loop(client.keepalive / 4)
        if isinstance(socket, tls.TracingSocket) and socket.alert is not None:
            connection.fault = tls.alert(self._settings, socket.alert)
        elif connection.fault is None:
            connection.fault = self._lost(code.name)
        connection.open = False
        connection.answered.set()
        if not connection.leaving:
            connection.signal(Lost(connection.fault))

    def _listen(self, connection: _Connection) -> None:
        client = connection.client

        def on_connect(
            _c: Client, _u: Any, _f: ConnectFlags, reason: ReasonCode, properties: Properties | None
        ) -> None:
            if reason.value >= _ERROR:
                connection.fault = self._refused(reason)
            else:
                theirs = getattr(properties, "ReceiveMaximum", 65535)
                connection.room_limit = min(self._most, theirs)
                connection.begun = connection.open = True
            connection.answered.set()

        def on_disconnect(
            _c: Client, _u: Any, flags: DisconnectFlags, reason: ReasonCode, _p: Properties | None
        ) -> None:
            if connection.fault is None and flags.is_disconnect_packet_from_server:
                connection.fault = self._lost(str(reason), reason.value)

        def on_subscribe(
            _c: Client, _u: Any, packet: int, reasons: list[ReasonCode], _p: Properties | None
        ) -> None:
            connection.subscribed[packet] = reasons
            connection.answered.set()

        def on_publish(
            _c: Client, _u: Any, packet: int, reason: ReasonCode, _p: Properties | None
        ) -> None:
            connection.signal(_Puback(packet, reason.value, str(reason)))

        def on_message(_c: Client, _u: Any, message: MQTTMessage) -> None:
            connection.signal(
                Message(
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    connection.number,
                    message.mid,
                    _exchange(message.properties),
                )
            )

        def on_write(_c: Client, _u: Any, _s: object) -> None:
            """That this exists makes paho leave every write to the thread that runs its loop."""

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_subscribe = on_subscribe
        client.on_publish = on_publish
        client.on_message = on_message
        client.on_socket_register_write = on_write

    def _refused(self, reason: ReasonCode) -> Fault:
        host = self._settings.host
        if reason.value in _CREDENTIALS:
            return faults.CredentialsRefused(host=host, username=self._username or "")
        return faults.BrokerRefused(host=host, reason=str(reason))

    def _lost(self, reason: str, value: int = 0) -> Fault:
        if value == _SESSION_TAKEN_OVER:
            return faults.SessionTakenOver(host=self._settings.host, client=self._client_id)
        return faults.ConnectionLost(host=self._settings.host, reason=reason)

    # Connected

    @property
    def room(self) -> int:
        connection = self._connection
        if connection is None or not connection.open:
            return 0
        return connection.room_limit - len(connection.sent)

    def subscribe(self, *filters: str) -> None:
        connection = self._opened()
        code, packet = connection.client.subscribe([(each, 1) for each in filters])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or packet is None:
            raise faults.NotConnected
        self._await(connection, lambda: packet in connection.subscribed)
        for each, reason in zip(filters, connection.subscribed.pop(packet), strict=True):
            if reason.value >= _ERROR:
                raise faults.SubscriptionRefused(filter=each, reason=str(reason))

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        exchange: Correlation | None = None,
    ) -> int:
        connection = self._opened()
        if self.room <= 0:
            raise faults.NotConnected
        properties = None if exchange is None else _properties(exchange)
        info = connection.client.publish(
            topic, payload, qos=1, retain=retain, properties=properties
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise faults.NotConnected
        connection.sent[info.mid] = topic
        return info.mid

    def take(self) -> Signal | None:
        connection = self._connection
        if connection is None:
            return None
        try:
            signal = connection.signals.get(timeout=0)
        except QueueEmpty:
            return None
        if isinstance(signal, _Puback):
            topic = connection.sent.pop(signal.packet, "")
            return Acknowledged(signal.packet, _unsent(topic, signal))
        return signal

    def acknowledge(self, message: Message) -> None:
        connection = self._connection
        if connection is not None and connection.number == message.connection:
            connection.client.ack(message.packet, 1)

    def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.leaving = True
            connection.client.disconnect()

    def _opened(self) -> _Connection:
        if self._connection is None or not self._connection.open:
            raise faults.NotConnected
        return self._connection


def _properties(exchange: Correlation) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.CorrelationData = exchange.correlation
    if exchange.response_topic:
        properties.ResponseTopic = exchange.response_topic
    if exchange.expiry is not None:
        properties.MessageExpiryInterval = exchange.expiry
    return properties


def _exchange(properties: Properties | None) -> Correlation:
    """paho has an attribute for each property that came, and none for the others."""
    return Correlation(
        correlation=getattr(properties, "CorrelationData", b""),
        response_topic=getattr(properties, "ResponseTopic", ""),
        expiry=getattr(properties, "MessageExpiryInterval", None),
    )


def _unsent(topic: str, puback: _Puback) -> Fault | None:
    if puback.reason == _NO_MATCHING_SUBSCRIBERS:
        return faults.Unheard(topic=topic)
    if puback.reason >= _ERROR:
        return faults.PublishRefused(topic=topic, reason=puback.name)
    return None


def open_link(
    world: World, settings: Sync, client_id: str, keys: KeyStore, *, requests: int = 0
) -> PahoLink:
    """A link as the settings say. Nothing is connected yet: what is wrong with the password in the
    key store, each `connect` raises (`keystore.*`), so that it may be mended meanwhile."""
    named = settings.password_secret is not None
    return PahoLink(
        world,
        settings,
        client_id,
        username=settings.username,
        secret=(lambda: read_password(settings, keys)) if named else None,
        requests=requests,
    )


def read_password(settings: Sync, keys: KeyStore) -> str:
    """Of the broker's account; empty where the settings name none. Raises as `read_secret`."""
    if settings.password_secret is None:
        return ""
    return read_secret(keys, settings.password_secret, PASSWORD).decode()
