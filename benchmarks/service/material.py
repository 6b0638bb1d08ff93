"""Short media to work on, made on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from lipwright.generation.demo import MOVE
from lipwright.generation.sample import pan_and_zoom
from lipwright.generation.wav import wav_bytes
from lipwright.generation.yuv import DRAWN, yuv_picture
from lipwright.media.encoding import VideoTarget
from lipwright.media.info import ColourTags
from lipwright.media.writer import OutputWriter
from lipwright.models.registry import model_path
from lipwright.speech.tts import TextToSpeech
from lipwright.timeline.request import TextInput

RATE = Fraction(25)
SCRIPT = "Bob brought five papers, and nobody was in a hurry. "


def make_talk(path: Path, seconds: float, size: int = 256) -> None:
    """A silent video of the portrait under a moving camera."""
    portrait = cv2.imread(str(model_path("astronaut.png")))
    assert portrait is not None
    times: Iterator[Fraction] = (index / RATE for index in range(round(seconds * RATE)))
    target = VideoTarget(size, size, DRAWN, 1 / RATE, RATE, colour=ColourTags(1, 1, 1, full_range=False))
    with OutputWriter(path, target, quality="draft") as writer:
        pictures = pan_and_zoom(np.ascontiguousarray(portrait[..., ::-1]), MOVE, size, times)
        for index, rgb in enumerate(pictures):
            writer.add_picture(yuv_picture(rgb), index / RATE, 1 / RATE)
        writer.close()


def make_speech(path: Path, seconds: float) -> None:
    """Speech of just that length."""
    spoken = TextToSpeech().speak(TextInput(script=SCRIPT * (1 + int(seconds / 3)), voice_id="heart", provider="local"))
    samples = np.resize(np.asarray(spoken.samples, np.float32).reshape(-1), round(seconds * spoken.rate))
    path.write_bytes(wav_bytes(samples, spoken.rate))


def upload(client: httpx.Client, path: Path, kind: str) -> str:
    """Make the file at `path` an asset, as the documentation says; its id."""
    types = {"VIDEO": "video/mp4", "AUDIO": "audio/wav"}
    order = {"fileName": path.name, "contentType": types[kind], "size": path.stat().st_size}
    place = _ok(client.post("/v2/assets/upload", json=order))
    sent = httpx.put(place["uploadUrl"], content=path.read_bytes(), headers={"Content-Type": types[kind]}, timeout=60)
    sent.raise_for_status()
    return str(_ok(client.post("/v2/assets", json={"url": place["url"], "type": kind, "name": path.name}))["id"])


def _ok(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
    told: dict[str, Any] = answer.json()
    return told
