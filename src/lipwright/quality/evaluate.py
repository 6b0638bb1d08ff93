"""Measuring a finished file from outside, knowing nothing of how it was made.

The faces are found again, the lips are read off the decoded (so encoded) frames, and the speech is read again. With the
words given, the speech is aligned with them by pocketsphinx: another model than the one that drives the mouth, so the
figures are an independent judgement. Works on any talking video, of whatever maker, real footage included; what needs
to know the source (sharpness, jitter) is measured if the source is given, and what needs the mask is left null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lipwright.errors import AudioInvalid, MediaError, NoUsableFace
from lipwright.faces.analysis import FaceAnalysis, analyse
from lipwright.faces.track import FaceTrack
from lipwright.media.audio import load_mono
from lipwright.media.info import MediaInfo, VideoInfo
from lipwright.media.probe import probe
from lipwright.media.reader import open_reader
from lipwright.progress import Progress
from lipwright.quality.channel import NAN, Channel, Drive, Sample, readings_of
from lipwright.quality.codec import dumps
from lipwright.quality.meters.lips import normalise
from lipwright.quality.meters.sharpness import gradient_strength
from lipwright.quality.report import METERS, SCHEMA, Meters, Unmeasured
from lipwright.quality.speech import SpeechReference
from lipwright.speech.pocket import align
from lipwright.speech.recognise import recognise

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

PHASE: Final = "evaluate"
_RATE: Final = 16_000
_NEEDS_SOURCE: Final = ("jitter_ratio", "sharpness_ratio", "source_leak")
_NEEDS_RENDER: Final = ("edge_step", "edge_step_worst", "boundary_jump", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured on a finished file.

    Attributes:
        name: of the file.
        face: id of the face that was measured, of `faces` found.
        frames: of the file; `read` of them showed the face and lay in the spans looked at.
        speech: what read the speech: "forced alignment", a recogniser, or None without sound.
        seconds_of_speech: length of the speech it was held against.
        meters: the figures.
    """

    schema: int = SCHEMA
    name: str
    source: str | None
    face: int
    faces: int
    frames: int
    read: int
    speech: str | None
    seconds_of_speech: float
    meters: Meters
    warnings: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The evaluation as JSON text."""
        return dumps(self)


@dataclass(frozen=True, slots=True)
class Examination:
    """An evaluation and what it was made from, for plots and contact sheets.

    Attributes:
        evaluation: the figures.
        faces: the analysis of the output.
        times: (n,) seconds of the frames that were looked at.
        opening: (n,) lip opening, 0 closed to 1 wide open; NaN where it could not be read.
        speech: the speech it was held against, on the clock of the audio.
    """

    evaluation: Evaluation
    faces: FaceAnalysis
    times: F64
    opening: F64
    speech: SpeechReference | None


_Beneath = dict[int, tuple[float, F32 | None]]  # gradient strength and lips of the source, by frame


@dataclass(frozen=True, slots=True)
class _Clip:
    """A video and its faces."""

    path: Path
    info: MediaInfo
    video: VideoInfo
    faces: FaceAnalysis


def evaluate(
    video: Path,
    *,
    source: Path | None = None,
    audio: Path | None = None,
    text: str | None = None,
    face: int | None = None,
    spans: Sequence[tuple[float, float]] | None = None,
    audio_at: float = 0.0,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a finished video; arguments and errors are those of `examine`."""
    found = examine(
        video, source=source, audio=audio, text=text, face=face, spans=spans, audio_at=audio_at, progress=progress
    )
    return found.evaluation


def examine(
    video: Path,
    *,
    source: Path | None = None,
    audio: Path | None = None,
    text: str | None = None,
    face: int | None = None,
    spans: Sequence[tuple[float, float]] | None = None,
    audio_at: float = 0.0,
    progress: Progress | None = None,
) -> Examination:
    """Measure a finished video.

    Args:
        video: the file.
        source: the video it was made from, to compare sharpness and jitter with.
        audio: the speech it should say, if that is not simply the video's own sound.
        text: the words of the speech (English); p, b and m then come from a forced alignment.
        face: id of the face to measure; default the most prominent.
        spans: start and stop in seconds of the parts to look at; default everything.
        audio_at: when in the video `audio` begins, seconds.
        progress: phases "faces", "speech" and "evaluate".

    Raises:
        MediaError: a file cannot be read, or has no picture.
        NoUsableFace: no face was found in the video (or in the source).
        RequestError: `text` cannot be aligned with the speech.
    """
    progress = progress or Progress()
    info = _probed(video)
    speech, seconds = _speech(video, info, audio, text, progress)
    clip = _open(video, progress)
    track = _face(clip, face)
    before = _open(source, progress) if source is not None else None
    origin = _face(before, None) if before is not None else None
    channel = Channel(Drive(None, origin or track, speech, (0.0, seconds)))
    beneath: _Beneath = {}
    if before is not None and origin is not None:
        beneath = {i: (strength, lips) for i, strength, lips in _readings(before, origin, channel, progress)}
    paired = before is not None and before.video.frames == clip.video.frames
    for sample in _samples(clip, track, channel, spans, audio_at, beneath if paired else {}, progress):
        channel.add(sample)
    if before is not None and not paired:
        for sample in _source_samples(before, beneath):
            channel.add(sample)
    channel.finish()
    readings = readings_of([channel])
    readings |= dict.fromkeys(_NEEDS_RENDER, Unmeasured("known only while rendering"))
    if origin is None:
        readings |= dict.fromkeys(_NEEDS_SOURCE, Unmeasured("no source video was given"))
    elif not paired:
        readings["source_leak"] = Unmeasured("the source has another number of frames")
    if speech is None:
        why = Unmeasured("there is no speech to compare with")
        readings |= {name: why for name in METERS if name.startswith(("av_", "bilabial", "silence_"))}
    evaluation = Evaluation(
        name=video.name,
        source=source.name if source is not None else None,
        face=track.id,
        faces=len(clip.faces.tracks),
        frames=clip.video.frames,
        read=int(np.isfinite(channel.column("opening")).sum()),
        speech=speech.source if speech is not None else None,
        seconds_of_speech=round(seconds, 3),
        meters=Meters.of(readings),
        warnings=clip.info.warnings,
    )
    driven = np.isfinite(channel.column("speech_time"))
    opening = channel.range().relative(channel.column("opening"))
    return Examination(evaluation, clip.faces, channel.column("time")[driven], opening[driven], speech)


def _probed(path: Path) -> MediaInfo:
    info = probe(path)
    if info.video is None:
        raise MediaError(f"{info.name!r} has sound but no picture; a video is needed.")
    return info


def _open(path: Path, progress: Progress) -> _Clip:
    info = _probed(path)
    assert info.video is not None
    with open_reader(path, info) as reader:
        faces = analyse(reader, [(0, info.video.frames)], progress=progress)
    return _Clip(path, info, info.video, faces)


def _face(clip: _Clip, wanted: int | None) -> FaceTrack:
    tracks = clip.faces.tracks
    if not tracks:
        raise NoUsableFace(f"No face was found in {clip.info.name!r}.")
    found = tracks[0] if wanted is None else clip.faces.track(wanted)
    if found is None:
        raise NoUsableFace(f"{clip.info.name!r} has no face {wanted}; it has {', '.join(str(t.id) for t in tracks)}.")
    return found


def _speech(
    video: Path, info: MediaInfo, audio: Path | None, text: str | None, progress: Progress
) -> tuple[SpeechReference | None, float]:
    """The speech to compare with, on the clock of the sound it was read from."""
    if audio is None and info.audio is None:
        if text is not None:
            raise AudioInvalid(f"{info.name!r} has no sound to find the text in.")
        return None, 0.0
    samples = load_mono(audio if audio is not None else video, _RATE)
    seconds = len(samples) / _RATE
    if text is not None:
        return SpeechReference.from_phones(align(samples, text), seconds), seconds
    return SpeechReference.from_visemes(recognise(samples, progress=progress)), seconds


def _samples(
    clip: _Clip,
    track: FaceTrack,
    channel: Channel,
    spans: Sequence[tuple[float, float]] | None,
    audio_at: float,
    beneath: _Beneath,
    progress: Progress,
) -> Iterator[Sample]:
    """The frames of the output; those without a readable face or outside the spans without lips."""
    for index, strength, lips in _readings(clip, track, channel, progress):
        time = float(clip.video.time(index))
        inside = spans is None or any(start <= time < stop for start, stop in spans)
        source_strength, source_lips = beneath.get(index, (NAN, None)) if inside else (NAN, None)
        yield Sample(
            time=time,
            speech_time=time - audio_at,
            source_frame=index,
            lips=lips if inside else None,
            source_lips=source_lips,
            strength=strength if inside else NAN,
            source_strength=source_strength,
            step=NAN,
            asked=inside,
            edited=inside and lips is not None,
        )


def _source_samples(before: _Clip, beneath: _Beneath) -> Iterator[Sample]:
    """The frames of a source that does not go frame by frame with the output: its figures stand on their own."""
    for index, (strength, lips) in beneath.items():
        time = float(before.video.time(index))
        yield Sample(time, NAN, index, None, lips, NAN, strength, NAN, asked=False, edited=False)


def _readings(
    clip: _Clip, track: FaceTrack, channel: Channel, progress: Progress
) -> Iterator[tuple[int, float, F32 | None]]:
    """Frame index, gradient strength and normalised lips of every frame from the track's first to its last."""
    assert channel.reference is not None, "a track that was found has rows"
    first, stop = int(track.frames[0]), int(track.frames[-1]) + 1
    with open_reader(clip.path, clip.info) as reader:
        for done, frame in enumerate(reader.frames(first, stop), start=1):
            progress.advance(PHASE, done, stop - first)
            row = track.row(frame.index)
            if row < 0 or track.interpolated[row] or frame.damaged:
                yield frame.index, NAN, None
                continue
            here = track.landmarks([row])[0]
            lips = normalise(here[None], channel.reference)[0]
            yield frame.index, gradient_strength(frame.picture.planes[0], here), lips
