"""Writing the output: packets as they come, copied or encoded, and the sound that belongs to them alongside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from lipwright import __version__
from lipwright.generation.inputs import Inputs
from lipwright.generation.render import Rendered
from lipwright.generation.runs import Runs
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.stretches import Stretch, Stretches
from lipwright.media.encoder import CodedFrame
from lipwright.media.encoding import Quality, VideoTarget, audio_target, even, scales_of, writing_notes
from lipwright.media.info import AudioInfo
from lipwright.media.kept_sound import SplicedSound
from lipwright.media.mix import SoundMix
from lipwright.media.mp4 import Mp4File
from lipwright.media.probe import probe_audio
from lipwright.media.source_packets import PacketCopier
from lipwright.media.track import FrameTimes, VideoTrack
from lipwright.progress import Progress
from lipwright.quality.report import Encoding, OutputFacts
from lipwright.timeline.edl import EditDecisionList

SOUND_AHEAD = Fraction(1, 2)
"""Seconds by which the sound is written ahead of the pictures, so that players find both close together."""


COPY = "copy"
"""The phase of copying packets."""


class Output:
    """The MP4 of a generation; use as a context manager, and `close` to publish. Leaving without leaves nothing.

    Frames are added from first to last, a stretch at a time: pictures with `take`, packets with `add`, and what is
    copied with `copy`.
    """

    def __init__(
        self,
        path: Path,
        edl: EditDecisionList,
        inputs: Inputs,
        stretches: Stretches,
        quality: Quality,
        *,
        copy_sound: bool = True,
        video: VideoTarget | None = None,
    ) -> None:
        """Open the output.

        Args:
            path: where it will appear.
            edl, inputs: what it shows.
            stretches: what of it is copied.
            quality: a name in `PRESETS`.
            copy_sound: keep the packets of untouched sound.
            video: describes the pictures that will come if they are not like the input's.
        """
        assert inputs.info.video is not None
        self._path = path
        self._edl = edl
        self._video = video or VideoTarget.like(inputs.info.video, edl.time_base)
        self._stretches = stretches
        self._layout = stretches.layout(self._video.layout)
        self._packets = stretches.packets
        self._written = self._copied = 0
        self.notes = output_notes(self._video, inputs, stretches)
        with ExitStack() as stack:
            self._mix = _sound_mix(edl, inputs)
            stack.callback(self._mix.close)
            scales = scales_of(self._video.time_base, self._mix.target.rate)
            self.times = FrameTimes.of(scales, ((frame.time, frame.duration) for frame in edl.output_frames()))
            self.runs = Runs(self._video, stretches, scales, quality)
            self._file = Mp4File(path, scales, provenance(edl))
            stack.callback(self._file.abort)
            sets, delay = self.runs.sets, self.runs.delay
            if self._packets is not None:
                sets, delay = self._packets.sets + sets, max(self._packets.delay, delay)
                self._copier = stack.enter_context(PacketCopier(self._packets, inputs.limits))
            self._track = VideoTrack(self._file, self._video, self._layout, sets, self.times, delay)
            source = (inputs.video, inputs.info)
            self._sound = SplicedSound(self._file, self._mix, source, copy=copy_sound, limits=inputs.limits)
            stack.callback(self._sound.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def take(self, rendered: Rendered) -> None:
        """Encode one frame."""
        self.add(self.runs.add(rendered.picture, rendered.frame))

    def add(self, coded: Iterable[CodedFrame]) -> None:
        """Write packets, in decoding order, and the sound up to a little after each."""
        with self._file.guarded():
            for one in coded:
                self._track.add(one)
                until = self.times.pts[self._written] + self.times.durations[self._written]
                self._written += 1
                self._sound.up_to(Fraction(until, self.times.scales.video) + SOUND_AHEAD)

    def copy(self, stretch: Stretch, progress: Progress, watch: Stopwatch) -> None:
        """Copy a stretch of the source's packets."""
        assert stretch.source is not None
        shift, total = stretch.first - stretch.source, self._stretches.copied_frames
        with watch.phase(COPY, stretch.frames):
            for coded in self._copier.stretch(stretch.source, stretch.source + stretch.frames):
                self.add([replace(coded, frame=coded.frame + shift)])
                self._copied += 1
                progress.advance(COPY, self._copied, total)

    def encoding(self) -> Encoding:
        """What was copied, for the report."""
        stretches = self._stretches
        copied = stretches.copied_frames
        return Encoding(
            copied_frames=copied,
            encoded_frames=self._written - copied,
            full_because=stretches.whole,
            sound_copied_seconds=round(float(self._sound.copied_seconds), 6),
            sound_encoded_because=self._sound.reason,
        )

    def close(self) -> OutputFacts:
        """Write what is left of the sound, publish the file, and say what it is."""
        self._sound.finish()
        self._file.close()
        return OutputFacts(
            name=self._path.name,
            width=even(self._video.width, self._layout.sub_x),
            height=even(self._video.height, self._layout.sub_y),
            frames=self._written,
            video_seconds=round(float(self._edl.duration), 6),
            audio_seconds=round(self._mix.total / self._mix.target.rate, 6),
            pixel_format=self._layout.name,
        )


def _sound_mix(edl: EditDecisionList, inputs: Inputs) -> SoundMix:
    """The sound of the whole output."""
    target, _ = audio_target(inputs.info.audio, _first_sound(inputs))
    files: Mapping[str, Path] = {ref: sound.path for ref, sound in inputs.sounds.items()}
    return SoundMix(edl.sound, edl.duration, target, files, (inputs.video, inputs.info), inputs.limits)


def output_notes(video: VideoTarget, inputs: Inputs, stretches: Stretches) -> list[str]:
    """Sentences about what is deliberately changed when the sound and pictures like `video` are written."""
    _, notes = audio_target(inputs.info.audio, _first_sound(inputs))
    pictures = writing_notes(video, keep_chroma=stretches.packets is not None)
    return [_sentence(note) for note in (*notes, *pictures)]


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
