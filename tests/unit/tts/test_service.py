"""Which voice answers a request, and what is refused, with synthesisers that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lipwright.errors import Cancelled, ModelFileError, RequestError, TextLengthExceeded, VoiceNotFound
from lipwright.progress import CancelToken, Progress
from lipwright.speech.tts import FakeSynthesiser, Manner, Speech, TextToSpeech, TtsSettings, Voice
from lipwright.timeline.request import TextInput

NO_KEY = TtsSettings()


class Voices(FakeSynthesiser):
    """The fake with a chosen list of voices."""

    def __init__(self, *voices: Voice) -> None:
        super().__init__()
        self._voices = voices
        self.manners: list[Manner] = []

    def voices(self) -> Sequence[Voice]:
        return self._voices

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        self.manners.append(manner)
        return super().speak(script, voice_id, manner, progress)


def english(voice_id: str, installed: bool = True) -> Voice:
    return Voice(voice_id, voice_id.capitalize(), "en-US", "", "kokoro", installed)


LOCAL = [english(name) for name in ("heart", "af_bella", "am_michael", "bf_emma", "am_puck")]


def asked(voice: str, provider: str = "elevenlabs", script: str = "Hello there.") -> TextInput:
    return TextInput(script=script, voice_id=voice, provider=provider)


def test_with_a_key_the_cloud_speaks_with_the_voice_asked_for_and_its_settings() -> None:
    cloud, local = Voices(), Voices(*LOCAL)
    text = replace(asked("EXAVITQu4vr4xnSDxMaL"), stability=0.2, similarity_boost=0.9)
    speech = TextToSpeech(NO_KEY, local=[local], cloud=cloud).speak(text)
    assert cloud.spoken == [("EXAVITQu4vr4xnSDxMaL", "Hello there.")]
    assert (cloud.manners[0].stability, cloud.manners[0].similarity_boost) == (0.2, 0.9)
    assert speech.warnings == ()
    assert local.spoken == []


def test_without_a_key_a_local_voice_stands_in_and_the_result_says_which() -> None:
    local = Voices(*LOCAL)
    speech = TextToSpeech(NO_KEY, local=[local]).speak(asked("EXAVITQu4vr4xnSDxMaL"))
    (voice, _), *_ = local.spoken
    assert voice in {v.id for v in LOCAL}
    assert len(speech.warnings) == 1
    assert "EXAVITQu4vr4xnSDxMaL" in speech.warnings[0]
    assert voice in speech.warnings[0]


def test_the_same_voice_id_always_has_the_same_stand_in_and_others_spread() -> None:
    first, second = (TextToSpeech(NO_KEY, local=[Voices(*voices)]) for voices in (LOCAL, LOCAL[::-1]))
    ids = [f"voice-{n}" for n in range(200)]
    chosen = [first.stand_in(voice_id).id for voice_id in ids]
    assert chosen == [second.stand_in(voice_id).id for voice_id in ids]
    assert min(chosen.count(voice.id) for voice in LOCAL) > 20


def test_a_stand_in_changes_only_where_its_voice_went_away() -> None:
    every = TextToSpeech(NO_KEY, local=[Voices(*LOCAL)])
    gone = LOCAL[2].id
    fewer = TextToSpeech(NO_KEY, local=[Voices(*(v for v in LOCAL if v.id != gone))])
    for voice_id in (f"voice-{n}" for n in range(100)):
        before, after = every.stand_in(voice_id).id, fewer.stand_in(voice_id).id
        assert before in (after, gone)
        assert after != gone


def test_a_stand_in_is_installed_and_speaks_the_script() -> None:
    japanese = Voice("jf_alpha", "Alpha", "ja", "female", "kokoro")
    speaks = TextToSpeech(NO_KEY, local=[Voices(english("heart"), english("af_bella", installed=False), japanese)])
    assert {speaks.stand_in(f"v{n}").id for n in range(30)} == {"heart"}
    assert speaks.stand_in("v1", "こんにちは").id == "jf_alpha"


def test_a_local_voice_id_stands_for_itself() -> None:
    assert TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).stand_in("am_puck").id == "am_puck"


def test_an_unknown_local_voice_lists_close_ones_at_its_path() -> None:
    speaks = TextToSpeech(NO_KEY, local=[Voices(*LOCAL)])
    with pytest.raises(VoiceNotFound, match=r"no local voice 'am_micheal'.*am_michael") as caught:
        speaks.speak(asked("am_micheal", "local"), where="input[2].provider")
    assert caught.value.field == "input[2].provider.voiceId"
    assert caught.value.code == "voice_not_found"


def test_voice_ids_ignore_case_and_names_are_suggested() -> None:
    speaks = TextToSpeech(NO_KEY, local=[Voices(*LOCAL, replace(english("bm_x"), name="George"))])
    assert speaks.speak(asked("Heart", "local")).voice.id == "heart"
    with pytest.raises(VoiceNotFound, match="Did you mean bm_x"):
        speaks.speak(asked("George", "local"))


@pytest.mark.parametrize("script", ["", "  \n ", "x" * 5001], ids=["empty", "blank", "long"])
def test_a_script_has_1_to_5000_characters(script: str) -> None:
    speaks = TextToSpeech(NO_KEY, local=[Voices(*LOCAL)])
    with pytest.raises(TextLengthExceeded, match=r"input\[1\]\.provider\.script .* 1 to 5000") as caught:
        speaks.speak(asked("heart", "local", script), where="input[1].provider")
    assert caught.value.code == "generation_text_length_exceeded"
    assert caught.value.field == "input[1].provider.script"


def test_a_script_of_5000_characters_is_spoken() -> None:
    assert TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).speak(asked("heart", "local", "ab " * 1666 + "ab")).seconds > 1


def test_settings_outside_0_to_1_are_reported_together() -> None:
    text = replace(asked("heart", "local"), stability=1.5, similarity_boost=-0.1)
    with pytest.raises(RequestError) as caught:
        TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).speak(text)
    assert [fault.field for fault in caught.value.faults] == ["provider.stability", "provider.similarityBoost"]


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(RequestError, match=r"provider\.name is 'azure'; it must be 'elevenlabs' or 'local'"):
        TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).speak(asked("heart", "azure"))


def test_a_script_without_words_is_refused() -> None:
    with pytest.raises(RequestError, match="holds no words that the voice"):
        TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).speak(asked("heart", "local", "?!"))


def test_speaking_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).speak(asked("heart", "local"), Progress(token=token))


def test_two_voices_for_a_demonstration_differ_when_they_can() -> None:
    first, second = TextToSpeech(NO_KEY, local=[Voices(*LOCAL)]).two_voices()
    assert (first.id, second.id) == ("heart", "am_michael")
    alone = TextToSpeech(NO_KEY, local=[Voices(english("heart"))]).two_voices()
    assert [voice.id for voice in alone] == ["heart", "heart"]


def test_the_key_comes_from_the_environment_and_is_never_shown() -> None:
    settings = TtsSettings.from_environment(
        {"ELEVENLABS_API_KEY": " sk-secret ", "LIPWRIGHT_ELEVENLABS_BASE_URL": "https://x"}
    )
    assert (settings.api_key, settings.base_url) == ("sk-secret", "https://x")
    assert "secret" not in repr(settings)
    assert TtsSettings.from_environment({}).api_key == ""


def test_the_fake_is_deterministic_and_grows_with_the_script() -> None:
    fake = FakeSynthesiser()
    one, again, other = (
        fake.speak(script, voice, Manner(), Progress())
        for script, voice in (("one two", "a"), ("one two", "a"), ("one two three", "b"))
    )
    assert np.array_equal(one.samples, again.samples)
    assert one.samples.dtype == np.float32
    assert (one.seconds, other.seconds) == pytest.approx((0.6, 0.9), abs=1e-3)


def test_a_known_voice_whose_files_are_missing_says_what_to_fetch(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path_factory.mktemp("models")
    monkeypatch.setenv("LIPWRIGHT_MODEL_DIR", str(empty))
    monkeypatch.setattr("lipwright.models.store.platformdirs.user_cache_path", lambda _: empty)
    speaks = TextToSpeech(NO_KEY)
    listed = {voice.id: voice for voice in speaks.voices()}
    assert not listed["am_puck"].installed
    assert "lipwright models fetch" in listed["am_puck"].needs
    assert listed["heart"].installed
    with pytest.raises(ModelFileError, match=r"lipwright models fetch kokoro-voices/am_puck\.bin"):
        speaks.speak(asked("am_puck", "local"))
