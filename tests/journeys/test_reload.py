"""Nothing that a reload meets ends the daemon: the old settings stay in force, and it says why."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples

from agent.cli.client import Client, DaemonAbsent
from simulators.site import until
from tests.config.mutations import DOCUMENTS, Document, mutated, toml
from tests.config.test_load import WHOLE
from tests.drivers.foreign import vendor
from world.real import RealWorld

GOOD = WHOLE.replace(
    'city = "519900"',
    'city = "519900"\nlanguage = "en"\ndata = "{folder}/data"\nsocket = "{folder}/agent.sock"',
)
KEYS = '[keys]\npath = "{folder}/keys"\n'
# What is added to good settings, and the code of what is then wrong.
WRONG = {
    "a key with a capital letter": ('[results.Repeated]\nlamp = "red"\n', "config.wrong-key"),
    "a language that nobody has": (
        '[results.repeated]\nwords = {{ bo = "x" }}\n',
        "config.unknown-key",
    ),
    "a reason that does not exist": ('[results.repeatd]\nlamp = "red"\n', "results.unknown"),
    "a driver that is not installed": (
        '[[prompts]]\nname = "horn"\ndriver = "horn"\n',
        "driver.unknown",
    ),
    "an option that the driver lacks": (
        '[[prompts]]\nname = "speaker"\ndriver = "voice"\noptions = {{ loud = true }}\n',
        "driver.options",
    ),
    "a record table that is not there": (
        '[transit]\nlayouts = ["/nowhere.toml"]\n',
        "transit.layout",
    ),
    "a record table without an end": ('[transit]\nlayouts = ["/dev/zero"]\n', "transit.layout"),
    "a mapping file that is not there": (
        '[[status.services]]\nname = "s"\nkind = "https"\nmapping = "/nowhere.toml"\n',
        "config.absent",
    ),
    "a mapping file that is a folder": (
        '[[status.services]]\nname = "s"\nkind = "https"\nmapping = "/etc"\n',
        "config.unreadable",
    ),
    "a password that is in no key store": (
        '[sync]\nhost = "localhost"\nusername = "u"\npassword_secret = "nowhere"\n',
        "keystore.missing",
    ),
    "a name service's nonsense": ('[sync]\nhost = "a..b"\nca = "/ca"\n', "config.wrong-value"),
}


class Box:
    """An agent on a folder of its own; no reader service answers it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.config = folder / "onecard.toml"
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        for name in ("city-reference", "journal-seed"):
            (keys / name).write_bytes(bytes(range(32)))
            (keys / name).chmod(0o600)
        self.good = (GOOD + KEYS).format(folder=folder)
        self.config.write_text(self.good)
        self.printed = (folder / "printed").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "--config", str(self.config)],
            stderr=self.printed,
            stdout=self.printed,
            env={**os.environ, "PCSCLITE_CSOCK_NAME": str(folder / "no-pcscd"), **environment},
        )
        try:
            until(lambda: self.settings() is not None, "no answer")
        except BaseException:
            self.process.kill()
            raise

    def settings(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = Client(RealWorld(), str(self.folder / "agent.sock")).get(
                "/v1/status"
            )["settings"]
        except DaemonAbsent:
            return None
        return found

    def reload(self, file: str | bytes | None) -> dict[str, Any]:
        """Give it that file, or none; what it says of it afterwards."""
        before = self.settings()
        if file is None:
            self.config.unlink()
        else:
            self.config.write_bytes(file.encode() if isinstance(file, str) else file)
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self._over(before), "neither taken nor refused")
        after = self.settings()
        assert after is not None
        return after

    def _over(self, before: dict[str, Any] | None) -> bool:
        assert self.process.poll() is None, (self.folder / "printed").read_text()
        return self.settings() not in (before, None)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        self.printed.close()


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("box"))
    yield box
    box.close()


@pytest.mark.parametrize("what", WRONG)
def test_wrong_settings_are_refused_by_name_and_the_old_ones_stay(box: Box, what: str) -> None:
    addition, code = WRONG[what]
    taken = box.reload(box.good)["taken_ms"]
    after = box.reload(box.good + addition.format(folder=box.folder))
    assert [problem["code"] for problem in after["refused"]["problems"]] == [code]
    assert after["taken_ms"] == taken


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", "中文".encode("gbk"), b"", b"[" * 5000])
def test_a_file_that_is_none_is_refused_and_the_old_settings_stay(box: Box, raw: bytes) -> None:
    taken = box.reload(box.good)["taken_ms"]
    after = box.reload(raw)
    assert after["refused"]["problems"]
    assert after["taken_ms"] == taken


def test_a_file_that_is_gone_is_refused(box: Box) -> None:
    after = box.reload(None)
    assert [problem["code"] for problem in after["refused"]["problems"]] == ["config.absent"]


def test_taken_settings_end_the_refusal(box: Box) -> None:
    assert box.reload("wrong")["refused"] is not None
    assert box.reload(box.good)["refused"] is None


@examples(
    max_examples=int(os.environ.get("ONECARD_RELOADS", "12")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(mutated())
def test_any_settings_are_taken_or_refused_and_the_agent_serves_on(
    box: Box, document: Document
) -> None:
    terminal = document.get("terminal")
    if isinstance(terminal, dict):  # else all of them would be another terminal's
        folder = str(box.folder)
        terminal |= {"id": "t1", "data": f"{folder}/data", "socket": f"{folder}/agent.sock"}
        document["keys"] = {"path": f"{folder}/keys"}
    box.reload(toml(document))
    box.reload(box.good)


def test_control_the_written_document_is_the_same(box: Box) -> None:
    for document in (*DOCUMENTS, {"a": [1, {"b": "中\x7f"}]}):
        assert tomllib.loads(toml(document)) == document


@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "ascii"])
def test_an_agent_serves_whatever_signs_its_output_has(tmp_path: Path, encoding: str) -> None:
    box = Box(tmp_path, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert box.reload(box.good.replace('"en"', '"zh"'))["refused"] is None
    assert box.reload("错 = 错")["refused"] is not None
    box.close()
    printed = (tmp_path / "printed").read_bytes().decode(encoding)
    assert "Traceback" not in printed
    assert "panel: [" in printed


def test_vendors_drivers_of_any_kind_stop_nobody(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    vendor.install(site)
    folder = tmp_path / "box"
    folder.mkdir()
    names = [*map(vendor.kebab, vendor.DEVICES), *(f"acme-{name}" for name in vendor.UNLOADABLE)]
    tables = [f'[[prompts]]\nname = "p{at}"\ndriver = "{name}"' for at, name in enumerate(names)]
    families = [*map(vendor.kebab, vendor.READERS), *(f"acme-{n}" for n in vendor.UNLOADABLE)]
    tables += [
        f'[[readers]]\nname = "r{at}"\ndriver = "{name}"\nmatch = "*"\ninterface = "contactless"'
        for at, name in enumerate(families)
    ]
    readers = ", ".join(f'"r{at}"' for at in range(len(families)))
    prompts = ", ".join(f'"p{at}"' for at in range(len(names)))
    tables.append(
        f'[[lanes]]\nname = "odd"\ndirection = "exit"\nreaders = [{readers}]\nprompts = [{prompts}]'
    )
    box = Box(folder, PYTHONPATH=str(site))
    assert box.reload(box.good + "\n".join(tables))["refused"] is None
    found = Client(RealWorld(), str(folder / "agent.sock")).get("/v1/devices")["devices"]
    faults = {device["name"]: device["fault"] for device in found}
    assert faults["panel"] == ""
    assert faults["p0"] == ""
    assert [faults[f"p{at}"] for at, name in enumerate(names) if name == "acme-syntax"] == [
        "driver.broken"
    ]
    told = onecard("doctor", "--config", str(box.config), PYTHONPATH=str(site))
    assert "acme_drivers_syntax:Device" in told.stdout
    assert "acme-drivers" in told.stdout
    box.reload(box.good)
    box.close()
    told = onecard("config", "check", str(box.config), PYTHONPATH=str(site))
    assert told.returncode == 0
    box.config.write_text(box.good + "\n".join(tables))
    told = onecard("config", "check", str(box.config), PYTHONPATH=str(site))
    assert told.returncode == 69
    assert "acme_drivers:RaisesInInit" in told.stderr
    assert "Traceback" not in told.stderr


def onecard(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "onecard"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
