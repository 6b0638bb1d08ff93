"""What `prepare` leaves in its folder for the stages after it, and reading it back.

    prepared.json          everything small, and the SHA-256 of every other file and of itself
    visemes.npz            what was heard
    boxes.json             boxes of speakers that the request only refers to, if there are any
    speech-N.wav           spoken texts
    faces/FIRST-STOP/...   the face analysis, as `lipwright.faces.store` keeps it

`prepared.json` is written last and whole, so a folder either is prepared or is not. A stage checks every file before it
begins: what went through a network and an object store is either what was written or an error that says so.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipwright.errors import RenderError, RequestError
from lipwright.faces.cache import file_digest
from lipwright.generation.scene import Heard
from lipwright.generation.settings import Settings
from lipwright.media.atomic import PendingFile
from lipwright.media.info import MediaInfo
from lipwright.quality.codec import decode, encode, loads
from lipwright.quality.report import Performance
from lipwright.speech.visemes import Recogniser, VisemeTrack
from lipwright.timeline.options import BoxesAt, BoxPerFrame, Options
from lipwright.timeline.request import AudioInput, GenerationRequest

FORMAT = 2
STATE, VISEMES, BOXES, FACES = "prepared.json", "visemes.npz", "boxes.json", "faces"
_COLUMNS = ("probabilities", "speech", "confidence")
_ORIGINAL = ""  # stands for the original sound where speech has its ref


@dataclass(frozen=True, slots=True)
class KeptSound:
    """One audio input: its exact length as a fraction, and the voice and file in the folder if it was text."""

    ref: str
    seconds: str
    voice: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class KeptTrack:
    """Which recogniser heard the speech `ref`."""

    ref: str
    recogniser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything that is kept, but for what is in files of its own.

    Attributes:
        request, video: marks by which to tell that later stages are given the same ones.
        frames: of the output.
        frame_duration: nominal, in seconds, as a fraction.
        whole: why every frame is encoded by wish of the user, if it is.
        runs: the output frames, first and stop, of every run of the encoder.
        input_warnings: those about the inputs, which no later stage can find again.
        warnings: all there are so far.
        files: SHA-256 of every other file, by its name relative to the folder.
    """

    format: int = FORMAT
    engine: str
    quality: str
    request: str
    video: str
    frames: int
    frame_duration: str
    whole: str | None
    runs: tuple[tuple[int, int], ...]
    sounds: tuple[KeptSound, ...]
    heard: tuple[KeptTrack, ...]
    input_warnings: tuple[str, ...]
    warnings: tuple[str, ...]
    performance: Performance
    files: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Hash the files that lie in `folder` by now and write the state: the folder is prepared."""
        kept = replace(self, files={name: file_digest(folder / name) for name in _files_in(folder)})
        state = encode(kept)
        document = {"sha256": _digest(state), "state": state}
        with PendingFile(folder / STATE) as file:
            file.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8"))
            file.commit()

    @classmethod
    def read(cls, folder: Path) -> Kept:
        """The state in `folder`.

        Raises:
            RenderError: there is none, or it is damaged or of another version.
        """
        try:
            document = loads((folder / STATE).read_text(encoding="utf-8"))
            if document.get("sha256") != _digest(document.get("state")):
                raise damaged(STATE)
            kept = decode(cls, document["state"])
        except FileNotFoundError:
            raise RenderError(f"The generation is not prepared: {STATE!r} is missing.") from None
        except (OSError, UnicodeDecodeError, RequestError):
            raise damaged(STATE) from None
        if kept.format != FORMAT:
            raise RenderError(
                f"The generation was prepared in format {kept.format} by another version of Lipwright; "
                f"this one reads format {FORMAT}. Prepare it again."
            )
        return kept

    def verify(self, folder: Path) -> None:
        """Raise `RenderError` if a file is missing or not as it was written."""
        for name, digest in self.files.items():
            path = folder / name
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise damaged(STATE)
            try:
                same = file_digest(path) == digest
            except OSError:
                raise RenderError(f"The preparation is not complete: {name!r} is missing.") from None
            if not same:
                raise damaged(name)

    def check_same(self, request: GenerationRequest, info: MediaInfo, settings: Settings) -> None:
        """Raise `RenderError` if a later stage was given something else than was prepared."""
        engine, quality = settings.chosen_engine().name, settings.preset()
        for name, given, prepared in (
            ("request", mark_of_request(request), self.request),
            ("video", mark_of_video(info), self.video),
            ("engine", engine, self.engine),
            ("quality", quality, self.quality),
        ):
            if given != prepared:
                raise RenderError(f"The {name} is not the one that the generation was prepared with.")


def _digest(state: object) -> str:
    """What tells whether the state is as it was written."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def damaged(name: str) -> RenderError:
    """The error for a file whose content is not what was written."""
    return RenderError(f"The file {name!r} of the preparation is damaged.")


def job_of(folder: Path) -> str:
    """What tells one preparation from any other."""
    try:
        return file_digest(folder / STATE)
    except OSError:
        raise RenderError(f"The generation is not prepared: {STATE!r} is missing.") from None


def mark_of_request(request: GenerationRequest) -> str:
    """A digest of what is asked for, whatever its files are called on this machine."""

    def placeless(options: Options) -> Options:
        return replace(options, speaker=BoxesAt("")) if isinstance(options.speaker, BoxesAt) else options

    audio = tuple(replace(one, url=None) if isinstance(one, AudioInput) else one for one in request.audio)
    segments = tuple(replace(one, options=placeless(one.options)) for one in request.segments)
    return hashlib.sha256(
        repr((audio, segments, placeless(request.options), request.full_reencode)).encode()
    ).hexdigest()


def mark_of_video(info: MediaInfo) -> str:
    """A digest of how long the file is and when its frames are shown."""
    assert info.video is not None
    grid = info.video.grid
    times = np.asarray(grid.pts, np.int64).tobytes()
    about = f"{info.size} {grid.time_base} {grid.end} ".encode()
    return hashlib.sha256(about + times).hexdigest()


def _files_in(folder: Path) -> list[str]:
    """The files of the preparation, by name."""
    single = [VISEMES, BOXES, *sorted(path.name for path in folder.glob("speech-*.wav"))]
    faces = sorted(path for path in (folder / FACES).rglob("*") if path.is_file())
    return [
        *(name for name in single if (folder / name).is_file()),
        *(path.relative_to(folder).as_posix() for path in faces),
    ]


def save_heard(folder: Path, heard: Heard) -> tuple[KeptTrack, ...]:
    """Write what was heard; gives what has to be kept besides."""
    tracks = dict(heard.visemes)
    if heard.original is not None:
        tracks[_ORIGINAL] = heard.original
    arrays = {f"{i}-{name}": getattr(one, name) for i, one in enumerate(tracks.values()) for name in _COLUMNS}
    np.savez_compressed(folder / VISEMES, allow_pickle=False, **arrays)
    return tuple(KeptTrack(ref, track.recogniser) for ref, track in tracks.items())


def read_heard(folder: Path, kept: Kept) -> Heard:
    """What `save_heard` wrote."""
    tracks: dict[str, VisemeTrack] = {}
    try:
        with np.load(folder / VISEMES, allow_pickle=False) as arrays:
            for i, one in enumerate(kept.heard):
                recogniser: Recogniser = one.recogniser  # type: ignore[assignment]  # a name that we wrote ourselves
                probabilities, speech, confidence = (arrays[f"{i}-{name}"] for name in _COLUMNS)
                tracks[one.ref] = VisemeTrack(probabilities, speech, confidence, recogniser)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise damaged(VISEMES) from None
    original = tracks.pop(_ORIGINAL, None)
    return Heard(tracks, original)


def save_boxes(folder: Path, asked: GenerationRequest, known: GenerationRequest) -> None:
    """Write the boxes that stand in `known` where `asked` only refers to them."""
    found: list[BoxPerFrame] = []
    where: dict[str, int] = {}
    for (name, before), (_, after) in zip(_options(asked), _options(known), strict=True):
        boxes = after.speaker
        if isinstance(before.speaker, BoxesAt) and isinstance(boxes, BoxPerFrame):
            place = next((i for i, one in enumerate(found) if one is boxes), len(found))
            if place == len(found):
                found.append(boxes)
            where[name] = place
    if found:
        document = {"where": where, "boxes": [one.boxes for one in found]}
        (folder / BOXES).write_text(json.dumps(document, allow_nan=False), encoding="utf-8")


def with_kept_boxes(folder: Path, request: GenerationRequest) -> GenerationRequest:
    """`request` with the boxes that `save_boxes` wrote in the place of references to them."""
    if not any(isinstance(options.speaker, BoxesAt) for _, options in _options(request)):
        return request
    try:
        document = json.loads((folder / BOXES).read_text(encoding="utf-8"))
        found = [
            BoxPerFrame(tuple(None if box is None else tuple(map(float, box)) for box in boxes))  # type: ignore[misc]  # four each, as written
            for boxes in document["boxes"]
        ]
        where = {name: found[place] for name, place in document["where"].items()}
        options = replace(request.options, speaker=where.get("options", request.options.speaker))
        segments = tuple(
            replace(one, options=replace(one.options, speaker=where.get(f"{i}", one.options.speaker)))
            for i, one in enumerate(request.segments)
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        raise damaged(BOXES) from None
    return replace(request, options=options, segments=segments)


def _options(request: GenerationRequest) -> Iterable[tuple[str, Options]]:
    yield "options", request.options
    for index, segment in enumerate(request.segments):
        yield str(index), segment.options


def fraction(text: str) -> Fraction:
    """A fraction that was kept as text."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise damaged(STATE) from None
