"""What every prompt device must do. A driver's tests inherit `PromptsContract`."""

from itertools import product
from typing import get_args

from drivers.contract import Beep, DeviceState, Lamp, Prompt, Prompts
from world.tasks import RealTask

PATIENCE = 60.0  # seconds
EVERY_PROMPT = [
    Prompt("any", "words", lamp, beep, voice=voice, language=language)
    for lamp, beep, voice, language in product(
        get_args(Lamp), get_args(Beep), ("", "pass", "unheard-of"), ("zh", "en", "unheard-of")
    )
]
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

    def test_every_prompt_there_is_can_be_shown(self, prompts: Prompts) -> None:
        for prompt in EVERY_PROMPT:
            prompts.show(prompt)
        assert prompts.status().state is DeviceState.READY

    def test_shown_from_many_threads_at_once(self, prompts: Prompts) -> None:
        def show() -> None:
            for prompt in EVERY_PROMPT:
                prompts.show(prompt)

        tasks = [RealTask(show, f"lane {number}") for number in range(4)]
        assert all(task.join(PATIENCE) for task in tasks)
        assert prompts.status().state is DeviceState.READY
