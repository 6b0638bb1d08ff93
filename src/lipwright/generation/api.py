"""The Python API: the same job as the command and the JSON request, as functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lipwright.engines.base import LipSyncEngine
from lipwright.errors import MediaError
from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.cache import FaceCache
from lipwright.generation.analyse import faces_on
from lipwright.generation.asked import Choices, PathLike, Segment, Sound, Speaker, build_request
from lipwright.generation.engine import BUILT_IN
from lipwright.generation.generate import Result, Settings, generate
from lipwright.generation.inputs import video_path
from lipwright.media.guard import Limits
from lipwright.media.probe import probe
from lipwright.progress import CancelToken, Progress, ProgressEvent
from lipwright.timeline.body import parse_request
from lipwright.timeline.options import SyncMode
from lipwright.timeline.request import VisualInput

Listener = Callable[[ProgressEvent], None]


def sync_video(
    video: PathLike,
    *,
    audio: Sound | Mapping[str, Sound],
    output: PathLike,
    segments: Sequence[Segment] = (),
    sync_mode: SyncMode | str | None = None,
    temperature: float | None = None,
    speaker: Speaker | None = None,
    occlusion_detection: bool | None = None,
    preserve_timing: bool | None = None,
    background: float | None = None,
    engine: str | LipSyncEngine = BUILT_IN,
    quality: str = "visually-lossless",
    report: PathLike | None = None,
    debug_overlay: PathLike | None = None,
    full_reencode: bool = False,
    processes: int | None = None,
    limits: Limits | None = None,
    use_cache: bool = True,
    progress: Listener | None = None,
    cancel: CancelToken | None = None,
) -> Result:
    """Make the mouths in a video follow new speech, and write the result as MP4 with a quality report beside it.

        sync_video("in.mp4", audio="speech.wav", output="out.mp4")
        sync_video("in.mp4", audio={"a": "one.wav", "b": Text("Hello.", voice="heart")},
                   segments=[Segment(2, 5, "a"), Segment(6, 8, "b")], output="out.mp4")

    Args:
        video: a local video or still image.
        audio: one audio file or `Text`, or several by name.
        output: the MP4 to write; it appears complete or not at all.
        segments: which audio drives which range; none means that the only audio drives the whole video.
        sync_mode: bounce (default), loop, cut_off, silence or remap: what happens if lengths differ.
        temperature: 0..1, how lively the lips move; 0.5 by default.
        speaker: whose lips move: "prominent" (default), "auto", a `Face`, `PointOnFrame`, `BoxPerFrame` or `BoxFile`.
        occlusion_detection: leave frames alone where the mouth may be covered.
        preserve_timing: keep the length of every segment.
        background: 0..1, how much of the original sound stays under new speech; 0 by default.
        engine: the name of an engine, or one.
        quality: "draft", "balanced", "visually-lossless" or "archive".
        report: where the quality report goes; `out.report.json` beside `out.mp4` by default.
        debug_overlay: another MP4 to write, with face ids, boxes, lips and the mask drawn in.
        full_reencode: encode everything anew, also what is not changed and would be copied.
        processes: how many render; by default one for every two processor cores, as far as there is work for them.
        limits: what media may measure.
        use_cache: keep the face analysis for the next generation of the same video.
        progress: called with every `ProgressEvent`, from any thread.
        cancel: a token whose `cancel()` stops the job.

    Raises:
        RequestError: the request is not valid; all its faults are in the error.
        MediaError: a file cannot be read, or no face can be found.
        SpeechServiceError, ModelFileError, OutputError, RenderError: see `lipwright.errors`.
        Cancelled: the token was cancelled; nothing was left behind.
    """
    choices = Choices(
        sync_mode=sync_mode,
        temperature=temperature,
        speaker=speaker,
        occlusion_detection=occlusion_detection,
        preserve_timing=preserve_timing,
        background=background,
    )
    settings = Settings(
        engine=engine,
        quality=quality,
        report=Path(report) if report is not None else None,
        debug_overlay=Path(debug_overlay) if debug_overlay is not None else None,
        processes=processes,
        limits=limits or Limits(),
        cache=FaceCache() if use_cache else None,
    )
    request = build_request(video, audio, segments, choices, full_reencode=full_reencode)
    return generate(request, Path(output), settings, Progress(progress, cancel or CancelToken()))


def sync_request(
    body: Mapping[str, object],
    *,
    output: PathLike,
    settings: Settings | None = None,
    progress: Listener | None = None,
    cancel: CancelToken | None = None,
) -> Result:
    """The same for a request as the HTTP API takes it (decoded JSON), with local paths as `url`."""
    return generate(parse_request(body), Path(output), settings, Progress(progress, cancel or CancelToken()))


def analyse_faces(
    video: PathLike,
    *,
    frames: tuple[int, int] | None = None,
    use_cache: bool = True,
    progress: Listener | None = None,
    cancel: CancelToken | None = None,
) -> FaceAnalysis:
    """Find and follow the faces of a video, or of its frames `frames` (half-open).

    Raises:
        MediaError: the video cannot be read. ModelFileError: the models are not there. Cancelled.
    """
    path = video_path(VisualInput(url=os.fspath(video)))
    info = probe(path)
    if info.video is None:
        raise MediaError(f"{path.name!r} has sound but no picture; a video or a still image is needed.", field="video")
    start, stop = frames or (0, info.video.frames)
    shown = [(max(0, start), min(stop, info.video.frames))]
    cache = FaceCache() if use_cache else None
    return faces_on(path, info, shown, Progress(progress, cancel or CancelToken()), cache)
