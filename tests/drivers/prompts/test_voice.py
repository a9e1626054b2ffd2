"""Voice: the prompts' contract with sound going nowhere, clips, and a card that ALSA knows."""

import io
import wave
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import miniaudio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.drivers.prompts import PromptsContract
from contracts.drivers.reader import until
from drivers.contract import DeviceState, Prompt
from drivers.options import OptionsFault
from drivers.prompts import sink as sinks
from drivers.prompts import voice as driver
from drivers.prompts.clips import LARGEST, RATE, Clips, samples_of
from drivers.prompts.sink import Sink
from drivers.prompts.voice import VoicePrompts
from simulators.devices.sound import RecordedVoice, SoundCard
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0
TONE = array("h", [0, 9000, 0, -9000])


def clip(seconds: float, *, rate: int = RATE, channels: int = 1) -> bytes:
    """A WAV file with a tone."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes((TONE * int(seconds * rate * channels / len(TONE))).tobytes())
    return stream.getvalue()


def say(key: str) -> Prompt:
    return Prompt("any", "any", "off", "none", voice=key)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A city's own clips: `short`, and `speech`, which nobody waits for."""
    folder = tmp_path / "pack"
    (folder / "zh").mkdir(parents=True)
    (folder / "zh" / "short.wav").write_bytes(clip(0.1))
    (folder / "zh" / "speech.wav").write_bytes(clip(30.0))
    return folder


MakeVoice = Callable[..., RecordedVoice]


@pytest.fixture
def make_voice(pack: Path) -> Iterator[MakeVoice]:
    made: list[RecordedVoice] = []

    def make(**options: object) -> RecordedVoice:
        made.append(RecordedVoice(WORLD, "screen", {"pack": str(pack), **options}))
        made[-1].start()
        return made[-1]

    yield make
    for voice in made:
        voice.stop()


def ready(voice: VoicePrompts) -> bool:
    return voice.status().state is DeviceState.READY


def counted(voice: VoicePrompts, what: str) -> int:
    return voice.status().counters.get(what, 0)


class EarlyVoice(RecordedVoice):
    """Its status says that it is ready, and somebody is quicker than its thread."""

    def _serve(self, connection: Sink) -> None:
        self.show(say("short"))
        super()._serve(connection)


class TestVoice(PromptsContract):
    @pytest.fixture
    def prompts(self, make_voice: MakeVoice) -> RecordedVoice:
        voice = make_voice()
        until(lambda: ready(voice), PATIENCE)
        return voice

    @pytest.fixture
    def broken(self) -> VoicePrompts:
        return VoicePrompts(WORLD, "screen", {"sink": "null"})  # never started

    def test_a_clip_is_pulled_to_its_last_frame(self, prompts: RecordedVoice) -> None:
        prompts.show(say("short"))
        until(lambda: counted(prompts, "said") == 1, PATIENCE)
        (said,) = prompts.said
        assert prompts.pulled == len(said.samples) // 2 == RATE // 10

    def test_a_new_prompt_cuts_off_the_old_one(self, prompts: RecordedVoice) -> None:
        prompts.show(say("speech"))
        until(lambda: prompts.pulled > 0, PATIENCE)
        prompts.show(say("short"))
        until(lambda: counted(prompts, "said") == 1, PATIENCE)
        speech, short = prompts.said
        assert counted(prompts, "cut") == 1
        assert short.cut_another
        assert short.begun_at < len(speech.samples) // 2
        assert prompts.pulled < (len(speech.samples) + len(short.samples)) // 2

    def test_a_prompt_without_words_cuts_off_too(self, prompts: RecordedVoice) -> None:
        prompts.show(say("speech"))
        until(lambda: prompts.pulled > 0, PATIENCE)
        prompts.show(say(""))
        until(lambda: counted(prompts, "cut") == 1, PATIENCE)
        prompts.show(say("short"))
        until(lambda: counted(prompts, "said") == 1, PATIENCE)
        assert not prompts.said[-1].cut_another or prompts.pulled < RATE * 30

    def test_only_the_newest_of_many_is_said_to_its_end(self, prompts: RecordedVoice) -> None:
        for _ in range(50):
            prompts.show(say("speech"))
        prompts.show(say("short"))
        until(lambda: counted(prompts, "said") == 1, PATIENCE)
        assert counted(prompts, "skipped") + counted(prompts, "cut") == 50

    def test_the_shipped_pack_is_behind_the_citys_own(self, prompts: RecordedVoice) -> None:
        prompts.show(say("pass"))
        until(lambda: counted(prompts, "said") == 1, PATIENCE)
        assert prompts.pulled == len(prompts.said[0].samples) // 2 > 0

    def test_what_no_pack_has_is_counted(self, prompts: RecordedVoice) -> None:
        prompts.show(say("unheard-of"))
        until(lambda: counted(prompts, "missing") == 1, PATIENCE)
        assert not prompts.said

    def test_stopped_in_the_middle_of_a_word(self, prompts: RecordedVoice) -> None:
        prompts.show(say("speech"))
        until(lambda: prompts.pulled > 0, PATIENCE)
        prompts.stop()
        assert prompts._task is not None
        assert not prompts._task.alive

    def test_an_interrupt_that_meets_a_prompt_is_not_lost(self, prompts: RecordedVoice) -> None:
        """Both ring the same bell, and the bell is taken once."""
        sink = prompts.sink
        assert sink is not None
        prompts._mailbox.put(say(""))
        sink.interrupt()
        prompts._mailbox.put(say(""))
        until(lambda: prompts.sink is not sink, PATIENCE)  # opened anew

    def test_a_prompt_in_the_moment_in_which_it_is_ready_is_said(self, pack: Path) -> None:
        voice = EarlyVoice(WORLD, "screen", {"pack": str(pack)})
        voice.start()
        until(lambda: counted(voice, "said") == 1, PATIENCE)
        voice.stop()

    def test_what_was_meant_before_it_was_there_is_counted(self, pack: Path) -> None:
        voice = RecordedVoice(WORLD, "screen", {"pack": str(pack)})
        voice._mailbox.put(say("short"))  # as somebody does who saw the last connection
        voice.start()
        until(lambda: ready(voice), PATIENCE)
        voice.stop()
        assert voice.status().counters == {"unsaid": 1}

    def test_lent_to_another_program_and_taken_back(self, prompts: RecordedVoice) -> None:
        prompts.release()
        assert prompts.status().fault == "device.released"
        prompts.show(say("short"))
        assert counted(prompts, "unsaid") == 1
        prompts.take_back()
        until(lambda: ready(prompts), PATIENCE)
        prompts.show(say("short"))
        until(lambda: counted(prompts, "said") == 1, PATIENCE)

    def test_device_that_pulls_nothing_is_no_answer(
        self, prompts: RecordedVoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(driver, "PULLED_WITHIN", 0.0)
        monkeypatch.setattr(sinks.Output, "start", lambda device, frames: None)
        prompts.show(say("short"))
        until(lambda: prompts.status().lost == 1, PATIENCE)


@pytest.mark.parametrize(
    "options", [{"sink": "speaker"}, {"volume": 101}, {"pack": "relative"}, {"loud": True}]
)
def test_options_that_do_not_fit_are_told(options: dict[str, object]) -> None:
    with pytest.raises(OptionsFault):
        VoicePrompts(WORLD, "voice", options)


class TestSoundCard:
    """libasound and miniaudio as they are; only the last plug-in writes to a file."""

    @pytest.fixture
    def card(self, tmp_path: Path) -> Iterator[SoundCard]:
        with SoundCard(tmp_path) as card:
            yield card

    def test_what_is_said_comes_out_of_the_card(
        self, make_voice: MakeVoice, card: SoundCard, pack: Path
    ) -> None:
        voice = make_voice(sink="alsa")
        until(lambda: ready(voice), PATIENCE)
        voice.show(say("short"))
        until(lambda: counted(voice, "said") == 1, PATIENCE)
        assert samples_of((pack / "zh" / "short.wav").read_bytes()) in card.heard

    def test_a_card_that_goes_and_comes(self, make_voice: MakeVoice, card: SoundCard) -> None:
        card.unplug()
        voice = make_voice(sink="alsa")
        until(lambda: voice.status().fault == "device.absent", PATIENCE)
        for turn in range(2):
            card.plug()
            voice.look()
            until(lambda: ready(voice), PATIENCE)
            assert voice.status().lost == turn
            card.unplug()
            voice.look()
            until(lambda: voice.status().state is DeviceState.ABSENT, PATIENCE)

    def test_a_card_by_the_pattern_of_its_name(
        self, make_voice: MakeVoice, card: SoundCard
    ) -> None:
        voice = make_voice(sink="alsa:Simulated*")
        until(lambda: ready(voice), PATIENCE)
        assert voice.status().attached == "alsa:Simulated card"

    def test_a_device_whose_name_is_cut_in_the_middle_of_a_sign_is_listed_as_it_is(
        self, make_voice: MakeVoice, card: SoundCard
    ) -> None:
        card.plug(b'pcm.cut { type null hint { show on description "Caf\xc3" } }\n')
        own, cut = make_voice(sink="alsa:Simulated*"), make_voice(sink="alsa:Caf*")
        until(lambda: ready(own) and ready(cut), PATIENCE)
        assert cut.status().attached == "alsa:Caf\\xc3"
        by_its_name = make_voice(sink=cut.status().attached)
        until(lambda: ready(by_its_name), PATIENCE)

    def test_a_device_that_tells_nothing_of_itself_is_left_out_alone(
        self, make_voice: MakeVoice, card: SoundCard
    ) -> None:
        card.plug(b'pcm.bad { type hw card 77 hint { show on description "Bad one" } }\n')
        own, bad = make_voice(sink="alsa:Simulated*"), make_voice(sink="alsa:Bad*")
        until(lambda: ready(own), PATIENCE)
        until(lambda: bad.status().fault == "device.absent", PATIENCE)

    def test_another_pattern_is_absent(self, make_voice: MakeVoice, card: SoundCard) -> None:
        voice = make_voice(sink="alsa:USB*")
        until(lambda: voice.status().fault == "device.absent", PATIENCE)

    def test_card_that_is_there_and_not_for_us_is_no_permission(
        self,
        make_voice: MakeVoice,
        card: SoundCard,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        card.unplug()
        (tmp_path / "pcmC0D0p").touch()
        monkeypatch.setattr(sinks, "SOUND_FILES", tmp_path)
        voice = make_voice(sink="alsa")
        until(lambda: voice.status().state is DeviceState.NO_PERMISSION, PATIENCE)

    def test_card_that_another_program_holds_is_busy(
        self, make_voice: MakeVoice, card: SoundCard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*arguments: object, **more: object) -> None:
            raise miniaudio.MiniaudioError("failed to init device", miniaudio.lib.MA_BUSY)

        with monkeypatch.context() as patch:
            patch.setattr(sinks, "Output", refuse)
            voice = make_voice(sink="alsa")
            until(lambda: voice.status().state is DeviceState.BUSY, PATIENCE)
        voice.look()
        until(lambda: ready(voice), PATIENCE)


def test_a_device_gives_its_context_back_opened_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    release = miniaudio.lib.ma_context_uninit

    class Library:
        """libminiaudio, with the contexts counted that come back."""

        def __getattr__(self, name: str) -> object:
            return getattr(LIBRARY, name)

        def ma_context_uninit(self, context: object) -> None:
            given.append(context)
            release(context)

    monkeypatch.setattr(miniaudio, "lib", Library())
    sinks.Output("null", None).close()
    assert len(given) == 1
    with pytest.raises(miniaudio.MiniaudioError):
        sinks.Output("alsa", miniaudio.ffi.new("ma_device_id *"))
    assert len(given) == 2


LIBRARY = miniaudio.lib


class TestClips:
    @pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (22_050, 1), (44_100, 2)])
    def test_every_rate_becomes_the_sinks(self, rate: int, channels: int) -> None:
        samples = samples_of(clip(0.5, rate=rate, channels=channels))
        assert abs(len(samples) // 2 - RATE // 2) < RATE // 100

    def test_volume(self, pack: Path) -> None:
        loud = array("h", Clips(WORLD, pack, 100).get("zh", "short"))
        soft = array("h", Clips(WORLD, pack, 50).get("zh", "short"))
        assert max(soft) * 2 == max(loud) == 9000
        assert not any(array("h", Clips(WORLD, pack, 0).get("zh", "short")))

    def test_a_broken_clip_of_the_city_does_not_hide_the_shipped_one(self, pack: Path) -> None:
        (pack / "zh" / "pass.wav").write_bytes(b"RIFF and no more")
        assert Clips(WORLD, pack, 100).get("zh", "pass")

    def test_a_clip_as_long_as_a_speech_is_none(self) -> None:
        assert samples_of(clip(0.5) + bytes(LARGEST)) == b""

    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.binary(max_size=400))
    def test_garbage_is_no_clip(self, data: bytes) -> None:
        samples_of(data)
        samples_of(clip(0.1)[:40] + data)

    @settings(deadline=None, max_examples=200)
    @given(at=st.integers(0, 60), byte=st.integers(0, 255), size=st.integers(0, 400))
    def test_a_damaged_head_or_a_short_body_does_no_harm(
        self, at: int, byte: int, size: int
    ) -> None:
        damaged = bytearray(clip(0.01)[:size])
        if at < len(damaged):
            damaged[at] = byte
        assert len(samples_of(bytes(damaged))) <= 2 * RATE
