"""Japanese readings: each expectation is the standard pronunciation in the voices' alphabet."""

from __future__ import annotations

import json

import pytest

from lipwright.models import model_path
from lipwright.speech.tts.kana import has_kana, phonemes, unreadable


@pytest.mark.parametrize(
    ("kana", "sound"),
    [
        ("こんにちは", "konɲiʨiβa"),
        ("はは", "haha"),
        ("わたし は がくせい です。", "βataɕi βa ɡakɯsei desɨ."),
        ("きょう", "kʲoɯ"),
        ("しゃしん", "ɕaɕiɴ"),
        ("ざっし", "ʣaʔɕi"),
        ("コーヒー", "koːçiː"),
        ("ファイル", "ɸaiɾɯ"),
        ("パーティー", "paːtʲiː"),
        ("チェック、シェフ", "ʨeʔkɯ,ɕeɸɯ"),
        ("さんぽ", "sampo"),
        ("ぎんこう", "ɡʲiŋkoɯ"),
        ("ｶﾀｶﾅ", "katakana"),
        ("とうきょう へ", "toɯkʲoɯ e"),
    ],
)
def test_reading(kana: str, sound: str) -> None:
    assert phonemes(kana) == sound


def test_every_kana_has_a_sound_that_the_model_knows() -> None:
    known = json.loads(model_path("kokoro-vocab.json").read_text(encoding="utf-8"))["vocab"]
    for code in range(0x3041, 0x3095):
        sound = phonemes("か" + chr(code))
        assert set(sound) <= set(known), chr(code)
        assert len(sound) > 1, chr(code)


def test_kanji_are_found() -> None:
    assert unreadable("きょうは天気が いい。") == "天気"
    assert unreadable("きょう は いい。コーヒー！") == ""
    assert has_kana("日本のカメラ")
    assert not has_kana("hello 你好")
