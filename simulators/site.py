"""A whole terminal and its city in one folder: broker, platform, pcscd, and the agent's process.

Demo, journeys and benchmarks stand on it. The agent is the real daemon (`python -m agent`), reached
over its socket and ended by signals only; all else is what a city and a gate would have around it.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from agent.cli.client import Client, DaemonAbsent
from config.model import Sync
from offline_store.events.row import Record
from offline_store.lists.form import blacklist_payload
from simulators.broker import Broker
from simulators.certificates import Authority
from simulators.city.codes import CodeService
from simulators.city.hsm import city_hsm
from simulators.city.signin import SignInService
from simulators.city.status import desk_of
from simulators.lifetime import Guard, scratch
from simulators.parts import Unavailable
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.people import Cast, load_cast
from simulators.vpcd import Slot
from sync.contract.services import Service
from sync.platform.platform import Platform
from sync.platform.services import ServiceHandler
from sync.platform.settings import PlatformSettings
from trust.keystore import FileKeyStore
from trust.references import References
from trust.sm2 import sm2
from world.real import RealWorld

TERMINAL = "library-gate-1"
ISSUER = "city-1"
STAFF = ("wang",)  # who of the cast may sign in
PSAM_SILENT = (
    5.0  # seconds: a busy machine is slower than any PSAM, and a site shows the PSAM's way
)
READY_SECONDS = 60.0
DRAIN_SECONDS = 120.0  # a batch that nobody heard is sent again after 10 s
PLATFORM_RETRY = 0.2  # seconds: back before the terminal is, as a platform of many workers is
PROMPT = 0.01  # seconds between looks at something that cannot wake us

DOOR, DOOR_OUT, DOOR_SLOT, PSAM = FOUR_READERS
READERS = {
    DOOR: ("door", "contactless"),
    DOOR_OUT: ("door-out", "contactless"),
    DOOR_SLOT: ("door-slot", "contact"),
    PSAM: ("psam", "sam"),
}


class NotInTime(Unavailable):
    """Something that had to happen did not happen in time; the text says what."""


def until(happened: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Look until it is so. Raises `NotInTime`."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise NotInTime(what)
        time.sleep(PROMPT)


class AgentProcess:
    """The daemon. What it prints goes to `output`.

    With `disk_megabytes` its data lie on a disk of that size, which nobody else sees and which is
    empty at each start.
    """

    def __init__(
        self,
        folder: Path,
        config: Path,
        environment: Mapping[str, str],
        disk_megabytes: int | None = None,
    ) -> None:
        self.output = folder / "agent.log"
        self._data = folder / "data"
        self._config = config
        self._disk_megabytes = disk_megabytes
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self.client = Client(RealWorld(), str(folder / "agent.sock"))

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def data(self) -> Path:
        """The way to its data, also where they lie on a disk of its own."""
        inside = Path(f"/proc/{self.pid}/root") / self._data.relative_to("/")
        return inside if self._disk_megabytes else self._data

    def start(self) -> float:
        """Start it and wait until it serves; seconds that took. Raises `NotInTime`."""
        began = time.perf_counter()
        with self.output.open("ab") as output:
            process = self._process = subprocess.Popen(
                [*self._on_its_disk(), sys.executable, "-m", "agent", "--config", self._config],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # its terminal's signals are for whoever started us
            )
        self._guard = Guard.kills(process.pid)
        until(lambda: process.poll() is not None or self.ready(), "the agent is not ready")
        if process.returncode is not None:
            raise NotInTime(
                f"the agent has ended ({process.returncode}):\n{self.printed()[-2000:]}"
            )
        return time.perf_counter() - began

    def ready(self) -> bool:
        """All configured readers that are attached are ready, and the API answers."""
        try:
            return bool(self.client.get("/v1/status")["ready"])
        except DaemonAbsent:
            assert self._process is not None
            if self._process.poll() is not None:
                raise NotInTime(f"the agent ended:\n{self.printed()[-2000:]}") from None
            return False

    def equipped(self) -> bool:
        """Every configured reader, PSAM and device is ready. Who comes before is not seen, or
        proved by the platform: a scanner lets go by what may have begun before it listened."""
        status = self.status()
        attached = all(one["state"] == "ready" for one in (*status["readers"], *status["devices"]))
        return attached and not any(sam["fault"] for sam in status["sams"])

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; its exit status. Raises `subprocess.TimeoutExpired` when it does not end."""
        return self._end(signal.SIGTERM)

    def reload(self) -> None:
        """SIGHUP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def printed(self) -> str:
        return self.output.read_text(errors="replace")

    def status(self) -> dict[str, Any]:
        return self.client.get("/v1/status")

    def records(self) -> list[Record]:
        """The whole journal, all epochs."""
        from agent.cli.journal import DaemonSource, every

        return list(every(DaemonSource(self.client)))

    def _on_its_disk(self) -> list[str]:
        """The words before the command: a mount namespace of its own, as root or as anybody."""
        if self._disk_megabytes is None:
            return []
        self._data.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size={self._disk_megabytes}m,mode=700 tmpfs "$0" && exec "$@"'
        unshare = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
        return [*unshare, "sh", "-c", mount, str(self._data)]

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        status = process.wait(READY_SECONDS)
        if self._guard is not None:
            self._guard.dismiss()
        return status


class Site:
    """City, platform, broker, pcscd and agent; a context manager that stops all of them."""

    def __init__(
        self,
        cast: Cast | None = None,
        *,
        language: str = "auto",
        disk_megabytes: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`disk_megabytes`: see `AgentProcess`; `environment`: more of the agent's."""
        self.cast = cast or load_cast()
        self.hsm = city_hsm(self.cast)
        self.codes = CodeService(self.cast, time.monotonic, os.urandom)
        self.sign_ins = SignInService(self.cast, time.monotonic, os.urandom, staff=STAFF)
        self._language = language
        self._disk_megabytes = disk_megabytes
        self._environment = environment or {}
        self._stack = ExitStack()
        self._world = RealWorld()
        self.standing = desk_of(self.cast, wait=self._world.wait, now=self._world.now)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = stack.enter_context(scratch("onecard-site-"))
            self._authority = Authority(self.folder / "ca")
            self.broker = stack.enter_context(self._broker())
            self.platform = self._platform()
            stack.callback(self.platform.stop)
            self.pcscd = stack.enter_context(Pcscd(FOUR_READERS))
            self.slots = {reader: Slot(self.pcscd, reader) for reader in READERS}
            for slot in self.slots.values():
                stack.callback(slot.remove)
            self._write_keys()
            self.config = self.folder / "onecard.toml"
            self.config.write_text(self.configuration())
            self.agent = self.make_agent()
            stack.callback(self.agent.kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @property
    def reader_stack(self) -> str:
        """What serves the readers, as it names itself; empty when it is not running."""
        if not self.pcscd.pid or not Path(f"/proc/{self.pcscd.pid}").exists():
            return ""
        told = subprocess.run(["pcscd", "--version"], capture_output=True, text=True, check=True)
        return told.stdout.splitlines()[0].replace("version ", "").rstrip(".") + " + vpcd"

    def publish_blacklist(self, *more: str) -> None:
        """Give the city's blacklist out to all terminals: cards by id (`more`: cards of the cast,
        by key), one by its number."""
        references = self.references()
        card_ids = [*self.cast.blacklist("card")]
        card_ids += [self.cast.card_id(self.cast.card(key)) for key in more]
        cards = [references.card(bytes.fromhex(card_id)) for card_id in card_ids]
        numbers = [references.number(number) for number in self.cast.blacklist("number")]
        entries = [{"card": card} for card in cards] + [{"number": number} for number in numbers]
        payload = blacklist_payload(entries)
        self.platform.publish("list", "blacklist", payload, audience="*", revoked=cards)

    def references(self) -> References:
        return References(self.cast.city.terminal_secrets(TERMINAL)["city-reference"])

    def configuration(self) -> str:
        """The terminal's TOML, as a technician would write it."""
        certificate = self._authority.issue(TERMINAL)
        readers = "\n".join(
            f'[[readers]]\nname = "{name}"\nmatch = "{system}*"\ninterface = "{interface}"\n'
            for system, (name, interface) in READERS.items()
        )
        return f"""profile = "library-gate"

[terminal]
id = "{TERMINAL}"
city = "{self.cast.region}"
language = "{self._language}"
data = "{self.folder / "data"}"
socket = "{self.folder / "agent.sock"}"

[keys]
path = "{self.folder / "keys"}"

[watchdog]
psam_silent = {PSAM_SILENT}

{readers}
[[lanes]]
name = "entry"
direction = "entry"
readers = ["door", "door-slot"]

[[lanes]]
name = "exit"
direction = "exit"
readers = ["door-out"]
barrier = "gate"
prompts = ["panel"]

[sync]
host = "{self.broker.host}"
port = {self.broker.port}
ca = "{self._authority.certificate}"
certificate = "{certificate.certificate}"
key = "{certificate.key}"
backoff_max = 2.0
"""

    def make_agent(self) -> AgentProcess:
        """The agent of this site, not started yet."""
        return AgentProcess(
            self.folder,
            self.config,
            {**self.pcscd.environment(), **self._environment},
            self._disk_megabytes,
        )

    def _broker(self) -> Broker:
        return Broker(
            self.folder / "broker",
            city=self.cast.region,
            terminals={TERMINAL: "by certificate"},
            authority=self._authority,
        )

    def platform_access(self) -> Sync:
        """How a program of the platform's gets at the broker, where it may hear everything."""
        certificate = self._authority.issue("platform")
        return Sync(
            host=self.broker.host,
            port=self.broker.port,
            ca=str(self._authority.certificate),
            certificate=str(certificate.certificate),
            key=str(certificate.key),
        )

    def services(self) -> Mapping[Service, ServiceHandler]:
        """What terminals may ask this city's platform for."""
        return {
            "hsm": self.hsm,
            "status": self.standing.handle,
            "code": self.codes.handle,
            "sign-in": self.sign_ins.handle,
        }

    def _platform(self) -> Platform:
        keys = FileKeyStore(self._world, self.folder / "platform-keys")
        secrets = self.cast.city.terminal_secrets(TERMINAL)
        keys.write(f"issuer-{ISSUER}.key", self.cast.city.issuer_private())
        keys.write(f"journal-seed-{TERMINAL}", secrets["journal-seed"])
        settings = PlatformSettings(
            broker=self.platform_access(),
            database=str(self.folder / "platform.db"),
            keys=str(self.folder / "platform-keys"),
            issuer=ISSUER,
            retry=PLATFORM_RETRY,
        )
        platform = Platform(self._world, settings, keys, self.services())
        platform.start()
        if not platform.wait_ready(READY_SECONDS):
            raise NotInTime(f"the platform does not reach the broker: {platform.faults()}")
        return platform

    def _write_keys(self) -> None:
        """What enrolment leaves in a terminal's key store."""
        keys = FileKeyStore(self._world, self.folder / "keys")
        for name, secret in self.cast.city.terminal_secrets(TERMINAL).items():
            keys.write(name, secret)
        keys.write(f"issuer-{ISSUER}.pub", sm2().public(self.cast.city.issuer_private()))
