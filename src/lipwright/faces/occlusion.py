"""How likely a mouth is hidden by a hand, a microphone or a cup.

No model at hand notices that: the mesh's presence score stays at 1.00 behind a microphone and invents lips. So the
look of the mouth's surroundings is held against the track's own: on every frame the colours of nine spots (above the
lips, at their corners, below, on chin and jaw, on both lips) are taken relative to the cheeks, which cancels light and
exposure, and a spot is suspicious when it departs from what it is on most frames. One suspicious spot is a beard's
shadow or bared teeth; the mean of the three most suspicious has to be high. Beards, make-up and drawn faces are their
own reference and raise nothing.

Limits, known: a mouth that is covered throughout a track has no other look to depart from; a hand of the same shade as
the chin is noticed only by its edges and shadows; a head that turns into other light may raise it for a moment.
Thresholds are set for few false alarms: on twelve clips of people (and one drawing) talking, laughing and turning, 2789
frames, none was above 0.5.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.rows import MOUTH_FEATURES, Rows
from lipwright.faces.source import U8

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_SIDES: Final = ("both", "left", "right", "both", "both", "left", "right", "both", "both")
_SKIN_SPOTS: Final = (
    (164, 167, 393, 165, 391, 92, 322),  # between nose and upper lip
    (57, 186, 212, 202, 43),  # beside the left corner
    (287, 410, 432, 422, 273),  # beside the right corner
    (18, 83, 313, 182, 406, 201, 421),  # under the lower lip
    (199, 175, 200, 208, 428, 171, 396),  # chin
    (204, 211, 194, 32, 170),  # left of the chin
    (424, 431, 418, 262, 395),  # right of the chin
)
_UPPER_LIP: Final = ((0, 13), (37, 82), (267, 312), (39, 81), (269, 311))
_LOWER_LIP: Final = ((17, 14), (84, 87), (314, 317), (181, 88), (405, 402))
_LEFT_CHEEK: Final = (50, 205, 187, 123, 117, 118, 101, 36)
_RIGHT_CHEEK: Final = (280, 425, 411, 352, 346, 347, 330, 266)

# The same, cheeks first, as the places of all points in one array.
_LIPS: Final = (np.array(_UPPER_LIP), np.array(_LOWER_LIP))
_SKIN: Final = np.array([point for spot in (_LEFT_CHEEK, _RIGHT_CHEEK, *_SKIN_SPOTS) for point in spot])
_ENDS: Final = tuple(
    accumulate(len(spot) for spot in (_LEFT_CHEEK, _RIGHT_CHEEK, *_SKIN_SPOTS, _UPPER_LIP, _LOWER_LIP))
)
_SPANS: Final = tuple(zip((0, *_ENDS[:-1]), _ENDS, strict=True))

# Ordinary spread of L, a, b (CIE, L of 100): what speech and expression do to a spot. Lips vary more: teeth, tongue.
_SPREAD: Final = np.array([(9.0, 4.5, 5.5)] * 7 + [(12.0, 6.5, 7.0)] * 2)
_MOST_SPREAD: Final = 1.7
_USUAL_SHARE: Final = 0.7
_FAR_SIDE_YAW: Final = 18.0
_COMMON: Final = 0.7
_CLEAR: Final = 0.6
_HIDDEN: Final = 0.88


def mouth_features(crop: U8, local: F32) -> F32:
    """What is kept of the mouth's look on one frame.

    From the upright (256, 256, 3) RGB crop and the (478, 3) points in it: (27,) float32, for each of nine spots its
    median L, a, b minus that of the cheek on its side (of both, for spots in the middle).
    """
    soft = cv2.blur(crop, (5, 5))
    limit = np.array([crop.shape[1] - 1, crop.shape[0] - 1], np.float32)
    xy = local[:, :2]
    lips = [xy[lip].mean(axis=1) for lip in _LIPS]
    # All spots are looked up and converted at once: one by one, the calls were most of the work.
    points = np.concatenate([xy[_SKIN], *lips])
    at = np.clip(np.round(points - 0.5), 0, limit).astype(np.int64)
    lab = cv2.cvtColor(soft[at[:, 1], at[:, 0]][None], cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    lab[:, 0] *= np.float32(100 / 255)
    left, right, *spots = (_median(lab[start:stop]) for start, stop in _SPANS)
    cheeks: dict[str, F32] = {"left": left, "right": right, "both": np.asarray((left + right) / 2, np.float32)}
    values = [np.subtract(spot, cheeks[side]) for spot, side in zip(spots, _SIDES, strict=True)]
    return np.concatenate(values).astype(np.float32)


def _median(colours: F32) -> F32:
    """The (3,) median of (k, 3) colours, each component by itself."""
    ordered, middle = np.sort(colours, axis=0), len(colours) // 2
    if len(colours) % 2:
        return np.asarray(ordered[middle], np.float32)
    return np.asarray((ordered[middle - 1] + ordered[middle]) / 2, np.float32)


def covered(rows: Rows) -> F32:
    """(n,) float32 0..1 for the (n,) rows of one track: 0.5 and more means that the mouth is probably hidden."""
    if not len(rows):
        return np.zeros(0, np.float32)
    departure = departures(rows["mouth"].reshape(-1, MOUTH_FEATURES // 3, 3).astype(np.float64), rows["angles"][:, 0])
    # One odd frame is noise or motion blur; a hand stays for two at least.
    padded = np.pad(departure, 1, mode="edge")
    steady = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return np.clip((steady - _CLEAR) / (_HIDDEN - _CLEAR), 0.0, 1.0).astype(np.float32)


def departures(looks: F64, yaw: NDArray[np.floating]) -> F64:
    """(n,) how far each frame's (n, 9, 3) spots are from the track's usual look, in ordinary spreads.

    The usual look of a skin spot is the median of the 70 % of frames on which it is most like the cheeks, so that a
    microphone held up for a third of the track does not become usual. Spots on the far side of a turned head see past
    the face and do not count.
    """
    likeness = np.sqrt(((looks / _SPREAD) ** 2).mean(axis=2))
    skin = len(_SKIN_SPOTS)
    strange = np.empty(looks.shape)
    for spot in range(looks.shape[1]):
        values = looks[:, spot]
        alike = likeness[:, spot] <= np.quantile(likeness[:, spot], _USUAL_SHARE)
        usual = np.median(values[alike] if spot < skin else values, axis=0)
        own = 1.5 * 1.4826 * np.median(np.abs(values - usual), axis=0)
        strange[:, spot] = (values - usual) / np.clip(own, _SPREAD[spot], _MOST_SPREAD * _SPREAD[spot])
    # What all spots do together is light, as when the head nods under a lamp; what hides a mouth has an edge.
    strange -= _COMMON * np.clip(np.median(strange[:, :skin], axis=1, keepdims=True), -1.0, 1.0)
    distance = np.sqrt((strange**2).mean(axis=2))
    for spot, side in enumerate(_SIDES):
        if side != "both":
            far = yaw > _FAR_SIDE_YAW if side == "right" else yaw < -_FAR_SIDE_YAW
            distance[far, spot] = 0.0
    return np.asarray(np.sort(distance, axis=1)[:, -3:].mean(axis=1), dtype=np.float64)
