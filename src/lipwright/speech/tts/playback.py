"""Speech that was spoken before, played back: so that what needs the network and what opens media can be apart.

The service speaks texts by a cloud service in one process and renders in another that reaches no network. What the
first made lies in a folder, by script, voice and manner; `PlayedBack` stands where the cloud service would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lipwright.errors import SpeechServiceError
from lipwright.progress import Progress
from lipwright.speech.tts.speech import Manner, Speech, Voice


def keep(folder: Path, speech: Speech, script: str, voice_id: str, manner: Manner) -> None:
    """Keep `speech` in `folder` for `PlayedBack`."""
    said = {"rate": speech.rate, "voice": asdict(speech.voice), "warnings": list(speech.warnings)}
    path = folder / _name(script, voice_id, manner)
    np.savez(path, samples=speech.samples, said=np.frombuffer(json.dumps(said).encode(), np.uint8))


class PlayedBack:
    """A `Synthesiser` that only says what it was told before."""

    def __init__(self, folder: Path) -> None:
        """`folder` is where `keep` put it."""
        self._folder = folder

    def voices(self) -> Sequence[Voice]:
        """None of its own."""
        return ()

    def speak(self, script: str, voice_id: str, manner: Manner, progress: Progress) -> Speech:
        """What was kept for these.

        Raises:
            SpeechServiceError: nothing was.
        """
        progress.check()
        path = self._folder / _name(script, voice_id, manner)
        if not path.exists():
            raise SpeechServiceError("A text that has to be spoken by the cloud service was not spoken beforehand.")
        with np.load(path, allow_pickle=False) as kept:
            said = json.loads(kept["said"].tobytes())
            samples = np.asarray(kept["samples"], np.float32)
        return Speech(samples, said["rate"], Voice(**said["voice"]), tuple(said["warnings"]))


def _name(script: str, voice_id: str, manner: Manner) -> str:
    key = json.dumps([script, voice_id, manner.stability, manner.similarity_boost, manner.language])
    return f"{hashlib.sha256(key.encode()).hexdigest()}.npz"
