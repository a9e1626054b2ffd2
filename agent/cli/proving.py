"""`onecard demo`, `bench` and `prove`: the commands that bring simulated devices along.

Only these import `simulators`, `proving` and `benchmarks`, which are no part of the terminal's
distribution: they come with onecard-simulators.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from agent.cli.context import Context, Json
from world import Fault

BENCHES = (
    "tap", "busy", "footprint", "cli", "sm2", "idle", "qr", "facade", "lists", "code", "bus",
    "against",
)  # fmt: skip
PROOFS = ("tear", "power", "devices", "fuzz", "money", "explain")
SCENES = ("library-gate", "devices", "service-window", "bus", "metro-gate")  # of the demo
AIRS = (106, 212, 424, 848)  # kbit/s
# --help is answered here: each bench and proof has options of its own.
ANY = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
HELP = ("--help", "-h")


class UnknownProof(Fault):
    """There is no bench or proof of that name."""

    code = "cli.unknown-name"


class SimulatorsMissing(Fault):
    """onecard-simulators is not installed beside the agent. Facts: `python`, which needs it."""

    code = "simulators.missing"


class NamespacesDenied(Fault):
    """The machine makes no namespaces, which the simulated readers live in. Facts: `cause`."""

    code = "simulators.no-namespaces"


class SimulationFailed(Fault):
    """What is simulated could not be started, or stopped by itself. Facts: `cause`."""

    code = "simulators.failed"


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    ui = context.texts.ui

    @app.command(help=ui("help-demo"))
    def demo(
        air: Annotated[int | None, typer.Option(help=ui("help-air"))] = None,
        scene: Annotated[str, typer.Option(help=ui("help-scene"))] = SCENES[0],
        stay: Annotated[bool, typer.Option("--stay", help=ui("help-stay"))] = False,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        if air not in (None, *AIRS):
            raise UnknownProof(found=str(air), allowed=", ".join(map(str, AIRS)))
        if scene not in SCENES:
            raise UnknownProof(found=scene, allowed=", ".join(SCENES))
        with simulating(context):
            played = optional_import_module("proving.demos").run
            status = played(context, scene, air, staying=stay)
        raise typer.Exit(status)

    @app.command(help=ui("help-bench", names=", ".join(BENCHES)), context_settings=ANY)
    def bench(
        call: typer.Context, name: Annotated[str, typer.Argument()] = "", as_json: Json = False
    ) -> None:
        _run(context, "benchmarks", BENCHES, name, call.args, as_json=as_json)

    @app.command(help=ui("help-prove"), context_settings=ANY)
    def prove(
        call: typer.Context, name: Annotated[str, typer.Argument()] = "", as_json: Json = False
    ) -> None:
        _run(context, "proving.proofs", PROOFS, name, call.args, as_json=as_json)


def _run(
    context: Context,
    package: str,
    names: tuple[str, ...],
    name: str,
    arguments: list[str],
    *,
    as_json: bool,
) -> None:
    """Figures come as one flat JSON line; a proof or bench that does not hold exits with 1. With
    `--help` the options of one, without a name what each of them does."""
    context.as_json = as_json
    if name in ("", *HELP):
        for each in names:
            _explain(package, each)
        return
    if name not in names:
        raise UnknownProof(found=name, allowed=", ".join(names))
    if set(HELP) & set(arguments):
        _explain(package, name)
        return
    with simulating(context):
        figures: dict[str, Any] = optional_import_module(f"{package}.{name}").run(arguments)

    def say_figures() -> None:
        for key, value in figures.items():
            context.say(f"{key}: {value}")

    context.show(figures, say_figures)
    if not figures["holds"]:
        raise typer.Exit(1)


def _explain(package: str, name: str) -> None:
    """The options, and what its figures are."""
    run = optional_import_module(f"{package}.{name}").run
    with suppress(SystemExit):  # argparse's own way to end
        run(["--help"])
    sys.stdout.write(f"{inspect.getdoc(run)}\n\n")


def optional_import_module(name: str) -> Any:
    """A module of onecard-simulators. Raises `SimulatorsMissing`."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        raise SimulatorsMissing(python=sys.executable)
    return importlib.import_module(name)


@contextmanager
def simulating(context: Context) -> Iterator[None]:
    """Whatever ends the command leaves no process and no folder behind, and a fault names what the
    machine lacks. Raises `SimulatorsMissing`, `NamespacesDenied`, `SimulationFailed`."""
    lifetime, parts, pcscd = (
        optional_import_module(f"simulators.{room}") for room in ("lifetime", "parts", "pcscd")
    )
    context.simulated = True
    try:
        with lifetime.like_ctrl_c():
            yield
    except pcscd.NoNamespaces as error:
        raise NamespacesDenied(cause=str(error)) from error
    except parts.Unavailable as error:
        raise SimulationFailed(cause=str(error)) from error
