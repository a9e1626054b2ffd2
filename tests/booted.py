"""A bare Debian 12, booted with systemd, on which the commands of docs/install.md make a terminal.

`./run exec python -m tests.booted`, as root: ten minutes, and the package registries. Needs
systemd-container, debootstrap and slirp4netns. Ends with 0 when every line has its ✓.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from simulators.lifetime import like_ctrl_c
from tests.readme import commands
from tests.roots import do, fresh, handed_on

WITH: Final = "systemd,systemd-sysv,dbus,udev,git,python3,ca-certificates,iproute2"
SERVES: Final = (
    "for i in $(seq 300); do test -S /run/onecard/agent.sock && exit; sleep .1; done; false"
)
LEFT: Final = ("mosquitto", "vsmartcard-vpcd", "postgresql", "chromium", "opensc")


class Machine:
    """One booted container with a network of its own: it reaches out, nobody reaches in."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")  # slirp4netns's
        self._network = f"onecard-{os.getpid()}"
        self._leader = 0

    @contextlib.contextmanager
    def booted(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            do("ip", "netns", "add", self._network)
            stack.callback(do, "ip", "netns", "delete", self._network)
            place = f"/run/netns/{self._network}"
            slirp = ["slirp4netns", "--configure", "--disable-host-loopback", "--mtu=1400"]
            stack.enter_context(_child([*slirp, "--netns-type=path", place, "tap0"]))
            nspawn = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"]
            nspawn += ["--directory", str(self._root), "--network-namespace-path", place]
            nspawn += ["--resolv-conf=off", "--console=pipe", "--kill-signal=SIGRTMIN+3"]
            process = stack.enter_context(_child(nspawn))
            self._leader = _init(process.pid)
            self.run(
                "timeout 60 sh -c 'until systemctl is-system-running --wait; do sleep 1; done'"
            )
            yield

    def run(self, command: str) -> tuple[int, str]:
        """Exit status and what it printed, as root in a login shell in the checkout."""
        inside = ["nsenter", "--target", str(self._leader), "--all", "--root"]
        clean = ["env", "-i", "HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        done = subprocess.run(
            [*inside, *clean, *handed_on(), "sh", "-c", f"cd /srv/onecard && {command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return done.returncode, done.stdout


class Report:
    """One line for each thing that has to be so."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.well = True

    def does(self, command: str, *, status: int = 0) -> str:
        """It ends with that status; what it printed."""
        got, said = self._machine.run(command)
        self.says(got == status, command, f"status {got}\n{said[-3000:]}")
        return said

    def says(self, holds: bool, what: str, otherwise: str = "") -> None:
        self.well = self.well and holds
        sys.stdout.write(f"{'✓' if holds else '✗'} {what}\n" + ("" if holds else f"{otherwise}\n"))
        sys.stdout.flush()

    def nothing_listens(self, when: str) -> None:
        """Not beyond loopback."""
        _, said = self._machine.run("ss --no-header --tcp --udp --listening --numeric --processes")
        open_to_all = [
            line
            for line in said.splitlines()
            if not re.search(r"\s(127\.\d+\.\d+\.\d+|\[::1\])(%\w+)?:\d+\s", line)
        ]
        self.says(not open_to_all, f"{when}: nothing listens beyond loopback", said)


def terminal(report: Report, machine: Machine) -> None:
    """ "With a real reader" of docs/install.md, on a machine that has never seen this project."""
    report.nothing_listens("booted")
    before = _enabled(machine)
    report.does("install -D -m 644 -t /etc/onecard packaging/onecard.toml")
    report.does(
        "install -d -m 700 /var/lib/onecard/keys; umask 077; cd /var/lib/onecard/keys;"
        "for name in city-reference journal-seed; do head -c 32 /dev/urandom >$name; done"
    )
    for command in commands("With a real reader"):
        if command.startswith(("./run run", "./run tap", "./run doctor")):
            continue  # the first stays, the second wants a card, the third is red without a reader
        # nspawn has no udev: /sys is not its own.
        report.does(command.partition(" && udevadm")[0])
    report.does(SERVES)
    report.does("systemctl is-active onecard pcscd.socket")
    said = report.does("systemd-analyze security --no-pager onecard --threshold=20")
    report.says("Overall exposure level" in said, said.strip().splitlines()[-1])
    report.does(
        "mkdir -p /run/systemd/system/onecard.service.d"
        " && printf '[Service]\\nExecStartPre=/opt/onecard/bin/python %s\\n'"
        " /srv/onecard/tests/sandboxed.py >/run/systemd/system/onecard.service.d/trial.conf"
        " && systemctl daemon-reload"
    )
    trial = "systemctl restart onecard || { journalctl -u onecard -n 30 --no-pager; false; }"
    report.does(trial)  # the libraries of the devices work within the service's rights
    report.does("rm -r /run/systemd/system/onecard.service.d && systemctl daemon-reload")
    report.does(SERVES)
    said = report.does("stat --format='%a %U %G' /run/onecard/agent.sock")
    report.says(said == "660 onecard onecard\n", "its socket is its group's", said)
    said = report.does("/opt/onecard/bin/onecard doctor", status=1)
    report.says("0.1.0" in said, "the doctor reaches the agent", said)
    _, packages = machine.run("dpkg-query --show --showformat='${Package}\\n'")
    report.says(not set(packages.split()) & set(LEFT), f"none of {', '.join(LEFT)}", packages)
    added = _enabled(machine) - before
    report.says(added <= {"pcscd.socket", "onecard.service"}, f"enabled: {sorted(added)}")
    report.nothing_listens("a terminal")


def demo(report: Report, machine: Machine) -> None:
    """The demo beside it, and somebody who installs vpcd."""
    before = _enabled(machine)
    report.does("./run demo >/dev/null")
    report.says(not _enabled(machine) - before, "the demo enables nothing")
    report.nothing_listens("after the demo")
    report.does("./run exec true")
    report.says(not _enabled(machine) - before, "what tests need enables nothing")
    report.nothing_listens("with what tests need")
    report.does("test ! -e /etc/reader.conf.d/vpcd")
    report.does("DEBIAN_FRONTEND=noninteractive apt-get install -y -qq vsmartcard-vpcd")
    report.does("systemctl restart pcscd && timeout 20 pcsc_scan -r; sleep 1")
    report.nothing_listens("vpcd installed by hand")
    said = report.does("./run doctor", status=1)
    report.says("virtual" in said or "vpcd" in said, "the doctor tells it", said)
    report.does(
        "rm /etc/systemd/system/pcscd.service.d/pcscd-no-network.conf; systemctl daemon-reload"
    )
    report.does("systemctl restart pcscd && timeout 20 pcsc_scan -r; sleep 1")
    _, said = machine.run("ss --no-header --tcp --listening --numeric")
    report.says(
        "0.0.0.0:35963" in said, "(control: without the package's file it does listen)", said
    )
    said = report.does("./run doctor", status=1)
    report.says("0.0.0.0:35963" in said, "the doctor tells that too", said)


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.booted")
    parser.add_argument("--terminal", action="store_true", help="without the demo")
    options = parser.parse_args()
    with like_ctrl_c(), fresh("booted", WITH) as root:
        machine = Machine(root)
        report = Report(machine)
        with machine.booted():
            terminal(report, machine)
            if not options.terminal:
                demo(report, machine)
    return 0 if report.well else 1


def _enabled(machine: Machine) -> set[str]:
    _, said = machine.run("systemctl list-unit-files --state=enabled --no-legend --plain")
    return {line.split()[0] for line in said.splitlines() if line}


def _init(pid: int) -> int:
    """The container's first process, once there is one: nspawn makes it by another child."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):  # it has just ended
                numbers = re.search(r"^NSpid:.*\t(\d+)$", _status(child), re.MULTILINE)
                if numbers and numbers[1] == "1" and "Name:\tsystemd\n" in _status(child):
                    return int(child)
        time.sleep(0.05)
    raise SystemExit("systemd-nspawn does not start")


def _status(pid: str) -> str:
    return Path(f"/proc/{pid}/status").read_text()


@contextlib.contextmanager
def _child(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs for as long as it is needed, at most as long as we do."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
