"""Finding faces: BlazeFace full-range on the whole picture and on overlapping square tiles.

The net looks at 192 x 192 pixels, so on a whole HD frame faces under about 60 px go unseen; square tiles of the frame
bring small faces into its reach, and the whole-frame look keeps faces larger than a tile. Boxes of one face from
several looks are merged by a score-weighted mean, the way the model's own authors merge anchors.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces.litert import Network, sigmoid
from lipwright.faces.roi import SCALE, overlap
from lipwright.faces.source import U8, Pixels

F64 = NDArray[np.float64]

DETECTOR = "face_detection_full_range.tflite"
_VALUES = 16
_WORKING_TILE = 384
_MAX_TILES = 12


@dataclass(frozen=True, slots=True)
class Detection:
    """One face found.

    Attributes:
        box: (4,) x0, y0, x1, y1 in display pixels.
        keypoints: (6, 2) right eye, left eye (of the person), nose tip, mouth, right ear, left ear, display pixels.
        score: 0..1.
    """

    box: F64
    keypoints: F64
    score: float

    def region(self) -> F64:
        """(4,) the region to look for the mesh in, turned by the eyes."""
        across = self.keypoints[1] - self.keypoints[0]
        size = self.box[2:] - self.box[:2]
        centre = (self.box[:2] + self.box[2:]) / 2
        return np.array([centre[0], centre[1], size.max() * SCALE, np.arctan2(across[1], across[0])])


class FaceDetector:
    """BlazeFace full-range; one per thread."""

    def __init__(self, *, threshold: float = 0.5, min_size: float = 20.0, tile: int = 720) -> None:
        """Faces scoring under `threshold` or with a box under `min_size` px are not reported; `tile` px is the tile's
        side on pictures up to 1080p (larger pictures get larger tiles, so that their number stays bounded)."""
        self._net = Network(DETECTOR)
        self._size = self._net.input_shape[1]
        cells = np.arange(48, dtype=np.float64) + 0.5
        grid = np.stack(np.meshgrid(cells / 48, cells / 48), axis=-1)
        self._anchors: F64 = grid.reshape(-1, 2)
        self._threshold = threshold
        self._min_size = min_size
        self._tile = tile

    def detect(self, picture: Pixels, *, tiled: bool = True) -> list[Detection]:
        """The faces on `picture`, best first. `tiled=False` looks at the whole picture only (a third of the cost)."""
        whole = (0, 0, picture.width, picture.height)
        tiles = self._tiles(picture.width, picture.height) if tiled else []
        longest = max(picture.width, picture.height)
        reach = longest if not tiles else tiles[0][2] - tiles[0][0]
        scale = min(1.0, _WORKING_TILE / reach)
        rgb = picture.to_rgb(None, scale)
        step = np.array([picture.width / rgb.shape[1], picture.height / rgb.shape[0]])
        found = [self._look(rgb)]
        for x0, y0, x1, y1 in tiles:
            a, b = int(x0 / step[0]), int(y0 / step[1])
            part = self._look(rgb[b : round(y1 / step[1]), a : round(x1 / step[0])])
            part[:, :-1] += np.tile([a, b], _VALUES // 2)
            # A box cut by an inner edge of its tile is left to the neighbour or to the whole picture.
            inner = _clear_of_edges(part[:, :4], (a, b, round(x1 / step[0]), round(y1 / step[1])), rgb.shape)
            found.append(part[inner])
        raw = np.concatenate(found)
        raw[:, :-1] *= np.tile(step, _VALUES // 2)
        merged = merge(raw)
        sizes = merged[:, 2:4] - merged[:, :2]
        low = np.minimum(merged[:, :2] + sizes / 2, whole[2:])
        keep = (sizes.max(axis=1) >= self._min_size) & (low >= 0).all(axis=1)
        return [Detection(m[:4], m[4:16].reshape(6, 2), float(m[16])) for m in merged[keep]]

    def _tiles(self, width: int, height: int) -> list[tuple[int, int, int, int]]:
        """Overlapping squares (half overlap at most) that cover the picture; none if one would do."""
        side = self._tile
        while True:
            side = min(side, width, height)
            columns, rows = (_starts(n, side) for n in (width, height))
            if len(columns) * len(rows) <= _MAX_TILES or side == min(width, height):
                break
            side = side * 5 // 4
        if len(columns) * len(rows) == 1 and side >= 0.9 * max(width, height):
            return []
        return [(x, y, x + side, y + side) for y in rows for x in columns]

    def _look(self, rgb: U8) -> F64:
        """(n, 17) box, keypoints (pixels of `rgb`) and score of everything over the threshold, not merged."""
        height, width = rgb.shape[:2]
        k = self._size / max(height, width)
        w, h = max(1, round(width * k)), max(1, round(height * k))
        x0, y0 = (self._size - w) // 2, (self._size - h) // 2
        square = np.zeros((1, self._size, self._size, 3), np.float32)
        small = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR)
        square[0, y0 : y0 + h, x0 : x0 + w] = small
        square = square * np.float32(1 / 127.5) - np.float32(1)
        outputs = self._net(square)
        cells = len(self._anchors)
        scores = sigmoid(outputs[cells].reshape(-1))
        chosen = scores > self._threshold
        values = outputs[cells * _VALUES].reshape(cells, _VALUES)[chosen].astype(np.float64) / self._size
        anchors = self._anchors[chosen]
        centre, half = values[:, :2] + anchors, values[:, 2:4] / 2
        points = (values[:, 4:].reshape(-1, 6, 2) + anchors[:, None]).reshape(-1, 12)
        everything = np.concatenate([centre - half, centre + half, points], axis=1)
        placed = (everything.reshape(-1, 8, 2) * self._size - [x0, y0]) * [width / w, height / h]
        return np.concatenate([placed.reshape(-1, _VALUES), scores[chosen, None]], axis=1)


def merge(raw: F64, *, shared: float = 0.3) -> F64:
    """Weighted non-maximum suppression: (n, 17) to (k, 17), best first.

    Boxes overlapping the best remaining one by more than `shared` become one, the mean weighted by score; a box mostly
    inside another (a face seen whole and cut) counts as overlapping too.
    """
    kept = []
    rest = raw[np.argsort(-raw[:, 16], kind="stable")]
    while len(rest):
        best = rest[0]
        same = overlap(rest[:, :4], best[None, :4])[:, 0] > shared
        same |= _inside(rest[:, :4], best[:4]) > 0.7
        group = rest[same]
        # Only boxes that agree closely are averaged; the others are the same face seen less well.
        close = overlap(group[:, :4], best[None, :4])[:, 0] > shared
        weights = group[close, 16:]
        mean = (group[close, :16] * weights).sum(axis=0) / weights.sum()
        kept.append(np.append(mean, best[16]))
        rest = rest[~same]
    return np.array(kept, dtype=np.float64).reshape(-1, 17)


def _inside(boxes: F64, other: F64) -> F64:
    """(n,) share of the smaller of each pair that lies in the other."""
    low, high = np.maximum(boxes[:, :2], other[:2]), np.minimum(boxes[:, 2:], other[2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=1)
    own = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None).prod(axis=1)
    return np.asarray(shared / np.maximum(np.minimum(own, (other[2:] - other[:2]).prod()), 1e-9), dtype=np.float64)


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of `side` start so that neighbours overlap by at least 30 %."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (0.7 * side))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _clear_of_edges(boxes: F64, tile: tuple[int, int, int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which boxes do not touch an edge of the tile that is not also an edge of the picture."""
    slack = 2.0
    left = (boxes[:, 0] > tile[0] + slack) | (tile[0] == 0)
    top = (boxes[:, 1] > tile[1] + slack) | (tile[1] == 0)
    right = (boxes[:, 2] < tile[2] - slack) | (tile[2] >= shape[1])
    bottom = (boxes[:, 3] < tile[3] - slack) | (tile[3] >= shape[0])
    return np.asarray(left & top & right & bottom, dtype=np.bool_)
