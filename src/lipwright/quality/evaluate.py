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

from lipwright.errors import AudioInvalid, MediaError, NoUsableFace, RequestError
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
from lipwright.quality.origin import STRANGE, edited, strangeness
from lipwright.quality.report import METERS, SCHEMA, Meters, Unmeasured
from lipwright.quality.speech import SpeechReference
from lipwright.speech.pocket import align
from lipwright.speech.recognise import recognise

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

PHASE: Final = "evaluate"
_RATE: Final = 16_000
_NEEDS_SOURCE: Final = ("jitter_ratio", "sharpness_ratio", "source_leak")
NEEDS_RENDER: Final = ("edge_step", "edge_step_worst", "boundary_jump", "coverage")
"""Figures that nobody can take from outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured on a finished file.

    Attributes:
        name: of the file.
        face: id of the face that was measured, of `faces` found.
        frames: of the file; `read` of them showed the face and were to be measured.
        differing: how many frames lie in stretches where the mouth differs from the source; None if that is not known.
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
    differing: int | None = None
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
        source: the video it was made from, to compare sharpness and jitter with. If both have as many frames and only
            some show another mouth than the source, those alone are measured.
        audio: the speech it should say, if that is not simply the video's own sound.
        text: the words of the speech (English); p, b and m then come from a forced alignment.
        face: id of the face to measure; default the most prominent.
        spans: start and stop in seconds of the parts to look at; default everything.
        audio_at: when in the video `audio` begins, seconds.
        progress: phases "faces", "compare" (with a source), "speech" and "evaluate".

    Raises:
        MediaError: a file cannot be read, or has no picture.
        NoUsableFace: no face was found in the video (or in the source).
        RequestError: `text` cannot be aligned with the speech, or the video was not made from `source`.
    """
    progress = progress or Progress()
    info = _probed(video)
    speech, seconds = _speech(video, info, audio, text, progress)
    clip = _open(video, progress)
    track = _face(clip, face)
    before = _open(source, progress, clip) if source is not None else None
    paired = before is not None and before.video.frames == clip.video.frames
    origin = _origin(before, track, paired) if before is not None else None
    differs = _differing(clip, before, track, progress) if before is not None and paired else None
    warnings = [*clip.info.warnings, *_mixed(clip, before, differs)]
    partly = differs is not None and bool(differs.any()) and not differs[track.frames].all()
    channel = Channel(Drive(None, origin or track, speech, (0.0, seconds)))
    beneath: _Beneath = {}
    if before is not None and origin is not None:
        beneath = {i: (strength, lips) for i, strength, lips in _readings(before, origin, channel, progress)}
    wanted = _wanted(clip, spans, differs if partly else None)
    for sample in _samples(clip, track, channel, wanted, audio_at, beneath if paired else {}, progress):
        channel.add(sample)
    if before is not None and not paired:
        for sample in _source_samples(before, beneath):
            channel.add(sample)
    channel.finish()
    readings = readings_of([channel])
    readings |= dict.fromkeys(NEEDS_RENDER, Unmeasured("known only while rendering"))
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
        differing=int(differs.sum()) if differs is not None else None,
        speech=speech.source if speech is not None else None,
        seconds_of_speech=round(seconds, 3),
        meters=Meters.of(readings),
        warnings=tuple(warnings),
    )
    driven = np.isfinite(channel.column("speech_time"))
    opening = channel.range().relative(channel.column("opening"))
    return Examination(evaluation, clip.faces, channel.column("time")[driven], opening[driven], speech)


def _probed(path: Path) -> MediaInfo:
    info = probe(path)
    if info.video is None:
        raise MediaError(f"{info.name!r} has sound but no picture; a video is needed.")
    return info


def _open(path: Path, progress: Progress, made_from_it: _Clip | None = None) -> _Clip:
    info = _probed(path)
    assert info.video is not None
    with open_reader(path, info) as reader:
        if made_from_it is not None:
            with open_reader(made_from_it.path, made_from_it.info) as made:
                strange = strangeness(made, reader)
            if strange > STRANGE:
                raise RequestError(
                    f"{made_from_it.info.name!r} was not made from {info.name!r}: their pictures differ by "
                    f"{strange:.0f} of 255 levels on average, and at most {STRANGE:.0f} are allowed.",
                    field="source",
                )
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


def _origin(before: _Clip, track: FaceTrack, paired: bool) -> FaceTrack:
    """The face of the source that lies beneath `track`; the most prominent where that cannot be told."""
    best = _face(before, None)
    if not paired:
        return best
    rows = np.unique(np.linspace(0, len(track) - 1, 25).astype(np.int64))

    def beneath(candidate: FaceTrack) -> int:
        shared = [(row, candidate.row(int(track.frames[row]))) for row in rows]
        return sum(
            bool(np.hypot(*(track.crops[a, :2] - candidate.crops[b, :2])) < 0.3 * track.crops[a, 2])
            for a, b in shared
            if b >= 0
        )

    return max(before.faces.tracks, key=beneath)


def _differing(clip: _Clip, before: _Clip, track: FaceTrack, progress: Progress) -> NDArray[np.bool_]:
    with open_reader(clip.path, clip.info) as video, open_reader(before.path, before.info) as source:
        return edited(
            video,
            source,
            track,
            float(clip.video.frame_duration),
            lambda done, total: progress.advance("compare", done, total),
        )


def _mixed(clip: _Clip, before: _Clip | None, differs: NDArray[np.bool_] | None) -> Iterator[str]:
    """What has to be known of figures that are held against a source."""
    if before is None or before.video.frames == 1:  # of a still nothing can be left as it was
        return
    if differs is None:
        yield (
            f"{before.info.name!r} has {before.video.frames} frames and {clip.info.name!r} {clip.video.frames}, so "
            "they cannot be compared frame by frame: all frames were measured, and where the video was edited only in "
            "part, original and new speech are mixed in the figures."
        )
    elif not differs.any():
        yield f"No mouth differs from {before.info.name!r}; all frames were measured."
    elif not differs.all():
        yield (
            f"The mouth differs from {before.info.name!r} on {int(differs.sum())} of {len(differs)} frames; "
            "only these were measured."
        )


def _wanted(
    clip: _Clip, spans: Sequence[tuple[float, float]] | None, differs: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """(frames,) which frames are to be measured."""
    times = np.array([float(clip.video.time(index)) for index in range(clip.video.frames)])
    wanted = np.full(len(times), spans is None)
    for start, stop in spans or ():
        wanted |= (start <= times) & (times < stop)
    return wanted if differs is None else wanted & differs


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
    wanted: NDArray[np.bool_],
    audio_at: float,
    beneath: _Beneath,
    progress: Progress,
) -> Iterator[Sample]:
    """The frames of the output; those without a readable face or not wanted without lips."""
    for index, strength, lips in _readings(clip, track, channel, progress):
        time = float(clip.video.time(index))
        inside = bool(wanted[index])
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
