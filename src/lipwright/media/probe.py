"""What is in a media file, found without decoding more than its first frames.

The size, pixels and colour come from the first decoded frames, the timing of all frames from `media.timing`, the start
of the sound from its first decoded samples. Limits are checked as soon as each number is known.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from statistics import median_low

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from lipwright.errors import AudioInvalid, MediaError
from lipwright.media.exif import jpeg_turn
from lipwright.media.frames import Turn, display_layout, matrix_for, still_frame, turn_of, unpacking_of
from lipwright.media.guard import (
    AS_AUDIO,
    AS_VIDEO,
    AUDIO_DECODERS,
    STILL_DECODERS,
    STILL_DEMUXERS,
    VIDEO_DECODERS,
    Limits,
    Purpose,
)
from lipwright.media.info import AudioInfo, ColourTags, MediaInfo, StreamClock, VideoInfo, layout_name
from lipwright.media.timing import Source, Timing, audio_at, decoded_frames, packets_of, timing_of, video_at
from lipwright.timeline.edl import FrameGrid

_VERIFIED = 24  # frames decoded to check the packets' word
_STILL_RATE = 25


def probe(path: str | os.PathLike[str], limits: Limits | None = None) -> MediaInfo:
    """What is in the file at `path`; a file without video is described by its audio alone.

    Raises:
        VideoInaccessible: it cannot be opened.
        MediaError: it is not media of a supported kind, or holds neither video nor audio.
        ResolutionUnsupported, DurationExceeded: it goes beyond `limits`.
    """
    return _probe(path, AS_VIDEO, limits or Limits())


def probe_audio(path: str | os.PathLike[str], limits: Limits | None = None) -> MediaInfo:
    """Like `probe` for a file given as audio: its video, if any, is not looked at.

    Raises:
        AudioInaccessible: it cannot be opened.
        AudioInvalid: it is not media of a supported kind or has no sound.
        DurationExceeded: it goes beyond `limits`.
    """
    return _probe(path, AS_AUDIO, limits or Limits())


def _probe(path: str | os.PathLike[str], purpose: Purpose, limits: Limits) -> MediaInfo:
    source = Source(path, purpose, limits)
    name = source.name
    with source.open() as container:
        still = container.format.name in STILL_DEMUXERS
        picked = video_stream(container, name) if purpose is AS_VIDEO else None
        sound = audio_stream(container)
        if picked is None and sound is None:
            missing = "neither video nor sound" if purpose is AS_VIDEO else "no sound"
            raise purpose.broken(f"{name!r} holds {missing} that can be decoded.")
        if picked is not None:
            limits.check_size(picked.codec_context.width, picked.codec_context.height, repr(name), still)
        if container.duration and not still:
            limits.check_duration(Fraction(container.duration, av.time_base), repr(name))
        kind = container.format.name
        # Kept as a number: a stream object is worth nothing once its container is closed.
        shown = None if picked is None else picked.index
        audio = None if sound is None else _audio(container, sound)
    warnings: list[str] = []
    heard = None if audio is None else _first_sample(source, audio.index)
    if audio is not None and heard is None:
        if shown is None:
            raise AudioInvalid(f"The sound of {name!r} cannot be decoded.")
        warnings.append("the sound cannot be decoded and is left out")
        audio = None
    video, origin = None, heard or Fraction(0)
    if shown is not None:
        video, origin = _video(source, shown, heard, still, warnings)
    if audio is not None and heard is not None:
        audio = replace(audio, start=heard - origin)
    return MediaInfo(name, kind, Path(path).stat().st_size, video, audio, origin, still, tuple(warnings))


def video_stream(container: InputContainer, name: str) -> VideoStream | None:
    """The first video stream that is not cover art, or None.

    Raises:
        MediaError: if there is video but in no supported codec.
    """
    still = container.format.name in STILL_DEMUXERS
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        codec = _decoder_name(stream)
        if codec not in (STILL_DECODERS if still else VIDEO_DECODERS):
            raise MediaError(f"The video of {name!r} is in a codec that is not supported ({codec or 'unknown'}).")
        return stream
    return None


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first audio stream in a supported codec, or None."""
    for stream in container.streams.audio:
        codec = _decoder_name(stream)
        if (codec in AUDIO_DECODERS or codec.startswith("pcm_")) and stream.codec_context.sample_rate > 0:
            return stream
    return None


def _decoder_name(stream: VideoStream | AudioStream) -> str:
    context = stream.codec_context
    return context.name if context is not None else ""


def _video(
    source: Source, index: int, heard: Fraction | None, still: bool, warnings: list[str]
) -> tuple[VideoInfo, Fraction]:
    """The description of video stream `index` and the origin of presentation time."""
    with source.open() as container:
        stream = video_at(container, index)
        head = islice(decoded_frames(container, stream), 1 if still else _VERIFIED)
        first = next(head, None)
        if first is None:
            raise MediaError(f"The video of {source.name!r} cannot be decoded: its content is damaged.")
        # Only their times are kept: two dozen pictures in 4K would be 300 MB.
        shown = [first.pts, *(frame.pts for frame in head)]
        source.limits.check_size(first.width, first.height, repr(source.name), still)
        time_base = Fraction(1, _STILL_RATE) if still else stream.time_base or Fraction(1, 90000)
        timing = _still_timing() if still else timing_of(source, stream, shown)
        start = timing.pts[0] * time_base
        origin = start if heard is None else min(start, heard)
        clock = StreamClock.relative_to(origin, time_base)
        grid = FrameGrid(array("q", map(clock.to_grid, timing.pts)), clock.grid_base, clock.to_grid(timing.end))
        source.limits.check_duration((timing.end - timing.pts[0]) * time_base, repr(source.name))
        turn, honoured = turn_of(first)
        photographed = jpeg_turn(source.path) if still else None
        if photographed is not None:
            turn, honoured = photographed, True
        if not honoured:
            warnings.append("a rotation that is no quarter turn is ignored")
        if still:
            coded, first = first, still_frame(first)
            if first.width != coded.width:
                warnings.append(f"the {coded.width}x{coded.height} image is scaled to {first.width}x{first.height}")
        elif unpacking_of(first.format.name).note:
            warnings.append(f"{first.format.name} pictures: {unpacking_of(first.format.name).note}")
        if timing.by_order:
            warnings.append("the file's timestamps are unusable; a constant frame rate is assumed")
        described = _describe(stream, first, turn, timing, clock, grid)
        return (replace(described, colour=ColourTags(1, 1, 1, False), matrix="bt709") if still else described), origin


def _describe(
    stream: VideoStream, first: av.VideoFrame, turn: Turn, timing: Timing, clock: StreamClock, grid: FrameGrid
) -> VideoInfo:
    context = stream.codec_context
    deltas = [b - a for a, b in pairwise(timing.pts)] or [timing.end - timing.pts[0]]
    constant, rate = _rate(timing, clock.time_base, stream)
    swap = turn.transpose
    ratio = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
    ratio = ratio if ratio > 0 else Fraction(1)
    width, height = (first.height, first.width) if swap else (first.width, first.height)
    colour = ColourTags(
        int(first.color_primaries) or 2,
        int(first.color_trc) or 2,
        int(first.colorspace),
        {1: False, 2: True}.get(int(first.color_range)),
    )
    return VideoInfo(
        index=stream.index,
        codec=context.name,
        width=width,
        height=height,
        coded_width=first.width,
        coded_height=first.height,
        turn=turn,
        sample_aspect_ratio=1 / ratio if swap else ratio,
        pixel_format=first.format.name,
        layout=display_layout(first.format.name, turn, colour.full_range is True and not first.format.is_rgb),
        colour=colour,
        matrix=matrix_for(first, height),
        grid=grid,
        keys=timing.keys,
        clock=clock,
        by_order=timing.by_order,
        constant_rate=constant,
        average_rate=rate,
        frame_duration=median_low(deltas) * clock.time_base,
        duration=(timing.end - timing.pts[0]) * clock.time_base,
    )


def _rate(timing: Timing, time_base: Fraction, stream: VideoStream) -> tuple[bool, Fraction]:
    """Whether the frame rate is constant to within a tick, and the average rate.

    A container with coarse ticks (Matroska: 1 ms) cannot state 30000/1001 exactly; if the rate its header gives fits
    every timestamp, that is taken for the exact one.
    """
    pts = timing.pts
    span, count = (pts[-1] - pts[0], len(pts) - 1) if len(pts) > 1 else (timing.end - pts[0], 1)
    average = Fraction(count) / (span * time_base)
    for rate in (stream.average_rate, stream.guessed_rate, average):
        if not rate:
            continue
        step = 1 / (rate * time_base)
        if all(abs(at - pts[0] - i * step) <= 1 for i, at in enumerate(pts)):
            return True, Fraction(rate)
    return False, average


def _still_timing() -> Timing:
    return Timing(array("q", [0]), (0,), 1)


def _first_sample(source: Source, index: int) -> Fraction | None:
    """Container time of the first sample that is heard (encoder priming removed), or None if nothing decodes."""
    with source.open() as container:
        stream = audio_at(container, index)
        for packet in islice(packets_of(container, stream), 200):
            try:
                frames = stream.decode(packet if packet.size else None)
            except (av.FFmpegError, OSError):
                continue
            for frame in frames:
                if frame.samples:
                    return Fraction(frame.pts or 0) * (frame.time_base or stream.time_base or Fraction(1))
    return None


def _audio(container: InputContainer, stream: AudioStream) -> AudioInfo:
    context = stream.codec_context
    if stream.duration and stream.time_base:
        duration = stream.duration * stream.time_base
    else:
        duration = Fraction(container.duration or 0, av.time_base)
    return AudioInfo(
        index=stream.index,
        codec=context.name,
        rate=context.sample_rate,
        layout=layout_name(context.layout.name, context.channels),
        channels=context.channels,
        start=Fraction(0),
        duration=duration,
    )
