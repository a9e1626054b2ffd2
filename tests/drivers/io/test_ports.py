"""A port is denied, taken or missing by name; what the kernel says becomes one fault each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.contract import DeviceAmbiguous
from drivers.io.ports import find_port
from simulators.devices.pty import PtyPort
from tests.drivers.io.test_keeper import EchoPeer
from world.real import RealWorld

# Root may open everything, so somebody else tries: nobody, who has no group.
ATTEMPT = """
import os, sys
from drivers.contract import DeviceFault
from drivers.io.line import LineOptions, open_line
from world.real import RealWorld
try:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
except OSError:  # a namespace without that user
    sys.exit("nobody")
try:
    open_line(RealWorld(), LineOptions(port=sys.argv[1]), device="ear")
except DeviceFault as fault:
    print(fault.code, fault.state.value)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be become by root alone")
def test_a_port_without_permission_is_denied_and_not_absent(tmp_path: Path) -> None:
    with PtyPort(tmp_path / "port", EchoPeer()) as port:
        os.chmod(port.path.resolve(), 0o600)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
                folder.chmod(0o755)  # the way to it is free
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPT, str(port.path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    if done.stderr.strip() == "nobody":
        pytest.skip("no other user can be become here")
    assert done.stdout.split() == ["device.denied", "no-permission"], done.stderr


def test_several_links_to_one_device_are_one_port(tmp_path: Path) -> None:
    node, other = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"
    links = [tmp_path / f"pci-0000:00:14.0-usb{version}-0:2:1.0-port0" for version in ("", "v2")]
    for link in links:
        link.symlink_to(node)
    node.touch()
    pattern = str(tmp_path / "pci-*-0:2:1.0-port0")
    assert find_port(RealWorld(), pattern, device="ear") == str(links[0])
    (tmp_path / "pci-0000:00:15.0-usb-0:2:1.0-port0").symlink_to(other)
    with pytest.raises(DeviceAmbiguous):
        find_port(RealWorld(), pattern, device="ear")
