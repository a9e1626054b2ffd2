"""What is installed beside the agent gives its user exactly what drivers and doctor count on."""

import re
import shutil
import subprocess
import tomllib

import pytest

from agent.doctor.devices import USUAL_GROUP
from agent.doctor.findings import RULES
from agent.doctor.service import POLKIT_NAME
from drivers.known import known
from tests import product

PACKAGING = product.ROOT / "packaging"
KEY = r'[A-Z]+(\{[\w]+\})?(==|=)"[^"]*"'


def text(name: str) -> str:
    return (PACKAGING / name).read_text(encoding="utf-8")


def rules() -> list[str]:
    lines = text("60-onecard.rules").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def groups_of_the_service() -> set[str]:
    found = re.search(r"^SupplementaryGroups=(.*)$", text("onecard.service"), re.MULTILINE)
    assert found
    return set(found[1].split())


def usb_rules(vendor: str) -> list[str]:
    return [r for r in rules() if f'ATTR{{idVendor}}=="{vendor}"' in r and 'GROUP="onecard"' in r]


def test_every_rule_is_keys_and_values() -> None:
    broken = [rule for rule in rules() if not re.fullmatch(rf"{KEY}(, {KEY})*", rule)]
    assert not broken


def test_the_service_is_in_every_group_that_the_rules_and_the_doctor_name() -> None:
    named = {group for rule in rules() for group in re.findall(r'GROUP="(\w+)"', rule)}
    assert named - {"onecard"} == groups_of_the_service()
    assert set(USUAL_GROUP.values()) | {"audio"} == groups_of_the_service()


def test_every_group_of_the_service_is_made() -> None:
    made = set(re.findall(r"^g (\w+) ", text("onecard.sysusers"), re.MULTILINE))
    assert made == groups_of_the_service()
    assert re.search(r"^u onecard ", text("onecard.sysusers"), re.MULTILINE)


def test_every_known_maker_of_scan_modules_may_be_opened_over_usb() -> None:
    table = known()
    makers = {
        row.id.partition(":")[0]
        for row in table.usb
        if any("scanner" in choice for choices in row.choices.values() for choice in choices)
    }
    assert len(makers) >= 5
    assert not {maker for maker in makers if not usb_rules(maker)}


def test_every_known_id_card_reader_may_be_opened_over_usb() -> None:
    (row,) = [row for row in known().usb if "sam-v-usb" in row.choices.get("usb", ())]
    vendor, _, model = row.id.partition(":")
    assert any(f'ATTR{{idProduct}}=="{model}"' in rule for rule in usb_rules(vendor))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_service_has_no_right_that_it_does_not_need() -> None:
    unit = str(PACKAGING / "onecard.service")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_the_service_may_do_what_its_devices_and_programs_need() -> None:
    """Stricter words would be refused by what they would break: see the comments in the unit."""
    unit = text("onecard.service")
    assert "DeviceAllow=char-* rw\n" in unit
    for never in (
        "PrivateDevices=",
        "PrivateNetwork=",
        "PrivateUsers=",
        "ProcSubset=",
        "IPAddress",
    ):
        assert not re.search(rf"^{never}", unit, re.MULTILINE), never


def test_what_the_doctor_adds_comes_after_the_packages_own_rules() -> None:
    assert RULES.rpartition("/")[2] > "60-onecard.rules"


def test_the_polkit_rule_is_the_one_that_the_doctor_looks_for() -> None:
    assert POLKIT_NAME.decode() in text("50-onecard-pcscd.rules")


def test_the_licence_is_named_and_there() -> None:
    project = tomllib.loads((product.ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    for file in project["license-files"]:
        words = (product.ROOT / file).read_text().split()
        assert words[:4] == ["Apache", "License", "Version", "2.0,"]
        assert "limitations" in words[-20:]


def test_control_a_rule_with_a_slip_is_noticed() -> None:
    assert not re.fullmatch(rf"{KEY}(, {KEY})*", 'SUBSYSTEM=="usb" GROUP="onecard"')


def test_the_service_may_ask_the_kernel_who_calls() -> None:
    """sock_diag(7), for pages at the national interface; udev speaks by netlink, too."""
    unit = text("onecard.service")
    families = re.findall(r"^RestrictAddressFamilies=(.*)$", unit, re.MULTILINE)
    assert all("AF_NETLINK" in words.split() for words in families)
