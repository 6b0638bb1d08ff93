"""The landmarks the exemplar engine works with, as rows of one compact array.

Of the 478 points of the face mesh the engine needs those that move with speech (lips, jaw, lower cheeks), those that
hold the picture still around them (nose, upper cheeks, sides) and those that give the head's pose. Everything else is
dropped at once, so that the shapes of an hour of video stay small. `MOUTH` lists mesh indices; the other names are
positions inside `MOUTH`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
# Two rings of skin around the lips, then the chin.
_AROUND = (57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287, 410, 322, 391, 393, 164, 167, 165, 92, 186)
_CHIN = (202, 204, 194, 201, 200, 421, 418, 424, 422, 211, 32, 208, 199, 428, 262, 431)
_JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
_CHEEK = (214, 434, 192, 416, 207, 427, 187, 411, 205, 425)
_FIXED = (2, 98, 327, 94, 64, 294, 5, 50, 280, 123, 352, 36, 266, 129, 358, 93, 323, 234, 454)
# Points that hardly move with speech: brow, forehead, temples, eye corners, nose bridge.
_STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 8, 9, 151, 127, 356, 10, 109, 338, 67, 297, 54, 284, 103, 332, 70, 300)

MOUTH: NDArray[np.intp] = np.array(list(dict.fromkeys(_OUTER + _INNER + _AROUND + _CHIN + _JAW + _CHEEK + _FIXED)))
STABLE: NDArray[np.intp] = np.array(_STABLE)
_AT = {int(point): row for row, point in enumerate(MOUTH)}


def _rows(points: tuple[int, ...]) -> NDArray[np.intp]:
    return np.array([_AT[p] for p in points])


OUTER, INNER = _rows(_OUTER), _rows(_INNER)
LIPS = np.concatenate([OUTER, INNER])
AROUND, CHIN, JAW, CHEEK, FIXED = _rows(_AROUND), _rows(_CHIN), _rows(_JAW), _rows(_CHEEK), _rows(_FIXED)
INNER_LOWER = _rows((95, 88, 178, 87, 14, 317, 402, 318, 324))
INNER_UPPER = _rows((191, 80, 81, 82, 13, 312, 311, 310, 415))
OUTER_LOWER = _rows((146, 91, 181, 84, 17, 314, 405, 321, 375))
OUTER_UPPER = _rows((185, 40, 39, 37, 0, 267, 269, 270, 409))
LEFT_CORNER, RIGHT_CORNER = _AT[61], _AT[291]
UPPER_MID, LOWER_MID = _AT[13], _AT[14]
CHIN_TIP, NOSE_BASE = _AT[152], _AT[2]
EYE_CORNERS = (33, 263)
BRIDGE, FOREHEAD, CHIN_MESH = 168, 10, 152
