"""Phonemes for languages other than English and Japanese, from the `espeak-ng` program.

It runs as a separate process on purpose: espeak-ng is GPL-3 and stays a program beside ours instead of a library in
it. It is optional; where it is missing the error names the package to install. The text goes in by standard input, so
a script cannot become an option, and every call has a time limit.
"""

from __future__ import annotations

import re
import shutil
import subprocess

from lipwright.errors import SpeechServiceError

TIME_LIMIT_S = 10.0
# BCP 47 tag -> the program's own name of the voice.
LANGUAGES = {"es": "es", "fr": "fr-fr", "hi": "hi", "it": "it", "pt-BR": "pt-br"}

# The program writes a phoneme of several letters with a tie between them; the neural voices have one sign for these.
_JOINED = {
    "a^ɪ": "I", "a^ʊ": "W", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "ɔ^ɪ": "Y",
    "d^z": "ʣ", "d^ʒ": "ʤ", "t^s": "ʦ", "t^ʃ": "ʧ", "s^s": "S",
}  # fmt: skip
# Signs of the program that the voices do not know, and the nearest one they do.
_NEAREST = str.maketrans({"ɝ": "ɚ", "ɫ": "l", "g": "ɡ", "ɬ": "l", "\u0329": None, "\u032a": None, "-": None})
_LANGUAGE_SWITCH = re.compile(r"\([^)]*\)")
_MARKS = re.compile(r"([,.;:!?…—¡¿«»\"“”()।॥]+)")
_KEPT_MARKS = {"«": "“", "»": "”", "।": ".", "॥": "."}


def available() -> bool:
    """Whether the program is installed."""
    return shutil.which("espeak-ng") is not None


def phonemes(text: str, language: str) -> str:
    """Phonemes of `text` in the alphabet of the neural voices, its punctuation kept (the program drops it).

    `language` is a key of `LANGUAGES`. `SpeechServiceError` if the program is missing, fails or takes too long.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise SpeechServiceError(
            f"Speaking {language} needs the program espeak-ng, which is not installed.",
            suggestion="Install espeak-ng (with apt, dnf, brew or its Windows installer), or use an English voice.",
        )
    spoken: list[str] = []
    for run in _MARKS.split(text):
        if _MARKS.fullmatch(run):
            spoken.append("".join(_KEPT_MARKS.get(mark, mark) for mark in run if mark not in "¡¿"))
        elif not run.strip():
            spoken.append(run and " ")
        else:
            lead = " " if run[0].isspace() else ""
            tail = " " if run[-1].isspace() else ""
            spoken.append(lead + _convert(_run(program, LANGUAGES[language], run.strip())) + tail)
    return "".join(spoken).strip()


def _run(program: str, voice: str, text: str) -> str:
    """The program's IPA of one run of text without punctuation."""
    command = [program, "-q", "--ipa", "--tie=^", "-v", voice, "--stdin"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise SpeechServiceError(f"The program espeak-ng gave no answer in {TIME_LIMIT_S:.0f} s.") from None
    except OSError as error:
        raise SpeechServiceError(f"The program espeak-ng cannot be run: {error}.") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SpeechServiceError(f"The program espeak-ng failed: {said[-1] if said else 'without a word'}.")
    return done.stdout.decode("utf-8", "replace")


def _convert(ipa: str) -> str:
    """The program's IPA in the alphabet of the neural voices."""
    text = _LANGUAGE_SWITCH.sub("", " ".join(ipa.split()))
    for tied, sign in _JOINED.items():
        text = text.replace(tied, sign)
    return text.replace("^", "").translate(_NEAREST)
