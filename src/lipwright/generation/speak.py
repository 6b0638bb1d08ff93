"""Text to a WAV file: what `lipwright speak` does."""

from __future__ import annotations

from pathlib import Path

from lipwright.errors import OutputError
from lipwright.generation.asked import Text
from lipwright.generation.targets import writable
from lipwright.generation.wav import wav_bytes
from lipwright.media.atomic import PendingFile
from lipwright.progress import Progress
from lipwright.speech.tts import Speech, TextToSpeech


def speak(text: Text, output: Path, progress: Progress | None = None) -> Speech:
    """Speak `text` into the WAV file `output` (whole or not at all) and return what was said.

    Raises:
        OutputError, VoiceNotFound, TextLengthExceeded, ModelFileError, SpeechServiceError.
    """
    if output.suffix.lower() != ".wav" and not output.is_dir():
        raise OutputError(f"The output is {output.name!r}; its name has to end in .wav.", field="output")
    writable(output)
    with PendingFile(output) as file:
        said = TextToSpeech().speak(text.as_input("text"), progress or Progress())
        file.write(wav_bytes(said.samples, said.rate))
        file.commit()
    return said
