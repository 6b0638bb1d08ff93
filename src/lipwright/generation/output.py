"""Writing the output: pictures as they come, and the sound that belongs to them alongside."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from lipwright import __version__
from lipwright.generation.inputs import Inputs
from lipwright.generation.render import Rendered
from lipwright.media.encoding import Quality, VideoTarget, audio_target, encoding_of, even, writing_notes
from lipwright.media.info import AudioInfo
from lipwright.media.mix import SoundMix
from lipwright.media.probe import probe_audio
from lipwright.media.writer import OutputWriter
from lipwright.quality.report import OutputFacts
from lipwright.timeline.edl import EditDecisionList

SOUND_AHEAD = Fraction(1, 2)
"""Seconds by which the sound is written ahead of the pictures, so that players find both close together."""


class Output:
    """The MP4 of a generation; use as a context manager, and `close` to publish. Leaving without leaves nothing."""

    def __init__(
        self, path: Path, edl: EditDecisionList, inputs: Inputs, quality: Quality, video: VideoTarget | None = None
    ) -> None:
        """Open the output at `path`; `video` describes the pictures that will come if they are not like the input's."""
        info = inputs.info
        assert info.video is not None
        self._path = path
        self._edl = edl
        self._video = video or VideoTarget.like(info.video, edl.time_base)
        self._mix = sound_mix(edl, inputs)
        self.notes = output_notes(self._video, inputs)
        self._frames = 0
        with ExitStack() as stack:
            stack.callback(self._mix.close)
            self._writer = stack.enter_context(
                OutputWriter(path, self._video, self._mix.target, quality=quality, comment=provenance(edl))
            )
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def take(self, rendered: Rendered) -> None:
        """Write one frame and the sound up to a little after it."""
        frame = rendered.frame
        self._writer.add_picture(rendered.picture, frame.time, frame.duration)
        self._writer.add_audio(self._mix.up_to(frame.time + frame.duration + SOUND_AHEAD))
        self._frames += 1

    def close(self) -> OutputFacts:
        """Write what is left of the sound, publish the file, and say what it is."""
        for block in self._mix.blocks():
            self._writer.add_audio(block)
        self._writer.close()
        return output_facts(self._path, self._video, self._edl, self._frames, self._mix)


def sound_mix(edl: EditDecisionList, inputs: Inputs) -> SoundMix:
    """The sound of the whole output."""
    target, _ = audio_target(inputs.info.audio, _first_sound(inputs))
    files: Mapping[str, Path] = {ref: sound.path for ref, sound in inputs.sounds.items()}
    return SoundMix(edl.sound, edl.duration, target, files, (inputs.video, inputs.info), inputs.limits)


def output_notes(video: VideoTarget, inputs: Inputs) -> list[str]:
    """Sentences about what is deliberately changed when the sound and pictures like `video` are written."""
    _, notes = audio_target(inputs.info.audio, _first_sound(inputs))
    return [_sentence(note) for note in (*notes, *writing_notes(video))]


def output_facts(path: Path, video: VideoTarget, edl: EditDecisionList, frames: int, mix: SoundMix) -> OutputFacts:
    """What a finished output is, for the report."""
    encoded = encoding_of(video.layout).layout
    return OutputFacts(
        name=path.name,
        width=even(video.width, encoded.sub_x),
        height=even(video.height, encoded.sub_y),
        frames=frames,
        video_seconds=round(float(edl.duration), 6),
        audio_seconds=round(mix.total / mix.target.rate, 6),
        pixel_format=encoded.name,
    )


def provenance(edl: EditDecisionList) -> str:
    """The file's comment: that lips were changed, and where."""
    spans = [segment.output for segment in edl.segments if segment.output.duration > 0]
    where = ", ".join(f"{float(span.start):.3f}-{float(span.stop):.3f} s" for span in spans)
    return f"Lip-synced to other speech by Lipwright {__version__}: {where or 'nowhere'}"


def _first_sound(inputs: Inputs) -> AudioInfo | None:
    """The first audio input: what a video without sound takes rate and layout from."""
    first = next(iter(inputs.sounds.values()), None)
    return probe_audio(first.path, inputs.limits).audio if first is not None else None


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:].rstrip(".") + "."
