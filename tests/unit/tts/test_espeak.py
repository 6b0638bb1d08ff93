"""The espeak-ng program, played by a small script, and by the real one where it is installed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from lipwright.errors import SpeechServiceError
from lipwright.speech.tts import espeak


def program(folder: Path, body: str) -> None:
    """Put an `espeak-ng` on an otherwise empty PATH."""
    path = folder / "espeak-ng"
    path.write_text(f"#!{sys.executable}\nimport sys, time\nsaid = sys.stdin.buffer.read().decode()\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if sys.platform == "win32":
        pytest.skip("a script cannot play a program on Windows")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_punctuation_is_kept_and_the_alphabet_converted(path: Path) -> None:
    program(path, "sys.stdout.write({'Chao': 't^ʃˈao', 'ragazzi': '(en)raɡˈat^sːi(it)\\n'}[said])")
    assert espeak.phonemes("¿Chao, ragazzi!", "it") == "ʧˈao, raɡˈaʦːi!"


def test_the_script_goes_in_by_standard_input_not_as_an_argument(path: Path) -> None:
    program(path, "assert said not in sys.argv; sys.stdout.write(' '.join(sys.argv[1:]))")
    spoken = espeak.phonemes("--version", "pt-BR")
    assert "version" not in spoken
    assert "pt" in spoken


def test_it_is_one_clear_sentence_when_the_program_is_missing(path: Path) -> None:
    with pytest.raises(SpeechServiceError, match="Speaking fr needs the program espeak-ng") as caught:
        espeak.phonemes("bonjour", "fr")
    assert "Install espeak-ng" in (caught.value.suggestion or "")


def test_failure_and_silence_are_sentences_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "sys.stderr.write('no voice'); sys.exit(3)")
    with pytest.raises(SpeechServiceError, match="failed: no voice"):
        espeak.phonemes("hola", "es")
    program(path, "time.sleep(30)")
    monkeypatch.setattr(espeak, "TIME_LIMIT_S", 0.5)
    with pytest.raises(SpeechServiceError, match="no answer"):
        espeak.phonemes("hola", "es")


def test_a_space_between_marks_stays(path: Path) -> None:
    program(path, "sys.stdout.write(said)")
    assert espeak.phonemes("si; ¿no? «ja».", "es") == "si; no? “ja”."


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed")
def test_the_real_program() -> None:
    assert espeak.phonemes("Buenos días, amigo.", "es") == "bwˈenos ðˈias, amˈiɣo."
