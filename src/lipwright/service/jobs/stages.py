"""What a child can be asked to do. Plain functions over local files: nothing here knows queues, databases or networks.

A stage takes its task (a JSON object) and a listener for progress, and returns a JSON object. A task's `request` is the
body of a generation whose inputs are local paths; `folder` is where files that later stages need are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from lipwright.progress import Progress, ProgressEvent

Listener = Callable[[ProgressEvent], None]
Task = dict[str, Any]

_THUMBNAIL = 320
"""Pixels of the longer side of a thumbnail."""

_SPOKEN = Fraction(1, 14)
"""Seconds that a character of a script takes to say, about; for estimates only."""


def nothing(_: Task, __: Listener) -> Task:
    """Nothing, once what looking at media takes is loaded: for a child that is kept warm."""
    import lipwright.media.audio
    import lipwright.media.probe
    import lipwright.media.reader  # noqa: F401 (loaded for later)

    return {}


def probe(task: Task, _: Listener) -> Task:
    """What the file at `path` is: type, seconds, size of the picture, and a thumbnail at `thumbnail` if that is given.

    `kind` says as what it was given: "audio" files are judged by their sound alone.
    """
    from lipwright.media.audio import audio_length
    from lipwright.media.probe import probe as look_at
    from lipwright.media.probe import probe_audio

    path, limits = Path(task["path"]), _limits(task)
    if task.get("kind") == "audio":
        audio = probe_audio(path, limits)
        return {"type": "AUDIO", "format": audio.container, "seconds": float(audio_length(path, limits))}
    info = look_at(path, limits)
    if info.video is None:
        return {"type": "AUDIO", "format": info.container, "seconds": float(audio_length(path, limits))}
    facts: Task = {
        "type": "IMAGE" if info.still else "VIDEO",
        "format": info.container,
        "seconds": None if info.still else float(info.video.duration),
        "width": info.video.width,
        "height": info.video.height,
        "frames": 1 if info.still else info.video.frames,
    }
    if task.get("thumbnail"):
        _thumbnail(path, info, Path(task["thumbnail"]), limits)
    return facts


def measure(task: Task, _: Listener) -> Task:
    """How many frames the output of `request` would have and how long it would be; texts are estimated."""
    from lipwright.media.audio import audio_length
    from lipwright.media.probe import probe as look_at
    from lipwright.timeline.body import parse_request
    from lipwright.timeline.options import BoxesAt, Options
    from lipwright.timeline.plan import plan
    from lipwright.timeline.request import TextInput, VisualKind

    limits = _limits(task)
    request = parse_request(task["request"])
    info = look_at(request.video.url or "", limits)
    kind = VisualKind.IMAGE if info.still else VisualKind.VIDEO

    def without_boxes(options: Options) -> Options:
        return replace(options, speaker=None) if isinstance(options.speaker, BoxesAt) else options

    request = replace(
        request,
        video=replace(request.video, kind=kind),
        options=without_boxes(request.options),
        segments=tuple(replace(one, options=without_boxes(one.options)) for one in request.segments),
    )
    lengths = {
        one.ref: len(one.script) * _SPOKEN if isinstance(one, TextInput) else audio_length(one.url or "", limits)
        for one in request.audio
    }
    assert info.video is not None
    edl = plan(info.video.grid, lengths, request)
    return {"frames": edl.frame_count, "seconds": float(edl.duration)}


def speak(task: Task, listener: Listener) -> Task:
    """The texts of `request` that the cloud service speaks, kept in the folder `spoken`: all that needs the network."""
    from lipwright.speech.tts import TextToSpeech
    from lipwright.speech.tts.playback import keep
    from lipwright.speech.tts.speech import Manner
    from lipwright.timeline.body import parse_request
    from lipwright.timeline.request import TextInput

    folder, voice = Path(task["spoken"]), TextToSpeech()
    folder.mkdir(parents=True, exist_ok=True)
    texts = [one for one in parse_request(task["request"]).audio if isinstance(one, TextInput)]
    for text in (one for one in texts if one.provider == "elevenlabs"):
        manner = Manner(text.stability, text.similarity_boost)
        keep(folder, voice.speak(text, Progress(listener)), text.script, text.voice_id, manner)
    return {}


def prepare(task: Task, listener: Listener) -> Task:
    """Everything before the rendering, kept in `folder`; and where to cut the output into pieces.

    An output that is not worth cutting is rendered here and now, to `output`: its process is already warm.
    """
    from lipwright.generation.pieces.prepare import prepare as prepared_in
    from lipwright.timeline.body import parse_request

    folder, seconds = Path(task["folder"]), Fraction(task["piece_seconds"])
    prepared = prepared_in(parse_request(task["request"]), folder, _settings(task), Progress(listener))
    # What is copied costs next to nothing: only what is encoded is worth sharing out.
    lasting = prepared.encoded * prepared.frame_duration
    pieces = prepared.pieces(seconds if lasting >= 2 * seconds else lasting or seconds)
    told: Task = {
        "frames": prepared.encoded,
        "files": list(prepared.files),
        "spoken": dict(prepared.spoken),
        "pieces": list(pieces) if len(pieces) > 1 else [],
    }
    if len(pieces) <= 1:
        made = [str(folder / "only.mp4") for _ in pieces]
        for (first, stop), only in zip(pieces, made, strict=True):
            piece({**task, "first": first, "stop": stop, "output": only}, listener)
        told |= join({**task, "pieces": made}, listener)
    return told


def piece(task: Task, listener: Listener) -> Task:
    """Frames `first` to `stop` of what was prepared in `folder`, encoded to `output`, with its readings beside it."""
    from lipwright.generation.pieces.piece import render_piece
    from lipwright.generation.pieces.readings import readings_beside
    from lipwright.timeline.body import parse_request

    output, request = Path(task["output"]), parse_request(task["request"])
    first, stop = task["first"], task["stop"]
    render_piece(request, Path(task["folder"]), first, stop, output, _settings(task), Progress(listener))
    return {"readings": str(readings_beside(output))}


def join(task: Task, listener: Listener) -> Task:
    """The output at `output` and its report beside it, made of the `pieces` of what was prepared in `folder`."""
    from lipwright.generation.pieces.join import join as joined
    from lipwright.timeline.body import parse_request

    pieces = [Path(one) for one in task["pieces"]]
    request, output = parse_request(task["request"]), Path(task["output"])
    result = joined(request, Path(task["folder"]), pieces, output, _settings(task), Progress(listener))
    told: Task = {"report": str(result.report_path)}
    if any(segment.aligned for segment in request.segments):
        told["excerpt"] = str(_excerpt(result, output.with_name("segments.mp4"), listener))
    return told


def _excerpt(result: Any, path: Path, listener: Listener) -> Path:
    """Only the ranges that were worked on, for who asked for them in the old way."""
    from lipwright.generation.excerpt import write_excerpt
    from lipwright.timeline.grid import Span

    spans = [Span(*(Fraction(str(time)) for time in segment.output)) for segment in result.report.segments]
    write_excerpt(result.output, [span for span in spans if span.duration > 0], path, Progress(listener))
    return path


def faces(task: Task, listener: Listener) -> Task:
    """The faces of the video or picture at `path`, with a sheet of them at `sheet`: who can be chosen, and how."""
    from lipwright.faces.cache import FaceCache
    from lipwright.generation.analyse import faces_on
    from lipwright.generation.png import write_png
    from lipwright.generation.sheets import describe_faces, face_sheet
    from lipwright.media.probe import probe as look_at

    path = Path(task["path"])
    info = look_at(path, _limits(task))
    if info.video is None:
        return {"faces": []}
    cache = FaceCache(Path(task["cache"])) if task.get("cache") else None
    frames = 1 if info.still else info.video.frames
    analysis = faces_on(path, info, [(0, frames)], Progress(listener), cache, _limits(task))
    write_png(Path(task["sheet"]), face_sheet(path, analysis))
    found = describe_faces(path, analysis)
    choices = [_choice(track, info.video.width, info.video.height) for track in analysis.tracks]
    told = [{**face, "choose": choice} for face, choice in zip(found, choices, strict=True)]
    return {"faces": told, "frames": frames}


def _choice(track: Any, width: int, height: int) -> Task:
    """Options that choose this face: a frame on which it is seen well, and a point between its lips."""
    from lipwright.faces.sheet import best_rows
    from lipwright.faces.topology import OUTER_LIPS

    row = int(best_rows(track, 1)[0])
    lips = track.landmarks([row])[0, list(OUTER_LIPS), :2].mean(axis=0)
    inside = [min(max(round(float(at)), 0), size - 1) for at, size in zip(lips, (width, height), strict=True)]
    return {"frame_number": int(track.frames[row]), "coordinates": inside}


def _settings(task: Task) -> Any:
    from lipwright.faces.cache import FaceCache
    from lipwright.generation.generate import Settings
    from lipwright.speech.tts import TextToSpeech
    from lipwright.speech.tts.playback import PlayedBack

    return Settings(
        engine=task.get("engine") or "exemplar",
        quality=task.get("quality") or "visually-lossless",
        limits=_limits(task),
        speech=TextToSpeech(cloud=PlayedBack(Path(task["spoken"]))) if task.get("spoken") else None,
        cache=FaceCache(Path(task["cache"])) if task.get("cache") else None,
    )


def _limits(task: Task) -> Any:
    from lipwright.media.guard import Limits

    media = task.get("media") or {}
    known = {"seconds": "max_duration", "pixels": "max_pixels", "bytes": "max_bytes"}
    return replace(Limits(), **{known[name]: value for name, value in media.items()})


def _thumbnail(path: Path, info: Any, target: Path, limits: Any) -> None:
    """A JPEG of the picture a tenth into the video."""
    import cv2

    from lipwright.media.reader import open_reader

    with open_reader(path, info, limits) as reader:
        frame = next(iter(reader.at_many([0 if info.still else info.video.frames // 10])))
    rgb = frame.picture.to_rgb()
    scale = _THUMBNAIL / max(rgb.shape[:2])
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    if ok:
        target.write_bytes(jpeg.tobytes())


STAGES: dict[str, Callable[[Task, Listener], Task]] = {
    "nothing": nothing,
    "probe": probe,
    "measure": measure,
    "speak": speak,
    "prepare": prepare,
    "piece": piece,
    "join": join,
    "faces": faces,
}
