"""Text to speech: embedded voices, a cloud service, and one entry that chooses.

from lipwright.speech.tts import speak_text
speech = speak_text(TextInput(script="Hello.", voice_id="heart", provider="local"))
speech.samples, speech.rate
"""

from __future__ import annotations

from lipwright.speech.tts.fake import FakeSynthesiser
from lipwright.speech.tts.service import TextToSpeech, TtsSettings, speak_text, voices
from lipwright.speech.tts.speech import Manner, Speech, Synthesiser, Voice

__all__ = [
    "FakeSynthesiser",
    "Manner",
    "Speech",
    "Synthesiser",
    "TextToSpeech",
    "TtsSettings",
    "Voice",
    "speak_text",
    "voices",
]
