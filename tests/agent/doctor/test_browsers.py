"""`doctor` on browsers: is each configured page let through, and what to write where it is not."""

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.doctor.browsers import ALLOWING, KNOWN, fits, policy
from agent.doctor.findings import Finding
from config.model import AgentSettings as Settings
from config.model import FacadeClient, FacadeSettings
from tests import product
from tests.agent.doctor.cases import BUSINESS, examined, has_words, settings

PAGE = "https://his.example"
CHROMIUM, FOLDER = Path("usr/bin/chromium"), KNOWN[Path("usr/bin/chromium")]


def pages(*origins: str, folders: tuple[str, ...] = ()) -> Settings:
    clients = tuple(
        FacadeClient(name=f"page-{n}", origin=origin, host="localhost:8686", purpose="made up")
        for n, origin in enumerate(origins)
    )
    facade = FacadeSettings(port=8686, clients=clients, browser_policies=folders)
    return msgspec.structs.replace(settings(), facade=facade)


def found(
    root: Path, of: Settings, files: Mapping[Path, object], *, program: Path | None = CHROMIUM
) -> list[Finding]:
    """What is found of browsers on a machine with these files, JSON but where they are bytes."""
    if program is not None:
        files = {program: b"", **files}
    for path, said in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
    findings = [f for f in examined(of=of, root=root) if f.id.startswith("browser-")]
    for finding in findings:
        assert finding.id in BUSINESS
        has_words(finding)
    return findings


def ids(findings: list[Finding]) -> list[tuple[str, bool]]:
    return [(finding.id, finding.well) for finding in findings]


def test_a_page_that_the_policy_names_is_well(tmp_path: Path) -> None:
    for name in ALLOWING:
        file = {FOLDER / "any.json": {name: [PAGE]}}
        assert ids(found(tmp_path, pages(PAGE), file)) == [("browser-policy-names", True)]


def test_a_page_that_no_policy_names_is_told_with_the_command(tmp_path: Path) -> None:
    (missing,) = found(tmp_path, pages(PAGE), {})
    assert (missing.id, missing.well) == ("browser-policy-missing", True), "it may be of a network"
    (public,) = found(tmp_path, pages("https://203.0.113.9"), {})
    assert (public.id, public.well) == ("browser-policy-missing", False)


def test_what_the_command_writes_is_what_the_browser_wants(tmp_path: Path) -> None:
    (missing,) = found(tmp_path, pages(PAGE, "https://lab.example:8443"), {})[:1]
    words = shlex.split(str(missing.facts["command"]))
    assert words[-1] == f"/{FOLDER / 'onecard.json'}"
    written = {FOLDER / "onecard.json": json.loads(words[words.index("echo") + 1])}
    again = found(tmp_path, pages(PAGE, "https://lab.example:8443"), written)
    assert ids(again) == [("browser-policy-names", True)] * 2


def test_the_file_of_the_package_names_the_page_of_the_sample_settings(tmp_path: Path) -> None:
    shipped = product.ROOT / "packaging" / "browser-policies" / "onecard.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == json.loads(policy([PAGE]))
    assert f'origin = "{PAGE}"' in (product.ROOT / "packaging" / "onecard.toml").read_text("utf-8")


def test_a_list_that_forbids_counts_first(tmp_path: Path) -> None:
    said = {"LoopbackNetworkBlockedForUrls": [PAGE], ALLOWING[0]: [PAGE]}
    (one,) = found(tmp_path, pages(PAGE), {FOLDER / "x.json": said})
    assert ids([one]) == [("browser-policy-blocks", False)]


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b"\xff", b'{"a": ' * 5000])
def test_a_policy_that_is_none_is_told_by_its_path(tmp_path: Path, said: bytes) -> None:
    (one,) = found(tmp_path, pages(PAGE), {FOLDER / "x.json": said})
    assert ids([one]) == [("browser-policy-unreadable", False)]
    assert one.facts["path"] == f"/{FOLDER / 'x.json'}"


@pytest.mark.parametrize("last", ["b.json", "b.txt", "a.json~", "b"])
def test_of_two_files_the_last_one_counts_as_it_does_to_the_browser(
    tmp_path: Path, last: str
) -> None:
    """Seen with Chromium 156: every file of the folder, whatever its name ends with."""
    one, other = {ALLOWING[0]: [PAGE]}, {ALLOWING[0]: ["https://other.example"]}
    (lost,) = found(tmp_path, pages(PAGE), {FOLDER / "a.json": one, FOLDER / last: other})
    assert lost.id == "browser-policy-missing"
    (kept,) = found(tmp_path, pages(PAGE), {FOLDER / "a.json": other, FOLDER / last: one})
    assert kept.id == "browser-policy-names"


@pytest.mark.parametrize(
    "said",
    [
        b'\xef\xbb\xbf{"%b": ["%b"]}',
        b'{"%b": ["%b",],}',
        b'// ours\n{"%b": [ /* the HIS */ "%b", // and no other\n ]}',
        b'{"x": "", "%b": ["%b"]}',
    ],
)
def test_what_the_browser_lets_pass_in_a_policy_is_no_reason_to_call_it_wrong(
    tmp_path: Path, said: bytes
) -> None:
    file = {FOLDER / "x.json": said % (ALLOWING[0].encode(), PAGE.encode())}
    assert ids(found(tmp_path, pages(PAGE), file)) == [("browser-policy-names", True)]


def test_a_file_that_the_browser_passes_over_is_no_trouble_where_another_names_the_page(
    tmp_path: Path,
) -> None:
    files = {FOLDER / "a.json": {ALLOWING[0]: [PAGE]}, FOLDER / ".a.json.swp": b"b0VIM"}
    assert ids(found(tmp_path, pages(PAGE), files)) == [("browser-policy-names", True)]


def test_what_is_no_file_in_the_folder_is_passed_over_as_the_browser_does(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to("sub")
    (folder / "nowhere").symlink_to("not-there")
    os.mkfifo(folder / "pipe")
    assert ids(found(tmp_path, pages(PAGE), {})) == [("browser-policy-missing", True)]
    (folder / "ours.json").symlink_to("sub/ours.json")
    said = {FOLDER / "sub" / "ours.json": {ALLOWING[0]: [PAGE]}}
    assert ids(found(tmp_path, pages(PAGE), said)) == [("browser-policy-names", True)]


@pytest.mark.parametrize("said", [{ALLOWING[0]: "x"}, {ALLOWING[0]: [1, None]}, {ALLOWING[0]: {}}])
def test_a_list_that_is_none_allows_nothing(tmp_path: Path, said: object) -> None:
    (one,) = found(tmp_path, pages(PAGE), {FOLDER / "x.json": said})
    assert one.id == "browser-policy-missing"


@pytest.mark.parametrize(
    ("origin", "well"),
    [("http://his.example", True), ("http://10.1.2.3", True), ("http://203.0.113.9:8080", False)],
)
def test_a_page_without_https_is_helped_by_no_list(tmp_path: Path, origin: str, well: bool) -> None:
    said = {FOLDER / "x.json": {ALLOWING[0]: ["*"]}}
    assert ids(found(tmp_path, pages(origin), said)) == [("browser-page-insecure", well)]


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://127.0.0.1:1"]
)
def test_pages_of_this_machine_need_nothing(tmp_path: Path, origin: str) -> None:
    assert found(tmp_path, pages(origin), {}) == []


def test_without_a_browser_that_is_known_nothing_is_said(tmp_path: Path) -> None:
    assert found(tmp_path, pages(PAGE), {FOLDER / "x.json": b"{"}, program=None) == []


@pytest.mark.parametrize("program", KNOWN)
def test_each_known_browser_is_looked_at(tmp_path: Path, program: Path) -> None:
    (one,) = found(tmp_path, pages(PAGE), {}, program=program)
    assert one.facts["folder"] == f"/{KNOWN[program]}"


def test_the_folder_of_another_browser_is_a_setting(tmp_path: Path) -> None:
    of = pages(PAGE, folders=("/etc/made-up/policies/managed",))
    said = {Path("etc/made-up/policies/managed/x.json"): {ALLOWING[0]: [PAGE]}}
    (one,) = found(tmp_path, of, said, program=None)
    assert (one.id, one.facts["folder"]) == (
        "browser-policy-names",
        "/etc/made-up/policies/managed",
    )


@pytest.mark.parametrize("slashes", ["/", "//", "///"])
def test_a_folder_is_the_same_whatever_slashes_it_begins_with(tmp_path: Path, slashes: str) -> None:
    of = pages(PAGE, folders=(f"{slashes}etc/made-up",))
    said = {Path("etc/made-up/x.json"): {ALLOWING[0]: [PAGE]}}
    (one,) = found(tmp_path, of, said, program=None)
    assert (one.id, one.facts["folder"]) == ("browser-policy-names", "/etc/made-up")


@pytest.mark.parametrize("origin", ["https://his.example:99999", "https://a:b:c", "https://h:1x"])
def test_a_page_whose_port_is_none_is_named_by_no_list(tmp_path: Path, origin: str) -> None:
    """Settings may be in force since before such ports were refused."""
    said = {FOLDER / "x.json": {name: ["his.example", "a", "h", origin] for name in ALLOWING}}
    assert ids(found(tmp_path, pages(origin), said)) == [("browser-policy-missing", True)]


@pytest.mark.parametrize(
    ("pattern", "origin", "means"),
    [
        ("*", PAGE, True),
        ("https://his.example", PAGE, True),
        ("https://his.example", "https://his.example:8443", True),
        ("https://his.example:443", PAGE, True),
        ("https://his.example:443", "https://his.example:8443", False),
        ("https://his.example:*", "https://his.example:8443", True),
        ("http://his.example", PAGE, False),
        ("his.example", PAGE, True),
        ("HIS.example", PAGE, True),
        ("his.example", "https://sub.his.example", False),
        ("[*.]his.example", "https://sub.his.example", True),
        ("[*.]his.example", PAGE, True),
        ("[*.]his.example", "https://evilhis.example", False),
        ("https://[*.]example:8443", "https://his.example:8443", True),
        ("https://his.example/desk", PAGE, True),
        ("https://*", PAGE, True),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443", True),
        ("", PAGE, False),
        ("https://", PAGE, False),
    ],
)
def test_a_pattern_means_the_pages_that_the_browser_takes_it_for(
    pattern: str, origin: str, means: bool
) -> None:
    assert fits(pattern, origin) is means


@given(st.text())
def test_any_pattern_means_a_page_or_not(pattern: str) -> None:
    assert fits(pattern, PAGE) in (True, False)


@given(st.from_regex(r"\Ahttps?://[a-z0-9.:-]+\Z"))
def test_any_page_is_meant_by_a_pattern_or_not(origin: str) -> None:
    assert fits("[*.]his.example", origin) in (True, False)
