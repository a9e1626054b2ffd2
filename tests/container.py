"""The Dockerfile's steps in a bare Debian 12, where no container engine is, and its command with
the rights that docs/install.md's `docker run` gives. Docker's seccomp filter is not imitated.

`./run exec python -m tests.container`, as root: five minutes, and the package registries. Needs
debootstrap. Ends with 0 when every line has its ✓.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from simulators.lifetime import like_ctrl_c
from tests import product
from tests.readme import INSTALL
from tests.roots import fresh, handed_on

# What docker leaves a container, by its documentation of --cap-add.
USUAL: Final = (
    *("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"),
    *("net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap"),
)
ADDED: Final = re.compile(r"--cap-add (\w+)")
STEP: Final = re.compile(r"^RUN (.*)$", re.MULTILINE)
COMMAND: Final = re.compile(r'^CMD \["(.*)"\]$', re.MULTILINE)


def main() -> int:
    """Exit status."""
    text = (product.ROOT / "Dockerfile").read_text()
    page = INSTALL.read_text()
    more = [capability.lower() for capability in ADDED.findall(page)]
    command = " ".join(COMMAND.findall(text)[0].split('", "'))
    # With certificates: installed later they would take the place of this machine's.
    with like_ctrl_c(), fresh("container", "ca-certificates") as root:
        (root / "etc/resolv.conf").write_text(Path("/etc/resolv.conf").read_text())
        well = True
        for words, rights, wanted in [
            *((step, (*USUAL, *more), 0) for step in STEP.findall(text)),
            (command, (*USUAL, *more), 0),
            (command, USUAL, 69),  # and says what is missing
        ]:
            got, said = run(root, words, rights)
            holds = got == wanted and "Traceback" not in said
            well = well and holds
            what = f"{words} ({'as install.md says' if rights != USUAL else 'without its rights'})"
            sys.stdout.write(f"{'✓' if holds else '✗'} {what}: status {got}\n{said[-1500:]}\n")
            sys.stdout.flush()
    return 0 if well else 1


def run(root: Path, command: str, rights: tuple[str, ...]) -> tuple[int, str]:
    """Exit status and what it printed, in /srv/onecard, with these capabilities and no others."""
    kept = "-all," + ",".join(f"+{right}" for right in rights)
    inside = f"mount --bind {root} {root} && mount -t proc proc {root}/proc && "
    inside += f"mount --rbind /dev {root}/dev && "
    inside += f'exec chroot {root} setpriv --bounding-set="{kept}" --inh-caps=-all "$@"'
    clean = ["env", "-i", "HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    clean += handed_on()
    own = ["unshare", "--mount", "--pid", "--fork"]
    done = subprocess.run(
        [*own, "sh", "-c", inside, "sh", *clean, "sh", "-c", f"cd /srv/onecard && {command}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(main())
