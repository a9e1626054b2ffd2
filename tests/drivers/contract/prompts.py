"""What every prompt device must do. A driver's tests inherit `PromptsContract`."""

from drivers.contract import DeviceState, Prompt, Prompts

WELCOME = Prompt("accepted", "欢迎 welcome", "green", "short")


class PromptsContract:
    """Inherit, and give a fixture `prompts` (named `screen`, in order) and one `broken`."""

    def test_shows_and_returns(self, prompts: Prompts) -> None:
        prompts.show(WELCOME)

    def test_ready_under_its_own_name(self, prompts: Prompts) -> None:
        assert prompts.name == "screen"
        assert prompts.status().name == "screen"
        assert prompts.status().state is DeviceState.READY

    def test_prompt_that_cannot_be_shown_is_never_raised(self, broken: Prompts) -> None:
        broken.show(WELCOME)
