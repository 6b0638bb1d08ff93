"""What the tests of the service send: short media made on the spot, so that they need no footage.

`talk.mp4` is for jobs that look at the result, `long.mp4` (few frames a second, but 21 s) for the ranges of the
segments guide, which go up to 20 s. Speech is spoken once by the voice that comes with Lipwright and cut to lengths
that are easy to reckon with.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic.clips import make_wav

from lipwright.generation import demo
from lipwright.models.registry import model_path
from lipwright.progress import Progress
from lipwright.speech.tts import TextToSpeech
from lipwright.timeline.request import TextInput

SCRIPT = "Every pixel stays as it was, but my lips follow these new words."

TALK_SECONDS, TALK_RATE = 3.0, 25
LONG_SECONDS, LONG_RATE = 21.0, 10
LINE, SHORT, SPEECH = 2.0, 1.0, 16.0
"""Seconds of line.wav, short.wav and speech.wav."""

PAGE = b"<!doctype html><title>Shared file</title><p>Sign in to see this video.</p>"


def make_material(folder: Path) -> None:
    """Write all files into `folder`."""
    _video(folder / "talk.mp4", 360, TALK_SECONDS, TALK_RATE)
    _video(folder / "long.mp4", 256, LONG_SECONDS, LONG_RATE)
    speech = TextToSpeech().speak(TextInput(script=SCRIPT, voice_id="heart", provider="local"))
    samples = np.asarray(speech.samples, np.float32).reshape(-1)
    for name, seconds in (("line", LINE), ("short", SHORT), ("speech", SPEECH)):
        make_wav(folder / f"{name}.wav", _of_length(samples, round(seconds * speech.rate)), speech.rate)
    picture = cv2.imread(str(model_path(demo.PORTRAIT)))
    assert picture is not None
    assert cv2.imwrite(str(folder / "portrait.jpg"), cv2.resize(picture[0:320, 64:384], (320, 320)))
    (folder / "page.html").write_bytes(PAGE)
    (folder / "lying.mp4").write_bytes(PAGE)


def _video(path: Path, size: int, seconds: float, rate: int) -> None:
    """The demonstration's source, smaller and shorter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SIZE", size)
        patch.setattr(demo, "SECONDS", Fraction(seconds))
        patch.setattr(demo, "RATE", Fraction(rate))
        demo.write_source(path, Progress())


def _of_length(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """`samples`, cut or said again and again."""
    return np.asarray(np.resize(samples, count), np.float32)
