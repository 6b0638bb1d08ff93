"""What a generation can be told besides the request, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lipwright.engines.base import LipSyncEngine
from lipwright.errors import RequestError
from lipwright.faces.cache import FaceCache
from lipwright.generation.engine import BUILT_IN, engine_named
from lipwright.media.encoding import PRESETS, Quality
from lipwright.media.guard import Limits
from lipwright.quality.report import QualityReport
from lipwright.timeline.request import GenerationRequest

if TYPE_CHECKING:
    from lipwright.speech.tts import TextToSpeech


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run a generation, apart from what is asked for.

    Attributes:
        engine: an engine, or the name of one.
        quality: encoding preset, a name in `lipwright.media.encoding.PRESETS`.
        report: where the quality report goes; beside the output by default.
        debug_overlay: also write an MP4 with ids, boxes, lips and mask drawn in.
        processes: how many render side by side; None is one for every two processor cores, as far as it is worth it.
        limits: what media may measure.
        speech: speaks texts; made from the environment by default.
        cache: where face analyses are kept; None keeps none.
    """

    engine: str | LipSyncEngine = BUILT_IN
    quality: str = "visually-lossless"
    report: Path | None = None
    debug_overlay: Path | None = None
    processes: int | None = None
    limits: Limits = field(default_factory=Limits)
    speech: TextToSpeech | None = None
    cache: FaceCache | None = field(default_factory=FaceCache)

    def chosen_engine(self) -> LipSyncEngine:
        """The engine. Raises `UnsupportedModel` if there is none of that name."""
        return engine_named(self.engine) if isinstance(self.engine, str) else self.engine

    def preset(self) -> Quality:
        """The encoding preset. Raises `RequestError` if there is none of that name."""
        if self.quality not in PRESETS:
            allowed = ", ".join(PRESETS)
            raise RequestError(f"quality is {self.quality!r}; it has to be one of {allowed}.", field="quality")
        return self.quality

    def whole(self, request: GenerationRequest) -> str | None:
        """Why every frame of what `request` asks for has to be encoded, as a sentence, if it has to."""
        if request.full_reencode:
            return "A full re-encode was asked for."
        if self.debug_overlay is not None:
            return "The debug overlay shows every frame."
        return None


@dataclass(frozen=True, slots=True)
class Result:
    """What a generation made.

    `faces_at_once` is how many faces there are on that driven source frame which has the most of them.
    """

    output: Path
    report: QualityReport
    report_path: Path
    debug_overlay: Path | None = None
    faces_at_once: int = 1
