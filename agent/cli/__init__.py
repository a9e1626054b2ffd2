"""The command `onecard`: asks the daemon over its socket, or looks for itself when none runs."""


def main() -> None:
    """Entry point. Imported late, because `python -m agent` shares this package's parents."""
    from agent.cli.app import run

    run()
