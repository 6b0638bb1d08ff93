"""Some ranges of a finished video as a video of their own, one after the other.

What clients of the old per-video ranges get beside the whole output (contract section 3.2, `segmentOutputUrl`). The
pictures are encoded once more, at a quality at which that is not seen; the sound is cut to the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from lipwright.errors import MediaError
from lipwright.media.encoding import VideoTarget, audio_target
from lipwright.media.mix import SoundMix
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.media.writer import OutputWriter
from lipwright.progress import Progress
from lipwright.timeline.edl import Original, SoundSpan
from lipwright.timeline.grid import Span

AHEAD = Fraction(1, 2)
"""Seconds by which the sound is written ahead of the pictures."""


def write_excerpt(video: Path, spans: Sequence[Span], output: Path, progress: Progress | None = None) -> Fraction:
    """Write `spans` of `video` (seconds, to the nearest frame edge, in the order given) to `output`; its length.

    Raises:
        MediaError: `video` has no frame there, or cannot be read. OutputError: `output` cannot be written. Cancelled.
    """
    progress = progress or Progress()
    info = probe(video)
    if info.video is None:
        raise MediaError(f"{video.name!r} has no picture.")
    grid = info.video.grid
    ranges = [(grid.nearest_edge(span.start), grid.nearest_edge(span.stop)) for span in spans]
    ranges = [(first, stop) for first, stop in ranges if first < stop]
    if not ranges:
        raise MediaError(f"{video.name!r} has no frame in the ranges asked for.")
    sounds, at = [], Fraction(0)
    for first, stop in ranges:
        length = grid.time(stop) - grid.time(first)
        sounds.append(SoundSpan(Span(at, at + length), Original(grid.time(first))))
        at += length
    target, _ = audio_target(info.audio)
    sound = SoundMix(sounds, at, target, {}, (video, info)) if info.audio is not None else None
    total, done, time = sum(stop - first for first, stop in ranges), 0, Fraction(0)
    with (
        open_reader(video, info) as reader,
        OutputWriter(output, VideoTarget.like(info.video), target if sound is not None else None) as writer,
    ):
        for first, stop in ranges:
            for frame in reader.frames(first, stop):
                duration = grid.duration_of(frame.index)
                writer.add_picture(frame.picture, time, duration)
                time += duration
                if sound is not None:
                    writer.add_audio(sound.up_to(time + AHEAD))
                done += 1
                progress.advance("excerpt", done, total)
        if sound is not None:
            for block in sound.blocks():
                writer.add_audio(block)
            sound.close()
        writer.close()
    return at
