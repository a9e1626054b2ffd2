"""The link on a real mosquitto, and on a scripted broker for what mosquitto never does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.model import Sync
from simulators.broker import Broker
from simulators.certificates import Authority, Issued
from sync import faults
from sync.link import Acknowledged, Lost, Message, Signal, Will
from sync.paho_link import PahoLink, open_link
from tests.tls import locked
from trust.keystore import FileKeyStore, SecretMissing
from trust.secrets import SecretMalformed
from world import Event, Fault, Queue
from world.real import RealWorld

WORLD = RealWorld()
TREE = "onecard/v1/990100"


def settings(broker: Broker, **changes: object) -> Sync:
    return Sync(**{"host": broker.host, "port": broker.port, **changes})  # type: ignore[arg-type]


def signals(link: PahoLink, wake: Event) -> Iterator[Signal]:
    """Signals as they come; fails after five quiet seconds."""
    while True:
        wake.clear()
        while (signal := link.take()) is not None:
            yield signal
        assert wake.wait(60), "no signal"


def connected(broker: Broker, client: str = "gate-1", **changes: object) -> tuple[PahoLink, Event]:
    link, wake = PahoLink(WORLD, settings(broker, **changes), client), WORLD.event()
    link.connect(None, wake)
    return link, wake


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("guarded")
    with Broker(folder, terminals={"gate-1": "one", "gate-2": "two"}) as broker:
        yield broker


# Messages


def test_a_puback_comes_back_with_its_handle(broker: Broker) -> None:
    link, wake = connected(broker)
    link.subscribe("a/#")
    handle = link.publish("a/b", b"x")
    found = signals(link, wake)
    both = {type(signal): signal for signal in (next(found), next(found))}
    assert both[Acknowledged] == Acknowledged(handle)
    message = both[Message]
    assert isinstance(message, Message)
    assert (message.topic, message.payload) == ("a/b", b"x")
    link.disconnect()


def test_a_message_nobody_subscribes_to_is_reported(broker: Broker) -> None:
    link, wake = connected(broker)
    link.publish("nobody/listens", b"")
    signal = next(signals(link, wake))
    assert isinstance(signal, Acknowledged)
    assert isinstance(signal.fault, faults.Unheard)
    link.disconnect()


def test_nothing_is_queued_while_offline(broker: Broker) -> None:
    link = PahoLink(WORLD, settings(broker), "gate-1")
    assert link.room == 0
    with pytest.raises(faults.NotConnected):
        link.publish("a", b"")
    link, _ = connected(broker)
    link.disconnect()
    assert link.room == 0
    with pytest.raises(faults.NotConnected):
        link.publish("a", b"")


def test_room_is_what_is_not_acknowledged_yet(broker: Broker) -> None:
    link, wake = connected(broker, max_inflight=2)
    assert link.room == 2
    link.publish("a", b"")
    link.publish("b", b"")
    assert link.room == 0
    with pytest.raises(faults.NotConnected):
        link.publish("c", b"")
    found = signals(link, wake)
    next(found)
    assert link.room == 1
    link.disconnect()


ONE_AT_A_TIME = "max_inflight_messages 1"  # the broker sends no second one before our PUBACK


def send(sender: PahoLink, wake: Event, topic: str) -> None:
    """Publish and wait for the PUBACK."""
    sender.publish(topic, b"")
    assert next(signals(sender, wake)) == Acknowledged(1)


def next_topic(link: PahoLink, wake: Event) -> Message:
    message = next(signals(link, wake))
    assert isinstance(message, Message)
    return message


def test_messages_come_only_as_fast_as_they_are_acknowledged(tmp_path: Path) -> None:
    with Broker(tmp_path, extra=ONE_AT_A_TIME) as broker:
        link, wake = connected(broker)
        link.subscribe("in/#")
        for topic in ("in/1", "in/2"):
            sender, sender_wake = connected(broker, "sender")
            send(sender, sender_wake, topic)
            sender.disconnect()
        first = next_topic(link, wake)
        assert first.topic == "in/1"
        assert not wake.wait(0.1)
        link.acknowledge(first)
        assert next_topic(link, wake).topic == "in/2"
        link.disconnect()


def test_a_message_of_an_earlier_connection_is_not_acknowledged(tmp_path: Path) -> None:
    with Broker(tmp_path, extra=ONE_AT_A_TIME) as broker:
        link, wake = connected(broker)
        link.subscribe("in/#")
        sender, sender_wake = connected(broker, "sender")
        send(sender, sender_wake, "in/1")
        old = next_topic(link, wake)
        link.connect(None, wake)
        link.subscribe("in/#")
        for topic in ("in/2", "in/3"):
            sender, sender_wake = connected(broker, "sender")
            send(sender, sender_wake, topic)
        new = next_topic(link, wake)
        assert new.packet == old.packet  # the identifier alone would acknowledge the new one
        link.acknowledge(old)
        assert not wake.wait(0.1)
        link.acknowledge(new)
        assert next_topic(link, wake).topic == "in/3"
        link.disconnect()
        sender.disconnect()


def test_signals_of_an_earlier_connection_are_dropped(broker: Broker) -> None:
    link, wake = connected(broker)
    link.publish("a", b"")
    link.connect(None, wake)
    wake.clear()
    assert link.take() is None
    link.disconnect()


def test_a_killed_broker_is_a_lost_connection(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        link, wake = connected(broker)
        broker.kill()
        signal = next(signals(link, wake))
        assert isinstance(signal, Lost)
        assert isinstance(signal.fault, faults.ConnectionLost)
        assert link.room == 0


# Refusals


def refusal(link: PahoLink) -> Fault:
    with pytest.raises(Fault) as caught:
        link.connect(None, WORLD.event())
    assert link.room == 0
    return caught.value


def test_nobody_there(tmp_path: Path) -> None:
    fault = refusal(PahoLink(WORLD, settings(Broker(tmp_path)), "gate-1"))
    assert isinstance(fault, faults.Unreachable)
    assert fault.facts["cause"] == "Connection refused"


def test_no_such_host(broker: Broker) -> None:
    fault = refusal(PahoLink(WORLD, settings(broker, host="broker.invalid"), "gate-1"))
    assert isinstance(fault, faults.UnknownHost)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_wrong_credentials_are_named_without_the_password(
    guarded: Broker, password: str | None
) -> None:
    username = None if password is None else "gate-1"
    link = PahoLink(WORLD, settings(guarded), "gate-1", username=username, password=password)
    fault = refusal(link)
    assert isinstance(fault, faults.CredentialsRefused)
    assert fault.facts == {"host": "127.0.0.1", "username": username or ""}
    assert "wrong" not in str(fault)


def test_a_password_has_no_line_end_and_may_be_mended_meanwhile(
    guarded: Broker, tmp_path: Path
) -> None:
    keys = FileKeyStore(WORLD, tmp_path / "keys")
    named = settings(guarded, username="gate-1", password_secret="mqtt-password")
    link = open_link(WORLD, named, "gate-1", keys)
    assert isinstance(refusal(link), SecretMissing)
    keys.write("mqtt-password", b"one\n\n")
    assert isinstance(refusal(link), SecretMalformed)
    keys.write("mqtt-password", b"one\n")
    link.connect(None, WORLD.event())
    assert link.room > 0
    link.disconnect()


def test_another_terminals_tree_is_denied(guarded: Broker) -> None:
    def joined(name: str, password: str) -> tuple[PahoLink, Event]:
        link = PahoLink(WORLD, settings(guarded), name, username=name, password=password)
        wake = WORLD.event()
        link.connect(None, wake)
        return link, wake

    own, wake = joined("gate-1", "one")
    foreign = f"{TREE}/gate-2/up/events"
    own.publish(foreign, b"")
    signal = next(signals(own, wake))
    assert isinstance(signal, Acknowledged)
    assert isinstance(signal.fault, faults.PublishRefused)
    assert signal.fault.facts["topic"] == foreign

    platform, platform_wake = joined("platform", "platform")
    own.subscribe(f"{TREE}/gate-2/down/#", f"{TREE}/gate-1/down/#")
    platform.publish(f"{TREE}/gate-2/down/receipt", b"not for gate-1")
    next(signals(platform, platform_wake))
    platform.publish(f"{TREE}/gate-1/down/receipt", b"for gate-1")
    message = next(signals(own, wake))
    assert isinstance(message, Message)
    assert message.payload == b"for gate-1"
    own.disconnect()
    platform.disconnect()


# Certificates


class Secure:
    """A TLS broker and the certificates to try on it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca")
        self.other = Authority(folder / "other", "Some other CA")
        self.good = self.authority.issue("gate-1")
        self.broker = Broker(folder / "broker", authority=self.authority)

    def locked(self, *, traditional: bool = False) -> Issued:
        """Its key is under a passphrase."""
        name = "traditional.key" if traditional else "locked.key"
        key = locked(self.good.key, self.good.key.with_name(name), traditional=traditional)
        return replace(self.good, key=key)

    def crossed(self) -> Issued:
        """Its key is another certificate's."""
        return replace(self.good, key=self.authority.issue("gate-1").key)

    def link(self, issued: Issued | None, *, host: str = "localhost", ca: str = "") -> PahoLink:
        own = {} if issued is None else paths(issued)
        ca = ca or str(self.authority.certificate)
        return PahoLink(WORLD, settings(self.broker, host=host, ca=ca, **own), "gate-1")


def paths(issued: Issued) -> dict[str, str]:
    return {"certificate": str(issued.certificate), "key": str(issued.key)}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    secure = Secure(tmp_path_factory.mktemp("secure"))
    with secure.broker:
        yield secure


def test_with_the_right_certificates_tls_connects(secure: Secure) -> None:
    link = secure.link(secure.good)
    link.connect(None, WORLD.event())
    assert link.room > 0
    link.disconnect()


def test_an_expired_certificate_of_ours_is_named(secure: Secure) -> None:
    old = secure.authority.issue("gate-1", valid=timedelta(days=-1))
    fault = refusal(secure.link(old))
    assert isinstance(fault, faults.CertificateExpired)
    assert fault.facts["side"] == "terminal"
    assert fault.facts["file"] == str(old.certificate)


def test_an_expired_certificate_of_the_broker_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    expired = timedelta(days=-1)
    with Broker(tmp_path / "broker", authority=authority, certificate_valid=expired) as broker:
        own = paths(authority.issue("gate-1"))
        ca = str(authority.certificate)
        fault = refusal(PahoLink(WORLD, settings(broker, ca=ca, **own), "gate-1"))
    assert isinstance(fault, faults.CertificateExpired)
    assert fault.facts["side"] == "broker"


def test_a_certificate_not_yet_valid_points_at_the_clock(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    starts = timedelta(days=1)
    with Broker(tmp_path / "broker", authority=authority, certificate_starts=starts) as broker:
        fault = refusal(PahoLink(WORLD, settings(broker, ca=str(authority.certificate)), "gate-1"))
    assert isinstance(fault, faults.CertificateNotYetValid)


@pytest.mark.parametrize(
    ("attempt", "fault", "side"),
    [
        (lambda s: s.link(s.good, host="127.0.0.1"), faults.CertificateWrongHost, None),
        (
            lambda s: s.link(s.good, ca=str(s.other.certificate)),
            faults.CertificateUnknownCa,
            "broker",
        ),
        (lambda s: s.link(s.other.issue("gate-1")), faults.CertificateUnknownCa, "terminal"),
        (lambda s: s.link(None), faults.CertificateRefused, None),
        (lambda s: s.link(s.good, ca="/nowhere/ca.pem"), faults.TlsFile, None),
        (lambda s: s.link(s.good, ca=str(s.good.key)), faults.TlsFile, None),
        (lambda s: s.link(s.locked()), faults.TlsKeyLocked, None),
        (lambda s: s.link(s.locked(traditional=True)), faults.TlsKeyLocked, None),
        (lambda s: s.link(s.crossed()), faults.TlsKeyMismatch, None),
    ],
)
def test_every_certificate_trouble_has_its_own_code(
    secure: Secure, attempt: Callable[[Secure], PahoLink], fault: type[Fault], side: str | None
) -> None:
    found = refusal(attempt(secure))
    assert type(found) is fault
    assert found.facts.get("side") == side


# A scripted broker, byte for byte (MQTT 5, 3.2 and 3.14)

CONNACK = bytes.fromhex("20 03 00 00 00")
CONNACK_RECEIVE_MAXIMUM_3 = bytes.fromhex("20 06 00 00 03 21 0003")
CONNACK_KEEP_ALIVE_1 = bytes.fromhex("20 06 00 00 03 13 0001")
CONNACK_BUSY = bytes.fromhex("20 03 00 89 00")
DISCONNECT_TAKEN_OVER = bytes.fromhex("e0 02 8e 00")
PINGREQ = bytes.fromhex("c0 00")


class Script:
    """Accepts one connection, reads CONNECT, says its lines, then holds the line open."""

    def __init__(self, *lines: bytes, keepalive: int = 30) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port: int = self._listener.getsockname()[1]
        self.heard: Queue[bytes] = WORLD.queue()  # behind CONNECT
        self._sync = Sync(host="127.0.0.1", port=port, keepalive=keepalive)
        self._lines = lines
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(4096)
            for line in self._lines:
                connection.sendall(line)
            connection.settimeout(0.1)
            while not self._over.is_set():
                with suppress(OSError):
                    if said := connection.recv(4096):
                        self.heard.put(said)
                    else:
                        self._over.wait()

    def __enter__(self) -> PahoLink:
        self._thread.start()
        return PahoLink(WORLD, self._sync, "gate-1")

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()


def test_room_is_never_above_the_brokers_receive_maximum() -> None:
    with Script(CONNACK_RECEIVE_MAXIMUM_3) as link:
        link.connect(Will("will", b""), WORLD.event())
        assert link.room == 3
        link.disconnect()


def test_without_a_receive_maximum_ours_counts() -> None:
    with Script(CONNACK) as link:
        link.connect(None, WORLD.event())
        assert link.room == 4
        link.disconnect()


def test_the_brokers_keep_alive_is_kept_where_it_is_shorter_than_ours() -> None:
    script = Script(CONNACK_KEEP_ALIVE_1, keepalive=3600)
    with script as link:
        link.connect(None, WORLD.event())
        assert script.heard.get(timeout=60) == PINGREQ
        link.disconnect()


def test_a_busy_broker_is_named() -> None:
    with Script(CONNACK_BUSY) as link:
        fault = refusal(link)
    assert isinstance(fault, faults.BrokerRefused)
    assert fault.facts["reason"] == "Server busy"


def test_a_second_box_under_our_name_is_named() -> None:
    with Script(CONNACK, DISCONNECT_TAKEN_OVER) as link:
        wake = WORLD.event()
        link.connect(None, wake)
        signal = next(signals(link, wake))
    assert isinstance(signal, Lost)
    assert isinstance(signal.fault, faults.SessionTakenOver)


def test_a_broker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.paho_link.ANSWER_SECONDS", 0.2)
    with Script() as link:
        assert isinstance(refusal(link), faults.NoConnack)
