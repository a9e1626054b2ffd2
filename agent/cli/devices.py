"""`onecard devices`: every device by lane; `onecard devices suggest`: settings for what is new."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text
from rich.tree import Tree

from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json
from agent.cli.looking import look
from agent.cli.own_look import LOOK, SETTLE
from agent.doctor.suggest import UNCONFIGURED, Suggestion, Suggestions
from agent.equipment.devices import DRIVER_GROUPS
from config.faults import ConfigAbsent
from config.model import AgentSettings as Settings
from drivers import registry
from drivers.attached import attached
from drivers.pcsc.readers import PcscReaders

COLOURS = {"ready": "green", "busy": "yellow"}  # of a state; all others are red


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    group = typer.Typer(help=context.texts.ui("help-devices"), invoke_without_command=True)
    app.add_typer(group, name="devices")

    @group.callback()
    def devices(
        command: typer.Context, config: Config = DEFAULT_CONFIG, as_json: Json = False
    ) -> None:
        if command.invoked_subcommand is not None:
            return
        context.as_json = as_json
        settings = context.settings_in_force(config)
        found = look(context, settings)
        for device in found["devices"]:
            device["sentence"] = _sentence(context, device)
        context.show(found, lambda: _tree(context, settings, found["devices"]))

    @group.command(help=context.texts.ui("help-devices-suggest"))
    def suggest(
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
        driver: Annotated[
            str | None, typer.Option("--as", help=context.texts.ui("help-suggest-as"))
        ] = None,
        root: Annotated[Path, typer.Option(help=context.texts.ui("help-suggest-root"))] = Path("/"),
    ) -> None:
        context.as_json = as_json
        settings = _settings(context, config)
        suggestions = Suggestions(
            context.world,
            settings,
            attached(context.world, root / "sys", root / "dev"),
            _slots(context),
            installed={kind: registry.installed(group) for kind, group in DRIVER_GROUPS.items()},
            driver=driver,
        )
        toml = suggestions.toml(context.texts)
        data = {"version": 1, "suggestions": [_data(s) for s in suggestions.all], "toml": toml}
        text = toml or context.texts.ui("suggest-nothing")
        if settings is UNCONFIGURED:
            first = context.texts.ui("suggest-first", path=str(config))
            text = f"# {first}\n{toml}" if toml else context.texts.ui("suggest-nothing-attached")
        context.show(data, lambda: context.say(text))

    @group.command(help=context.texts.ui("help-devices-release"))
    def release(
        device: str,
        seconds: Annotated[
            int, typer.Option(min=1, max=3600, help=context.texts.ui("help-loan-seconds"))
        ] = 600,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        context.as_json = as_json
        client = context.client(context.settings_in_force(config))
        answer = client.post(f"/v1/devices/{quote(device, safe='')}/release", {"seconds": seconds})
        text = context.texts.ui("device-lent", device=device, seconds=seconds)
        context.show(answer, lambda: context.say(text))

    @group.command(help=context.texts.ui("help-devices-take-back"))
    def take_back(device: str, config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        context.as_json = as_json
        client = context.client(context.settings_in_force(config))
        answer = client.post(f"/v1/devices/{quote(device, safe='')}/take-back", {})
        text = context.texts.ui("device-taken-back", device=device)
        context.show(answer, lambda: context.say(text))


def _settings(context: Context, config: Path) -> Settings:
    """On a new box there is no file yet, and that is when suggestions are wanted most."""
    try:
        return context.settings_in_force(config)
    except ConfigAbsent:
        if config != DEFAULT_CONFIG:
            raise
        return UNCONFIGURED


def _slots(context: Context) -> list[str]:
    """All PC/SC slots; none when pcscd does not answer."""
    pcsc = PcscReaders(context.world, [])
    pcsc.start()
    end = context.world.monotonic() + SETTLE
    while not pcsc.looked() and context.world.monotonic() < end:
        context.world.wait(LOOK)
    slots = list(pcsc.attached())
    pcsc.stop()
    return slots


def _sentence(context: Context, device: dict[str, Any]) -> str:
    """The last fault in words, empty when there was none."""
    if not device["fault"]:
        return ""
    return context.texts.trouble(device["fault"], {"device": device["name"], **device["facts"]})


def _data(suggestion: Suggestion) -> dict[str, Any]:
    found = suggestion.found
    return {
        "class": found.class_,
        "path": found.path,
        "usb": found.usb,
        "label": found.label,
        "what": found.what,
        "note": found.note,
        "certain": suggestion.certain,
        "tables": [
            {"kind": table.kind, "driver": table.driver, "toml": "\n".join(table.lines())}
            for table in suggestion.tables
        ],
    }


def _tree(context: Context, settings: Settings, devices: list[dict[str, Any]]) -> None:
    """Lanes, their devices, and what is wrong with each; whatever is in no lane comes last."""
    ui = context.texts.ui
    top = Tree(settings.terminal.id)
    for lane in settings.lanes:
        direction = context.texts.word("direction", lane.direction)
        branch = top.add(Text(ui("lane-named", lane=lane.name, direction=direction)))
        for device in devices:
            if device["lanes"][:1] == [lane.name]:
                _branch(context, branch, device)
    apart = [device for device in devices if not device["lanes"]]
    if apart:
        branch = top.add(Text(ui("lane-none")))
        for device in apart:
            _branch(context, branch, device)
    context.console.print(top)


def _branch(context: Context, lane: Tree, device: dict[str, Any]) -> None:
    texts, state = context.texts, device["state"]
    also = ", ".join(device["lanes"][1:])
    line = Text(f"{texts.word('equipment', device['kind'])} {device['name']} · ")
    line.append(texts.state(state), style=COLOURS.get(state, "red"))
    for part in (
        device["driver"],
        device["attached"],
        texts.ui("device-counts", presented=device["presented"], lost=device["lost"]),
        texts.ui("lane-also", lanes=also) if also else "",
    ):
        line.append(f" · {part}" if part else "")
    branch = lane.add(line)
    if device["counters"]:
        branch.add(Text(_counted(device["counters"].items())))
    if device["sentence"]:
        told = device["sentence"]
        branch.add(Text(told if state != "ready" else texts.ui("last-fault", sentence=told)))


def _counted(counters: Iterable[tuple[str, int]]) -> str:
    return " · ".join(f"{name} {count}" for name, count in counters)
