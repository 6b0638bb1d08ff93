"""The render loop: decode, move mouths, measure, encode, each in a thread of its own, frame by frame in order.

A frame that nobody asked to change is handed to the writer as the decoder gave it, the very same planes; only a frame
with an edit is copied. The meter looks at every frame on its way: it compares all planes outside the masks with the
decoded ones, so that "nothing else was touched" is checked on the job itself and not only in tests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import tee

from lipwright.errors import Cancelled
from lipwright.generation.ahead import Ahead, mapped
from lipwright.generation.memory import OFTEN, give_back
from lipwright.generation.mouths import Mouth, Mouths, composed
from lipwright.generation.ranges import Range
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.threads import one_thread_each
from lipwright.media.picture import Picture
from lipwright.media.reader import Frame, FrameReader
from lipwright.progress import Progress
from lipwright.quality.channel import NAN, Sample
from lipwright.quality.measure import FaceShot, FrameMeter, Look, Shot
from lipwright.quality.meters.equality import differing_outside
from lipwright.timeline.edl import EditDecisionList, OutputFrame

PHASE = "render"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One output frame, ready for the encoder: what was decoded, what became of it."""

    frame: OutputFrame
    source: Frame
    picture: Picture
    mouths: tuple[Mouth, ...]


def render(
    edl: EditDecisionList,
    part: Range,
    reader: FrameReader,
    mouths: Mouths,
    meter: FrameMeter,
    take: Callable[[Rendered], None],
    progress: Progress,
    watch: Stopwatch,
    *,
    large: bool = False,
) -> None:
    """Make the output frames `part` of `edl` and give each to `take`, in order, in the calling thread.

    `large` pictures go through one at a time, since every link of the chain would hold some of them.

    Raises what any of the links raises, `Cancelled` included; no thread outlives the call.
    """
    total = part[1] - part[0]

    def decode() -> Iterator[tuple[OutputFrame, Frame]]:
        frames, again = tee(edl.output_frames(*part))
        sources = reader.sequence(frame.source for frame in again)
        for frame in frames:
            with watch.phase("decode", 1):
                source = next(sources)
            yield frame, source

    def move(pair: tuple[OutputFrame, Frame]) -> Rendered:
        frame, source = pair
        with watch.phase("render", 1):
            asked = tuple(mouths.on(frame, source))
            return Rendered(frame, source, composed(source.picture, asked), asked)

    def measure(rendered: Rendered) -> Rendered:
        with watch.phase("measure", 1):
            meter.add(_looked_at(meter, _shot(rendered)))
        return rendered

    progress.advance(PHASE, 0, total)
    passed = 0
    with ExitStack() as stack:
        stack.enter_context(one_thread_each())
        # Each link closes the one before it; closing the last is enough.
        frames: Iterator[Rendered]
        if large:
            frames = stack.enter_context(closing(mapped(measure, mapped(move, decode()))))
        else:
            decoded = Ahead(decode(), 4, "decode", lambda pair: pair[1].picture.nbytes)
            moved = Ahead(mapped(move, decoded), 4, "render", _weight)
            frames = stack.enter_context(Ahead(mapped(measure, moved), 4, "measure", _weight))
        for done, rendered in enumerate(frames, start=1):
            with watch.phase("encode", 1):
                take(rendered)
            progress.advance(PHASE, done, total)
            passed += rendered.picture.nbytes
            del rendered
            if large or passed >= OFTEN:
                passed = 0
                give_back()


def _weight(rendered: Rendered) -> int:
    """The bytes of a frame's pictures, as if it were edited: the first one may not be."""
    return 2 * rendered.picture.nbytes


def _looked_at(meter: FrameMeter, shot: Shot) -> Look:
    """What the meter sees in `shot`; where it fails, a look without readings: no job dies for the want of a figure."""
    try:
        return meter.look(shot)
    except (Cancelled, MemoryError):
        raise
    except Exception:
        _log.warning("frame %d could not be measured", shot.index, exc_info=True)
    masks = [(face.edit.box, face.edit.alpha) for face in shot.faces if face.edit is not None]
    return Look(
        shot,
        tuple(_no_reading(shot, face) for face in shot.faces),
        (None,) * len(shot.faces),
        differing_outside(shot.source.planes, shot.composed.planes, masks),
    )


def _no_reading(shot: Shot, face: FaceShot) -> Sample:
    return Sample(
        time=shot.time,
        speech_time=NAN if face.speech_time is None else face.speech_time,
        source_frame=shot.source_frame,
        lips=None,
        source_lips=None,
        strength=NAN,
        source_strength=NAN,
        step=NAN,
        asked=True,
        edited=face.edit is not None,
    )


def _shot(rendered: Rendered) -> Shot:
    """What the meter is shown of a frame."""
    return Shot(
        index=rendered.frame.index,
        time=float(rendered.frame.time),
        source_frame=rendered.frame.source,
        source=rendered.source.picture,
        composed=rendered.picture,
        faces=tuple(_face(mouth) for mouth in rendered.mouths),
        damaged=rendered.source.damaged,
    )


def _face(mouth: Mouth) -> FaceShot:
    spoken = mouth.task.speech_time
    return FaceShot(mouth.role.channel, mouth.edit, mouth.reason, float(spoken) if spoken is not None else None)
