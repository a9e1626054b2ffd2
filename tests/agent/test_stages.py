"""The stopwatch of a tap."""

from agent.stages import STAGES, Stages
from simulators.world import SimWorld


def test_a_stage_lasts_until_the_next_one_begins() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        world.wait(1.0)
        stages = Stages(world, presented_at=world.monotonic() - 0.25)
        stages.begin("open")
        world.wait(0.5)
        stages.begin("select")
        world.wait(0.125)
        assert _rounded(stages) == {"detect": 250, "open": 500}
        stages.end()
        world.wait(9.0)
        assert _rounded(stages) == {"detect": 250, "open": 500, "select": 125}
        assert round(stages.total_us() / 1000) == 875

    world.play(scenario)


def test_a_stage_that_comes_twice_adds_up_and_idle_time_is_nobodys() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        stages = Stages(world, world.monotonic())
        for _ in range(2):
            stages.begin("read")
            world.wait(0.1)
            stages.end()
            world.wait(5.0)
        assert _rounded(stages) == {"detect": 0, "read": 200}

    world.play(scenario)


def test_what_was_told_so_far_does_not_change_any_more() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        stages = Stages(world, world.monotonic())
        stages.begin("open")
        told = stages.so_far()
        stages.begin("select")
        assert list(told) == ["detect"]

    world.play(scenario)


def test_stages_are_the_ways_of_design_md_in_order() -> None:
    way = ("detect", "select", "authenticate", "read", "decide", "commit", "act")
    assert [stage for stage in STAGES if stage in way] == list(way)


def _rounded(stages: Stages) -> dict[str, int]:
    """Milliseconds."""
    return {name: round(us / 1000) for name, us in stages.so_far().items()}
