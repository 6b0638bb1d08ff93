"""The debug overlay: the output once more, with faces, lips, masks and reasons drawn in, to see and to choose by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.analysis import FaceAnalysis
from lipwright.faces.sheet import draw_track
from lipwright.faces.topology import INNER_LIPS, OUTER_LIPS
from lipwright.generation.inputs import Inputs
from lipwright.generation.mouths import Mouth
from lipwright.generation.output import Output
from lipwright.generation.render import Rendered
from lipwright.generation.stretches import Stretches
from lipwright.generation.yuv import DRAWN, yuv_picture
from lipwright.media.encoding import VideoTarget
from lipwright.media.info import ColourTags
from lipwright.timeline.edl import EditDecisionList

U8 = NDArray[np.uint8]

_WHITE: Final = (255, 255, 255)
_MASK: Final = (255, 0, 255)


class Overlay:
    """Draws over every finished frame and writes it to a video of its own; a context manager like `Output`."""

    def __init__(
        self, path: Path, edl: EditDecisionList, inputs: Inputs, stretches: Stretches, faces: FaceAnalysis
    ) -> None:
        video = inputs.info.video
        assert video is not None
        self._faces = faces
        target = VideoTarget(
            video.width + video.width % 2,
            video.height + video.height % 2,
            DRAWN,
            edl.time_base,
            video.average_rate,
            video.sample_aspect_ratio,
            ColourTags(1, 1, 1, full_range=False),
        )
        self._output = Output(path, edl, inputs, stretches.unlike(), "balanced", video=target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._output.__exit__(kind, error, trace)

    def take(self, rendered: Rendered) -> None:
        """Draw over one frame and write it."""
        rgb = np.ascontiguousarray(rendered.picture.to_rgb())
        for track, row in self._faces.on(rendered.frame.source):
            draw_track(rgb, track, row)
        for mouth in rendered.mouths:
            draw_mouth(rgb, mouth)
        _say(rgb, _heading(rendered), (8, 8))
        self._output.take(replace(rendered, picture=yuv_picture(rgb)))

    def close(self) -> None:
        """Publish the file."""
        self._output.close()


def draw_mouth(rgb: U8, mouth: Mouth) -> None:
    """Draw into `rgb` where an edit's mask ends and where it put the lips."""
    edit = mouth.edit
    if edit is None:
        return
    x0, y0 = edit.box[:2]
    for level, width in ((0.0, 1), (0.5, 2)):
        mask = (edit.alpha > level).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(x0, y0))
        cv2.drawContours(rgb, outlines, -1, _MASK, width)
    for loop in (OUTER_LIPS, INNER_LIPS):
        points = np.round(edit.landmarks[list(loop), :2]).astype(np.int32)
        cv2.polylines(rgb, [points], True, _WHITE, 1, cv2.LINE_AA)


def _heading(rendered: Rendered) -> str:
    """What happens on a frame, in a line."""
    frame = rendered.frame
    parts = [f"{float(frame.time):.3f} s  frame {frame.index} < {frame.source}"]
    for mouth in rendered.mouths:
        face = f"face{mouth.role.track.id}" if mouth.role.track is not None else "nobody"
        said = (
            f"{mouth.role.drive.ref}@{float(mouth.task.speech_time):.2f}"
            if mouth.task.speech_time is not None
            else "rest"
        )
        parts.append(f"{face} {said}" + (f" ({mouth.reason})" if mouth.reason is not None else ""))
    return "  |  ".join(parts)


def _say(rgb: U8, text: str, at: tuple[int, int]) -> None:
    size = max(0.4, rgb.shape[1] / 1600)
    place = (at[0], at[1] + round(24 * size))
    for colour, width in (((0, 0, 0), 3), (_WHITE, 1)):
        cv2.putText(rgb, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, width, cv2.LINE_AA)
