"""Looks at every part of a terminal and says what is wrong, and what to do, in words.

Each check gives findings: an id, whether it is well, and the facts of its sentence. A running
daemon is asked for what it knows; what it cannot know is looked at here.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from agent.clock import Clock
from apdu.crypto import Algorithm
from apdu.psam import PsamMissing
from config.model import Agent as Settings
from trust.keystore import KeyStore
from world import Fault, World

PCSCD_SOCKET = "/run/pcscd/pcscd.comm"
ENOUGH_SPACE = 200 * 1024 * 1024  # bytes: a month of taps and a list beside it
RENEW = timedelta(days=30)
PCSC = "pcsc"
SECRETS = ("city-reference", "journal-seed")


Facts = Mapping[str, str | int]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `id` is stable; the texts' section `finding` has its words, and
    the sentence of `cause`, where a fault is behind it, has the particular remedy."""

    id: str
    well: bool
    facts: Facts = field(default_factory=dict)
    cause: tuple[str, Facts] | None = None  # the fault's code and facts


class Doctor:
    """`status` is what the daemon answered at /v1/status, None when none runs; `attached` the
    slots that the system has."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        keys: KeyStore,
        *,
        pcscd_socket: str,
        status: Mapping[str, Any] | None,
        readers: Mapping[str, Any],
    ) -> None:
        self._world = world
        self._settings = settings
        self._keys = keys
        self._pcscd_socket = pcscd_socket
        self._status = status
        self._readers = readers

    def examine(self) -> Iterator[Finding]:
        """All findings, good ones too, in the order in which a technician mends."""
        service = self._reader_service()
        # What hangs on a service that is down cannot be judged, and is not what has to be mended.
        judged = {
            reader.name
            for reader in self._settings.readers
            if reader.driver != PCSC or service is None or service.well
        }
        yield from self._daemon()
        if service is not None:
            yield service
        yield from self._slots(judged)
        yield from self._psams(judged)
        checks: tuple[Callable[[], Iterator[Finding]], ...] = (
            self._secrets,
            self._clock,
            self._space,
            self._certificates,
            self._journal,
            self._platform,
        )
        for check in checks:
            yield from check()

    def _daemon(self) -> Iterator[Finding]:
        if self._status is None:
            yield Finding("daemon-absent", False, {"socket": self._settings.terminal.socket})
        else:
            yield Finding("daemon-runs", True, {"version": str(self._status["agent"])})

    def _reader_service(self) -> Finding | None:
        if not any(reader.driver == PCSC for reader in self._settings.readers):
            return None
        try:
            self._world.connect(self._pcscd_socket, 1.0).close()
        except PermissionError:
            return Finding("pcscd-denied", False, {"socket": self._pcscd_socket})
        except OSError:
            return Finding("pcscd-down", False, {"socket": self._pcscd_socket})
        return Finding("pcscd-runs", True)

    def _slots(self, judged: Container[str]) -> Iterator[Finding]:
        attached = ", ".join(self._readers["attached"]) or "–"
        for reader in self._settings.readers:
            if reader.name not in judged:
                continue
            found = next((r for r in self._readers["readers"] if r["name"] == reader.name), None)
            if found is None:  # added to the file since the daemon read it
                yield Finding("not-loaded", False, {"setting": f"readers.{reader.name}"})
                continue
            facts = {"reader": reader.name, "match": reader.match, "attached": found["attached"]}
            facts["holder"] = found["holder"]
            state = found["state"]
            if state == "ready":
                yield Finding("reader-ready", True, facts)
            else:
                yield Finding(f"reader-{state}", False, {**facts, "there": attached})

    def _psams(self, judged: Container[str]) -> Iterator[Finding]:
        if self._status is None:
            return
        for sam in self._status["sams"]:
            if sam["reader"] not in judged:
                continue
            algorithms = ", ".join(sam["algorithms"])
            facts = {"reader": sam["reader"], "number": sam["terminal_number"]}
            if sam["fault"] == PsamMissing.code:
                yield Finding("psam-silent", False, {**facts, "fault": sam["fault"]})
            elif sam["fault"]:
                yield Finding("psam-unfit", False, {**facts, "fault": sam["fault"]})
            else:
                yield Finding("psam-answers", True, {**facts, "algorithms": algorithms})
        if not self._status["sams"]:
            yield Finding("psam-none", False)
        yield from self._lacking()

    def _lacking(self) -> Iterator[Finding]:
        """What no PSAM here has; where none answers, that is the finding."""
        assert self._status is not None
        held = {algorithm for sam in self._status["sams"] for algorithm in sam["algorithms"]}
        lacking = [a.value for a in Algorithm if a.value not in held]
        if held and lacking:
            # Cities whose cards were never SSF33 have PSAMs without it.
            well = lacking == [Algorithm.SSF33.value]
            yield Finding("psam-lacks", well, {"algorithms": ", ".join(lacking)})

    def _secrets(self) -> Iterator[Finding]:
        for name in SECRETS:
            try:
                self._keys.read(name)
            except Fault as fault:
                facts = {"name": name, "path": str(self._settings.keys.path), "cause": fault.code}
                yield Finding("secret-unusable", False, facts, (fault.code, fault.facts))
                return
        yield Finding("secrets-there", True)
        # A file is readable by whoever takes the disk along; nothing here protects against that.
        yield Finding("keys-copyable", True, {"path": str(self._settings.keys.path)})

    def _clock(self) -> Iterator[Finding]:
        quality = Clock(self._world).read().quality
        yield Finding(f"clock-{quality}", quality == "synchronised")

    def _space(self) -> Iterator[Finding]:
        data = Path(self._settings.terminal.data)
        try:
            free = self._world.free_space(data)
        except OSError as error:
            cause = error.strerror or ""
            yield Finding("data-unusable", False, {"path": str(data), "cause": cause})
        else:
            facts: Facts = {"path": str(data), "megabytes": free // (1024 * 1024)}
            yield Finding(
                "space" if free >= ENOUGH_SPACE else "space-low", free >= ENOUGH_SPACE, facts
            )

    def _certificates(self) -> Iterator[Finding]:
        sync = self._settings.sync
        for path in (sync.ca, sync.certificate) if sync else ():
            if path is not None:
                yield self._certificate(Path(path))

    def _certificate(self, path: Path) -> Finding:
        try:
            with self._world.open(path, "rb") as file:
                certificate = x509.load_pem_x509_certificate(file.read())
        except (OSError, ValueError):
            return Finding("certificate-unreadable", False, {"path": str(path)})
        ends = certificate.not_valid_after_utc
        now = datetime.fromtimestamp(self._world.now(), UTC)
        facts = {"path": str(path), "until": ends.date().isoformat()}
        if ends < now:
            return Finding("certificate-expired", False, facts)
        if ends < now + RENEW:
            return Finding("certificate-ends-soon", True, facts)
        return Finding("certificate-valid", True, facts)

    def _journal(self) -> Iterator[Finding]:
        if self._status is None:
            return
        store = self._status["store"]
        fault = store["fault"]
        if fault:
            yield Finding("journal-fault", False, {"cause": str(fault)})
        else:
            yield Finding("journal-well", True, {"count": int(store["unreceipted"])})
        for name in ("quarantined", "unreadable"):
            if store[name]:
                yield Finding(f"journal-{name}", False, {"count": int(store[name])})

    def _platform(self) -> Iterator[Finding]:
        if self._settings.sync is None:
            yield Finding("platform-none", True)
            return
        if self._status is None:
            return
        link = self._status["sync"]
        if link is None:
            yield Finding("not-loaded", False, {"setting": "sync"})
            return
        facts: Facts = {"host": self._settings.sync.host, "port": self._settings.sync.port}
        if link["state"] == "online":
            yield Finding("platform-online", True, facts)
        else:
            trouble = link["last_fault"] or {}
            cause = (trouble["code"], trouble["facts"]) if trouble else None
            facts = {**facts, "cause": trouble.get("code", "")}
            yield Finding("platform-offline", False, facts, cause)
