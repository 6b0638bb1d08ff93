"""What one subject's mouth looks like at rest, how far it opens and how its shape follows opening and width.

A shape is predicted as rest + rig + correction, where the correction is a ridge regression of what the subject's own
frames show beyond the rig. With much speech in the source the subject's own way of moving wins; with none the rig is
left alone. Ranges are percentiles of the subject's own frames, held to what human mouths do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.exemplar import points as P
from lipwright.engines.exemplar.rig import directions
from lipwright.engines.exemplar.shape import gap, width

F64 = NDArray[np.float64]

# Openings and widths in eye distances (outer corner to outer corner), from talking faces.
_TALKING_GAP = (0.12, 0.20)
_FULL_GAP = 0.14
_RIDGE = 0.02
# Frames to learn from; more of them, evenly spread, teach nothing new and cost memory in proportion.
_ENOUGH = 1500


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject's mouth.

    Attributes:
        rest: (m, 3) closed, relaxed shape in head space.
        rest_width: its width.
        full_gap: the opening of this subject's open vowels.
        width_reach: how much narrower (rounded) and wider (spread) than at rest the mouth gets, both positive.
        opening, widening: (m, 3) displacement per unit gap and width.
        correction: (4, m, 3) what the subject does beyond that, over (gap, gap^2, dw, gap*dw).
        width_slope: how much the width changes with opening, by itself.
        talks: whether the source shows the mouth opening enough to learn an inside from.
    """

    rest: F64
    rest_width: float
    full_gap: float
    width_reach: tuple[float, float]
    opening: F64
    widening: F64
    correction: F64
    width_slope: float
    talks: bool

    def shapes(self, gaps: F64, widths: F64) -> F64:
        """(t, m, 3) shapes whose lips are exactly `gaps` apart and `widths` wide (each (t,), eye distances)."""
        dw = widths - self.rest_width
        found = self._predict(gaps, dw)
        # The regression is near, not exact: put the lips where they must be with the rig.
        for _ in range(2):
            off_gap = gaps - signed_gap(found)
            off_width = widths - width(found)
            found = found + off_gap[:, None, None] * self.opening + off_width[:, None, None] * self.widening
        return found

    def _predict(self, gaps: F64, dw: F64) -> F64:
        linear = gaps[:, None, None] * self.opening + dw[:, None, None] * self.widening
        return np.asarray(self.rest + linear + np.einsum("tk,kmc->tmc", _features(gaps, dw), self.correction))


def signed_gap(shapes: F64) -> F64:
    """(t,) opening, negative when the inner lips have crossed."""
    return np.asarray(shapes[..., P.LOWER_MID, 1] - shapes[..., P.UPPER_MID, 1])


def learn_subject(shapes: NDArray[np.floating], weight: F64) -> Subject:
    """Learn a subject from (n, m, 3) head-space `shapes`, each counting (n,) `weight` (0 leaves it out)."""
    rows = np.flatnonzero(weight > 0) if (weight > 0).any() else np.arange(len(shapes))
    used = np.asarray(shapes[rows[:: -(-len(rows) // _ENOUGH)]], np.float64)
    gaps, widths = gap(used), width(used)
    rest = _rest_shape(used, gaps, widths)
    opening, widening = directions(rest)
    rest = rest + _relaxing(float(gaps.min()), width(rest[None]).item()) * widening
    rest_width = width(rest[None]).item()
    # Close the lips of a subject who was never seen with closed ones.
    per_unit = float(opening[P.LOWER_MID, 1] - opening[P.UPPER_MID, 1])
    rest = rest - float(signed_gap(rest[None])[0]) / per_unit * opening
    seen = float(np.percentile(gaps, 97)) - float(np.percentile(gaps, 3))
    talks = len(used) >= 12 and seen > 0.05
    full = float(np.clip(np.percentile(gaps, 96), *_TALKING_GAP)) if talks else _FULL_GAP * _mouth_scale(rest_width)
    low, high = (float(q) for q in np.percentile(widths, [3, 97]))
    narrower = float(np.clip(rest_width - low, 0.05, 0.13)) if talks else 0.07 * _mouth_scale(rest_width)
    wider = float(np.clip(high - rest_width, 0.02, 0.08)) if talks else 0.035 * _mouth_scale(rest_width)
    correction = _ridge(used, gaps, widths - rest_width, rest, opening, widening)
    slope = _width_slope(gaps, widths) if talks else 0.0
    return Subject(rest, rest_width, full, (narrower, wider), opening, widening, correction, slope, talks)


def _relaxing(least_gap: float, rest_width: float) -> float:
    """The change of width that takes a smile back a little where nothing but a smile with teeth was ever seen."""
    return -0.07 * rest_width * float(np.clip((least_gap - 0.02) / 0.04, 0.0, 1.0))


def _width_slope(gaps: F64, widths: F64) -> float:
    """Change of width per change of gap over the subject's frames, held to what speech does."""
    spread = gaps - gaps.mean()
    return float(np.clip(spread @ (widths - widths.mean()) / max(float(spread @ spread), 1e-9), -0.35, 0.45))


def _mouth_scale(rest_width: float) -> float:
    return float(np.clip(rest_width / 0.57, 0.7, 1.4))


def _rest_shape(shapes: F64, gaps: F64, widths: F64) -> F64:
    """(m, 3) mean of the most closed tenth, those with a middling width first (not pursed, not smiling)."""
    count = max(min(len(shapes), 3), len(shapes) // 10)
    closed = np.argsort(gaps, kind="stable")[:count]
    middling = np.argsort(np.abs(widths[closed] - np.median(widths[closed])), kind="stable")[: max(1, (count + 1) // 2)]
    return np.asarray(shapes[closed[middling]].mean(axis=0))


def _features(gaps: F64, dw: F64) -> F64:
    return np.stack([gaps, gaps**2, dw, gaps * dw], axis=1)


def _ridge(shapes: F64, gaps: F64, dw: F64, rest: F64, opening: F64, widening: F64) -> F64:
    """(4, m, 3) ridge regression of the subject's shapes less rest and rig."""
    inside = (gaps < 0.45) & (np.abs(dw) < 0.3)
    if inside.sum() < 8:
        return np.zeros((4, *rest.shape))
    x = _features(gaps[inside], dw[inside])
    y = shapes[inside] - rest - gaps[inside][:, None, None] * opening - dw[inside][:, None, None] * widening
    count = len(y)
    gram = x.T @ x / count + _RIDGE * np.diag([0.02, 0.004, 0.02, 0.004])
    solved = np.linalg.solve(gram, x.T @ y.reshape(count, -1) / count)
    return np.asarray(solved.reshape(4, *rest.shape), np.float64)
