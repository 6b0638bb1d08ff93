"""The embedded voices say what they were told: heard back by a speech recogniser, and timed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from lipwright.errors import RequestError, VoiceNotFound
from lipwright.progress import Progress, ProgressEvent
from lipwright.speech.tts import Manner, Speech, TextToSpeech, TtsSettings
from lipwright.speech.tts.hibari_voice import HibariSynthesiser
from lipwright.speech.tts.kokoro import KokoroSynthesiser
from lipwright.timeline.request import TextInput

SCRIPT = "The old woman walked along the river. She was thinking about the summer."
WORDS = ["the", "old", "woman", "walked", "along", "the", "river", "she", "was", "thinking", "about", "the", "summer"]


@lru_cache(maxsize=1)
def speaker() -> TextToSpeech:
    return TextToSpeech(TtsSettings())


def say(voice: str, script: str, language: str | None = None) -> Speech:
    return speaker().speak(TextInput(script, voice, "local"), language=language)


def heard(speech: Speech) -> list[str]:
    """The words that pocketsphinx recognises."""
    decoder = Decoder(loglevel="FATAL")
    pcm = (resample_poly(speech.samples, 2, 3) * 20000).astype("<i2").tobytes()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    return str(decoder.hyp().hypstr).split()


def matched(words: list[str], wanted: list[str]) -> float:
    """The part of `wanted` that appears in `words` in order (longest common subsequence)."""
    best = np.zeros((len(words) + 1, len(wanted) + 1), int)
    for i, word in enumerate(words):
        for j, want in enumerate(wanted):
            best[i + 1, j + 1] = best[i, j] + 1 if word == want else max(best[i, j + 1], best[i + 1, j])
    return float(best[-1, -1]) / len(wanted)


@pytest.mark.parametrize("voice", ["heart", "jm_kumo"])  # one of each model; both are always installed
def test_a_voice_says_the_script(voice: str) -> None:
    speech = say(voice, SCRIPT)
    assert speech.samples.dtype == np.float32
    assert speech.samples.ndim == 1
    assert 0.1 < np.abs(speech.samples).max() <= 1
    assert 3 < speech.seconds < 9
    assert matched(heard(speech), WORDS) >= 0.7


def test_the_same_request_gives_the_same_samples() -> None:
    hibari = HibariSynthesiser()
    one, two = (hibari.speak(SCRIPT, "heart", Manner(seed=3), Progress()).samples for _ in range(2))
    other = HibariSynthesiser().speak(SCRIPT, "heart", Manner(seed=3), Progress()).samples
    assert np.array_equal(one, two)
    assert np.array_equal(one, other)
    kokoro = [KokoroSynthesiser().speak("はい。", "jf_alpha", Manner(), Progress()).samples for _ in range(2)]
    assert np.array_equal(*kokoro)


def test_a_long_script_is_spoken_whole_sentence_by_sentence() -> None:
    events: list[ProgressEvent] = []
    long = HibariSynthesiser().speak(SCRIPT * 8, "heart", Manner(), Progress(events.append))
    short = HibariSynthesiser().speak(SCRIPT, "heart", Manner(), Progress())
    assert long.seconds == pytest.approx(8 * short.seconds, rel=0.1)
    assert events[-1].done == events[-1].total == 9  # the joints lack a space: "summer.The" is one sentence


def test_letters_an_english_voice_cannot_read_are_reported() -> None:
    speech = say("heart", "Hello, мир!")
    assert len(speech.warnings) == 1
    assert "3 letters" in speech.warnings[0]


@pytest.mark.parametrize(
    ("voice", "script", "language", "sentence"),
    [
        ("heart", "こんにちは", None, "holds no words"),
        ("jf_alpha", "きょうは天気がいい", None, "Japanese is read from kana only"),
        ("zf_xiaobei", "你好", None, "no pronunciation rules for the language 'zh'"),
        ("jf_alpha", "hej", "sv", "no pronunciation rules for the language 'sv'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    voice: str, script: str, language: str | None, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        say(voice, script, language)


def test_only_the_voice_in_the_package_is_offered() -> None:
    assert [voice.id for voice in HibariSynthesiser().voices()] == ["heart"]
    with pytest.raises(VoiceNotFound):
        HibariSynthesiser().speak("Hi.", "emma", Manner(), Progress())


def test_the_list_has_55_voices_with_language_and_gender() -> None:
    listed = speaker().voices()
    assert len({voice.id for voice in listed}) == len(listed) == 55
    assert all(voice.language and voice.gender for voice in listed)
    assert all(voice.installed != bool(voice.needs) for voice in listed)
