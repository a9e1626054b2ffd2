"""libsscard against an honest service: names, parameters, sizes, one line per process."""

import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from agent.facade import wire
from agent.facade.c import build
from agent.facade.functions import FUNCTIONS, INTEGERS, Function
from tests.agent.facade.c.conftest import Built, CallerOf
from tests.agent.facade.c.service import Service, answers
from world.real import RealWorld

MAGIC = wire.MAGIC.decode("ascii")
HEADER = (build.FOLDER / "sscard.h").read_text(encoding="utf-8")
VALUES = {
    "iType": "1",
    "iAuthType": "2",
    "pCardInfo": "INFO",
    "pFileAddr": "FILES",
    "pWriteData": "DATA",
    "pPayInfo": "PAY",
    "pKey": "KEY",
}
ASKED = [function for function in FUNCTIONS.values() if function.group != "pki"]


def order(function: Function) -> str:
    return " ".join([function.name, *(VALUES[name] for name in function.parameters)])


def prototype(function: Function) -> str:
    if function.group == "pki":
        return f"long {function.name}(void);"
    words = [f"int {name}" if name in INTEGERS else f"char *{name}" for name in function.parameters]
    return f"long {function.name}({', '.join([*words, 'char *pOutInfo'])});"


def test_header_declares_exactly_the_functions() -> None:
    declared = re.findall(r"SSCARD_API (long [^;]+;)", HEADER)
    told = [re.sub(r"\s+", " ", declaration) for declaration in declared]
    assert told == [prototype(function) for function in FUNCTIONS.values()]


def test_header_tells_the_sizes_of_the_outputs() -> None:
    sizes = {function.output for function in FUNCTIONS.values()}
    assert sizes == {1024, 2 * 1024, 20 * 1024}
    assert "#define SSCARD_OUT 1024\n#define SSCARD_OUT_DEBIT (2 * 1024)\n" in HEADER
    assert "#define SSCARD_OUT_LARGE (20 * 1024)\n" in HEADER


def test_the_frame_is_that_of_the_daemon() -> None:
    source = (build.FOLDER / "sscard.c").read_text(encoding="utf-8")
    assert f'#define MAGIC "{MAGIC}"' in source
    assert f"#define VERSION {wire.VERSION}\n" in source
    assert wire.MAX_BODY == 64 * 1024
    assert "#define MAX_BODY (64 * 1024)" in source


def test_exports_exactly_the_functions(shipped: Built) -> None:
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", shipped.library], capture_output=True, text=True, check=True
    )
    exported = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert exported == set(FUNCTIONS)


def test_a_program_links_and_looks_it_up_by_its_plain_name(shipped: Built, tmp_path: Path) -> None:
    (tmp_path / "old.c").write_text(
        '#include <dlfcn.h>\n#include "sscard.h"\n'
        'int main(void) { char out[SSCARD_OUT]; return !dlopen("libsscard.so", RTLD_NOW)'
        " || iReadCardBas(9, out) >= 0; }\n"
    )
    program, folder = tmp_path / "old", shipped.library.parent
    words = ["cc", "-o", str(program), str(tmp_path / "old.c"), f"-I{build.FOLDER}", f"-L{folder}"]
    subprocess.run([*words, "-lsscard"], check=True)
    found = {**os.environ, "LD_LIBRARY_PATH": str(folder), "ONECARD_SSCARD_SOCKET": "/nowhere"}
    subprocess.run([str(program)], env=found, check=True)


def test_needs_libc_only_and_has_its_soname(shipped: Built) -> None:
    told = subprocess.run(
        ["readelf", "-d", shipped.library], capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"SONAME.*\[(.*)\]", told) == ["libsscard.so.1"]
    assert set(re.findall(r"NEEDED.*\[(.*)\]", told)) <= {"libc.so.6", "libpthread.so.0"}


def test_a_compiler_that_is_missing_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(build.LibraryNotBuilt) as caught:
        build.build(RealWorld(), tmp_path)
    assert "no-such-compiler" in str(caught.value)


def test_a_compiler_that_refuses_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(build.LibraryNotBuilt):
        build.build(RealWorld(), tmp_path)


def test_the_header_is_read_by_a_cxx_compiler_too(tmp_path: Path) -> None:
    source = tmp_path / "caller.cc"
    source.write_text('#include "sscard.h"\nlong f(char *o) { return iReadCardBas(3, o); }\n')
    compiler = "c++" if subprocess.run(["which", "c++"], check=False).returncode == 0 else None
    if compiler is None:
        pytest.skip("no C++ compiler here")
    flags = ["-Wall", "-Wextra", "-Werror", "-Wpedantic", f"-I{build.FOLDER}"]
    subprocess.run([compiler, *flags, "-c", source, "-o", tmp_path / "o"], check=True)


@pytest.mark.parametrize("function", ASKED, ids=lambda function: function.name)
def test_name_and_parameters_arrive_in_order(
    checked: Built, caller_of: CallerOf, service: Service, function: Function
) -> None:
    answer = caller_of(checked).call(order(function))
    fields = [function.name, *(VALUES[name] for name in function.parameters), ""]
    assert (answer.result, answer.text) == (0, "|".join(fields))
    assert answer.whole


def test_one_program_calls_every_function(checked: Built, caller_of: CallerOf) -> None:
    caller = caller_of(checked)
    caller.send("all")
    seen = [caller.take() for _ in FUNCTIONS]
    assert [answer.name for answer in seen] == list(FUNCTIONS)
    assert all(answer.whole for answer in seen)
    unsupported = [answer.name for answer in seen if answer.result == -13]
    assert unsupported == [name for name in FUNCTIONS if name.startswith("PKI_")]


def test_the_library_as_shipped_does_the_same(shipped: Built, caller_of: CallerOf) -> None:
    caller = caller_of(shipped)
    caller.send("all")
    seen = [caller.take() for _ in FUNCTIONS]
    assert [answer.name for answer in seen] == list(FUNCTIONS)
    assert all(answer.whole for answer in seen)
    assert seen[2].text == "iWriteCard|1|INFO|FILES|DATA|"


def test_gbk_bytes_pass_unchanged(checked: Built, caller_of: CallerOf) -> None:
    name = "张韡·买买提".encode("gbk")
    assert b"|" in name  # the second byte of 韡
    answer = caller_of(checked).call(f"iReloadPIN 1 @hex:{name.hex()}")
    assert answer.output == b"iReloadPIN|1|" + name + b"|"


def test_negative_types_are_numbers_too(checked: Built, caller_of: CallerOf) -> None:
    assert caller_of(checked).call("iReadCardBas -2147483648").text.endswith("|-2147483648|")


@pytest.mark.parametrize("result", [0, -1, -52, -2201, -27272, -37634, -(2**31)])
def test_results_come_as_they_are(
    checked: Built, caller_of: CallerOf, service: Service, result: int
) -> None:
    service.behaviour = answers(result, "无卡".encode("gbk"))
    answer = caller_of(checked).call("iReadCardBas 1")
    assert (answer.result, answer.text) == (result, "无卡")


@pytest.mark.parametrize("function", ASKED, ids=lambda function: function.name)
def test_output_is_never_longer_than_documented(
    checked: Built, caller_of: CallerOf, service: Service, function: Function
) -> None:
    caller = caller_of(checked)
    service.behaviour = answers(0, b"9" * (function.output - 1))
    longest = caller.call(order(function))
    service.behaviour = answers(0, b"9" * function.output)
    longer = caller.call(order(function))
    assert (longest.result, len(longest.output)) == (0, function.output - 1)
    assert longer.result == -15
    assert "缓冲区" in longer.text
    assert longest.whole
    assert longer.whole


@pytest.mark.parametrize("function", ASKED, ids=lambda function: function.name)
def test_null_is_a_bad_parameter_and_never_reaches_the_service(
    checked: Built, caller_of: CallerOf, service: Service, function: Function
) -> None:
    caller = caller_of(checked)
    texts = [name for name in function.parameters if name not in INTEGERS]
    for missing in texts:
        words = ["@null" if name == missing else VALUES[name] for name in function.parameters]
        answer = caller.call(" ".join([function.name, *words]))
        assert (answer.result, answer.text) == (-14, "命令参数错：有参数为空指针")
    assert caller.call(f"{order(function)} @noout").result == -14
    assert not service.calls


@pytest.mark.parametrize(
    ("call", "longest"),
    [
        ("iReloadPIN 1 @long:{}", 1023),
        ("iReadCard 1 1 INFO @long:{}", 1023),
        ("iReadCardBas_HSM_Step2 @long:{}", 1023),
        ("iWriteCard 1 INFO FILES @long:{}", 20 * 1024 - 1),
        ("iWriteCard_HSM_Step2 KEY @long:{}", 20 * 1024 - 1),
    ],
)
def test_input_is_read_to_its_limit_and_no_further(
    checked: Built, caller_of: CallerOf, service: Service, call: str, longest: int
) -> None:
    service.behaviour = answers(0, b"")
    caller = caller_of(checked)
    assert caller.call(call.format(longest)).result == 0
    assert len(service.calls[0][1][-1]) == longest
    refused = caller.call(call.format(longest + 1))
    assert (refused.result, refused.text) == (-14, "命令参数错：有参数过长")
    assert len(service.calls) == 1


def test_empty_input_is_a_parameter(checked: Built, caller_of: CallerOf) -> None:
    assert caller_of(checked).call("iReadCardBas_HSM_Step2 @empty").text.endswith("Step2||")


def test_a_process_has_one_line(checked: Built, caller_of: CallerOf, service: Service) -> None:
    caller = caller_of(checked)
    for _ in range(3):
        assert caller.call("iReadCardBas 1").result == 0
    assert service.connections == 1


def test_threads_share_the_line_one_call_after_the_other(
    checked: Built, caller_of: CallerOf, service: Service
) -> None:
    caller = caller_of(checked)
    caller.send("threads 8 iReadCardBas 1")
    seen = [caller.take() for _ in range(8)]
    assert {answer.text for answer in seen} == {"iReadCardBas|1|"}
    assert (service.connections, len(service.calls)) == (1, 8)


def test_a_thread_that_waits_too_long_is_told_who_is_in_its_way(
    hurried: Built, caller_of: CallerOf, service: Service
) -> None:
    # The first call waits for its own limit; the second has the same limit, from the same moment.
    service.behaviour = lambda line, call: True
    caller = caller_of(hurried)
    caller.send("threads 2 iReadCardBas 1")
    seen = [caller.take() for _ in range(2)]
    assert {answer.result for answer in seen} == {-12}


def test_a_forked_child_has_a_line_of_its_own(
    checked: Built, caller_of: CallerOf, service: Service
) -> None:
    caller = caller_of(checked)
    assert caller.call("iReadCardBas 1").result == 0
    assert caller.call("fork iReadCardBas 2").text == "iReadCardBas|2|"
    assert caller.call("iReadCardBas 3").text == "iReadCardBas|3|"
    assert service.connections == 2


def test_a_line_that_ended_between_calls_is_opened_anew(
    checked: Built, caller_of: CallerOf, service: Service
) -> None:
    caller = caller_of(checked)
    assert caller.call("iReadCardBas 1").result == 0
    service.hang_up()
    assert caller.call("iReadCardBas 1").result == 0
    assert (service.connections, len(service.calls)) == (2, 2)


def test_a_descriptor_that_became_the_programs_own_is_left_alone(
    checked: Built, caller_of: CallerOf, service: Service
) -> None:
    caller = caller_of(checked)
    assert caller.call("iReadCardBas 1").result == 0
    caller.send("steal")
    assert caller.words() == ["steal", "1"]
    assert caller.call("iReadCardBas 2").text == "iReadCardBas|2|"
    caller.send("stolen")
    assert caller.words() == ["stolen", "0"]


def test_two_programs_have_two_lines(checked: Built, caller_of: CallerOf, service: Service) -> None:
    met = threading.Barrier(2)

    def together(line: object, call: object) -> bool:
        met.wait(60)  # both calls are in before either is answered
        return True

    first, second = caller_of(checked), caller_of(checked)
    answer = answers(0, b"both|")
    service.behaviour = lambda line, call: together(line, call) and answer(line, call)
    first.send("iReadCardBas 1")
    second.send("iReadCardBas 1")
    assert {first.take().text, second.take().text} == {"both|"}
