"""`onecard journey`: where the vehicle is, who drives, what the shift took in; and by hand."""

from typing import Annotated, Any

import typer

from agent.cli.columns import Column
from agent.cli.context import DEFAULT_CONFIG, Config, Context, Json


def add_to(app: typer.Typer, context: Context) -> None:
    """Add the command group."""
    ui = context.texts.ui
    group = typer.Typer(help=ui("help-journey"), invoke_without_command=True)
    app.add_typer(group, name="journey")

    def post(config: Config, as_json: bool, route: str, body: dict[str, object]) -> None:
        context.as_json = as_json
        answer = context.client(context.settings_in_force(config)).post(
            f"/v1/journey/{route}", body
        )
        context.show(answer, lambda: _place(context, answer))

    @group.callback()
    def show(
        command: typer.Context, config: Config = DEFAULT_CONFIG, as_json: Json = False
    ) -> None:
        if command.invoked_subcommand is not None:
            return
        context.as_json = as_json
        found = context.client(context.settings_in_force(config)).get("/v1/journey")
        context.show(found, lambda: _all(context, found))

    @group.command(help=ui("help-journey-line"))
    def line(
        line: str,
        down: Annotated[bool, typer.Option("--down", help=ui("help-journey-down"))] = False,
        config: Config = DEFAULT_CONFIG,
        as_json: Json = False,
    ) -> None:
        body: dict[str, object] = {"line": line, "direction": "down" if down else "up"}
        post(config, as_json, "line", body)

    @group.command(help=ui("help-journey-stop"))
    def stop(stop: str, config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        post(config, as_json, "stop", {"stop": stop})

    @group.command(help=ui("help-journey-follow"))
    def follow(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        post(config, as_json, "follow", {})

    @group.command(name="sign-off", help=ui("help-journey-sign-off"))
    def sign_off(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
        post(config, as_json, "sign-off", {})


def _all(context: Context, found: dict[str, Any]) -> None:
    _place(context, found)
    summary = found["summary"]
    if summary is None:
        return
    ui = context.texts.ui
    columns = (
        Column(ui("journey-class"), "cut"),
        Column(ui("journey-kind"), "cut"),
        Column(ui("journey-rides"), right=True),
        Column(ui("journey-amount"), right=True),
    )
    rows = [
        (row["class"], row["kind"], str(row["rides"]), _yuan(row["amount"]))
        for row in summary["counts"]
    ]
    context.table(columns, rows)
    text = ui(
        "journey-total",
        rides=summary["rides"],
        amount=_yuan(summary["amount"]),
        refused=summary["refused"],
        unknown=summary["unknown"],
    )
    context.tell(text)


def _place(context: Context, found: dict[str, Any]) -> None:
    ui = context.texts.ui
    shift = found["shift"]
    driver = ui("journey-nobody") if shift is None else shift["driver"]
    text = ui(
        "journey-place",
        vehicle=found["vehicle"],
        line=found["line"],
        way=found["direction"],
        stop=found["stop"],
        source=found["source"],
        driver=driver,
    )
    context.tell(text)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"
