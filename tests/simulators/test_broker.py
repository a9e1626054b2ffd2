"""The broker that others test on: it runs, it forgets, and it does not outlive us."""

import os
import subprocess
import sys
from pathlib import Path
from select import select

from config.model import Sync
from simulators.broker import Broker
from sync.link import Message
from sync.paho_link import PahoLink
from world.real import RealWorld


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_real_mosquitto_runs_and_ends(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        pid = broker.pid
        assert comm(pid) == "mosquitto"
    assert not Path(f"/proc/{pid}").exists()


def test_killed_it_forgets_and_comes_back_on_the_same_port(tmp_path: Path) -> None:
    world = RealWorld()
    with Broker(tmp_path) as broker:
        settings = Sync(host=broker.host, port=broker.port)
        link, wake = PahoLink(world, settings, "one"), world.event()
        link.connect(None, wake)
        link.publish("kept", b"retained", retain=True)
        wake.wait(60)
        broker.kill()
        broker.start()
        assert broker.starts == 2
        wake = world.event()
        link.connect(None, wake)
        link.subscribe("#")
        link.publish("fresh", b"")
        topics = []
        while "fresh" not in topics:
            assert wake.wait(60)
            wake.clear()
            while (signal := link.take()) is not None:
                if isinstance(signal, Message):
                    topics.append(signal.topic)
        assert topics == ["fresh"]
        link.disconnect()


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, threading\n"
        "from pathlib import Path\n"
        "from simulators.broker import Broker\n"
        f"broker = Broker(Path({str(tmp_path)!r}))\n"
        "starter = threading.Thread(target=broker.start)\n"  # its end must not end the broker
        "starter.start(); starter.join()\n"
        "print(broker.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert comm(pid) == "mosquitto"
    watch = os.pidfd_open(pid)
    process.kill()
    process.communicate()
    try:
        ended, _, _ = select([watch], [], [], 60)
    finally:
        os.close(watch)
    assert ended
