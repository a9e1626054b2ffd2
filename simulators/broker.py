"""A real mosquitto on a free loopback port, with a generated configuration, for tests and the demo.

It can be killed without warning and started again with nothing left of what it knew: nothing of
it is on disk but its configuration. It never outlives the process that started it.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from simulators import parts
from simulators.certificates import Authority

START_SECONDS = 60.0


class BrokerFailed(parts.Unavailable):
    """mosquitto could not be started; the text says why."""


# mosquitto ends when the pipe to its shell does, so also when we are killed. (PDEATHSIG would tie
# it to the one thread that started it.)
_SHELL = 'mosquitto -c "$1" </dev/null & echo $!; read -r _; kill -9 $! 2>/dev/null; wait $!'


class Broker:
    """`terminals`: id → password. Each may use its own topic tree only; `platform` all of them.

    Without `terminals` everybody may do everything, without names. With an `authority` the
    listener speaks TLS and wants client certificates whose common name is the user name.
    `extra` goes into mosquitto.conf as it stands.
    """

    def __init__(
        self,
        directory: Path,
        *,
        namespace: str = "onecard/v1",
        city: str = "990100",
        terminals: Mapping[str, str] | None = None,
        platform_password: str = "platform",
        authority: Authority | None = None,
        certificate_starts: timedelta = timedelta(days=-60),
        certificate_valid: timedelta = timedelta(days=30),
        extra: str = "",
    ) -> None:
        self._directory = directory
        self._namespace = namespace
        self._city = city
        self._terminals = terminals
        self._platform_password = platform_password
        self._authority = authority
        self._certificate_starts = certificate_starts
        self._certificate_valid = certificate_valid
        self._extra = extra
        self._shell: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1" if authority is None else "localhost"
        self.port = _free_port()
        self.pid = 0
        self.starts = 0

    def start(self) -> None:
        """Start it, empty, on the same port as before; returns when it takes connections."""
        if self._shell is not None:
            raise RuntimeError("this broker is running")
        parts.mosquitto()  # raises, in words, where it is missing
        configuration = self._configure()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SHELL, "broker", str(configuration)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=parts.environment(),
            start_new_session=True,  # a closed terminal is no news for it
        )
        assert self._shell.stdout is not None
        told = self._shell.stdout.readline()
        if not told.endswith(b"\n"):
            self.kill()
            raise BrokerFailed("the shell of mosquitto ended before it had started it")
        self.pid = int(told)
        self.starts += 1
        self._await_listener()

    def kill(self) -> None:
        """SIGKILL, as a power cut would: what it had acknowledged in memory is gone."""
        shell, self._shell = self._shell, None
        if shell is None:
            return
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.close()
        shell.wait()
        shell.stdout.close()
        self.pid = 0

    stop = kill  # nothing of it is worth a farewell

    def log(self) -> str:
        """What mosquitto wrote, for the message of a failing test."""
        return (self._directory / "mosquitto.log").read_text(errors="replace")

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _configure(self) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence false",
            "set_tcp_nodelay true",
            f"log_dest file {self._directory / 'mosquitto.log'}",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "max_queued_messages 100000",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes `mosquitto`, who cannot read our folder
        if self._terminals is not None:
            lines += self._access(self._terminals)
        if self._authority is not None:
            lines += self._tls(self._authority)
        elif self._terminals is not None:
            lines += self._passwords(self._terminals)
        else:
            lines.append("allow_anonymous true")
        configuration = self._directory / "mosquitto.conf"
        configuration.write_text("\n".join([*lines, self._extra, ""]))
        return configuration

    def _tls(self, authority: Authority) -> list[str]:
        issued = authority.issue(
            self.host, starts=self._certificate_starts, valid=self._certificate_valid
        )
        return [
            f"cafile {authority.certificate}",
            f"certfile {issued.certificate}",
            f"keyfile {issued.key}",
            "require_certificate true",
            "use_identity_as_username true",
        ]

    def _passwords(self, terminals: Mapping[str, str]) -> list[str]:
        accounts = {**terminals, "platform": self._platform_password}
        passwords = self._directory / "passwords"
        passwords.write_text("".join(f"{name}:{word}\n" for name, word in accounts.items()))
        passwords.chmod(0o600)
        program = str(parts.mosquitto_passwd())
        subprocess.run([program, "-U", str(passwords)], env=parts.environment(), check=True)
        return [f"password_file {passwords}"]

    def _access(self, terminals: Mapping[str, str]) -> list[str]:
        access = self._directory / "access"
        rules = [f"user platform\ntopic readwrite {self._namespace}/#\n"]
        for name in terminals:
            tree = f"{self._namespace}/{self._city}"
            rules.append(
                f"user {name}\n"
                f"topic write {tree}/{name}/up/#\n"
                f"topic read {tree}/{name}/down/#\n"
                f"topic read {tree}/@all/down/#\n"
            )
        access.write_text("\n".join(rules))
        access.chmod(0o600)
        return [f"acl_file {access}"]

    def _await_listener(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.01)
        self.kill()
        raise BrokerFailed(f"mosquitto did not start:\n{self.log()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
