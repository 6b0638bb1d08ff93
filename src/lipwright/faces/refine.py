"""Second pass: the landmarks that count, from a region smoothed over time.

The mesh's points shift a little with the way its crop is framed, so a region that jitters makes lips that jitter. Here
each face is looked at again in a region smoothed over a few frames to both sides. Measured on a moving still (outer
lips, % of the face's width, frame to frame): 0.16 framed by the frame before, 0.11 smoothed; with the head at rest 0.11
and 0.02. Smoothing landmarks instead would drag them behind a moving head. Frames on which the face was lost for a
moment are filled in by interpolation, in crop coordinates, so that the head's own movement stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.faces import roi
from lipwright.faces.mesh import Blendshapes, FaceMesh
from lipwright.faces.occlusion import mouth_features
from lipwright.faces.pose import head_pose
from lipwright.faces.roi import Patch
from lipwright.faces.rows import LOOK, ROW, RowFile, Rows
from lipwright.faces.track import quantise
from lipwright.faces.tracks import LiveTrack

F64 = NDArray[np.float64]

SIGMA = 2.5
LOOK_AHEAD = 6
"""Frames the second pass waits for: 2.4 sigma."""


@dataclass(frozen=True, slots=True)
class Look:
    """One second-pass look to take: `patch` is None where the face's place lies outside the picture."""

    frame: int
    region: F64
    patch: Patch | None


def due(track: LiveTrack) -> list[Look]:
    """Take the looks off `track` that are due: those whose neighbourhood is known, or all when it has ended."""
    until = track.seen + (1 if track.ended else -LOOK_AHEAD)
    looks: list[Look] = []
    while track.patches and track.patches[0][0] <= until:
        frame, patch = track.patches.pop(0)
        looks.append(Look(frame, smoothed(track, frame), patch))
    if track.ended:
        track.patches.clear()
    if looks:
        # Samples that no later look reaches back to are let go, but never the last two, which predict the next.
        floor = looks[-1].frame - 2 * LOOK_AHEAD
        drop = sum(1 for f in track.frames[:-4] if f < floor)
        del track.frames[:drop], track.regions[:drop]
    return looks


def smoothed(track: LiveTrack, frame: int) -> F64:
    """The track's region at `frame`, from its samples round it; across a gap the window widens to reach both sides."""
    frames = np.array(track.frames, np.int64)
    nearest = int(np.abs(frames - frame).min())
    sigma = max(SIGMA, nearest / 1.5)
    near = np.abs(frames - frame) <= 3 * sigma
    return roi.smooth(frames[near], np.stack(track.regions)[near], frame, sigma)


class Refiner:
    """Takes second-pass looks; one per thread."""

    def __init__(self, min_presence: float) -> None:
        self._mesh = FaceMesh()
        self._blendshapes = Blendshapes()
        self._min_presence = min_presence

    def take(self, look: Look) -> Rows:
        """The record of one look (0-d array of dtype `ROW`); `interpolated` is set if no face was seen."""
        row = np.zeros((), ROW)
        row["frame"] = look.frame
        row["crop"] = look.region
        result = None if look.patch is None else self._mesh(look.patch, look.region)
        if result is None or result.presence < self._min_presence:
            row["interpolated"] = True
            return row
        row["presence"] = result.presence
        row["landmarks"] = quantise(result.landmarks[None], row["crop"][None])[0]
        row["blendshapes"] = self._blendshapes(result.local)
        row["mouth"] = mouth_features(result.crop, result.local)
        row["look"] = cv2.resize(result.crop, (LOOK, LOOK), interpolation=cv2.INTER_AREA)
        _set_pose(row)
        return row


class RowSink:
    """Rows of one track on their way to its file: fills gaps between rows that saw the face."""

    def __init__(self, file: RowFile) -> None:
        self.file = file
        self._last: Rows | None = None
        self._missing: list[Rows] = []

    def add(self, row: Rows) -> None:
        """Take the next row in frame order; gaps at the start are dropped, later ones wait for their other side."""
        if row["interpolated"]:
            if self._last is not None:
                self._missing.append(row)
            return
        if self._last is not None:
            for missing in self._missing:
                self.file.add(between(self._last, row, missing))
        self._missing.clear()
        self.file.add(row)
        self._last = row

    def close(self) -> None:
        """The track is over; a gap at its end is dropped."""
        self._missing.clear()
        self.file.flush()


def between(before: Rows, after: Rows, at: Rows) -> Rows:
    """The row `at` (frame and crop set), interpolated from the seen rows on both sides of it."""
    t = float(at["frame"] - before["frame"]) / float(after["frame"] - before["frame"])
    row = at.copy()
    for name in ("presence", "blendshapes", "mouth"):
        row[name] = before[name] * (1 - t) + after[name] * t
    mixed = before["landmarks"].astype(np.float32) * (1 - t) + after["landmarks"].astype(np.float32) * t
    row["landmarks"] = np.round(mixed).astype(np.int16)
    row["look"] = before["look"]
    row["interpolated"] = True
    _set_pose(row)
    return row


def _set_pose(row: Rows) -> None:
    """Fill in the head pose from the row's landmarks and crop."""
    local = row["landmarks"].astype(np.float64) * (float(row["crop"][2]) / 32767.0)
    roll = float(row["crop"][3])
    cos, sin = np.cos(roll), np.sin(roll)
    turned = local.copy()
    turned[:, 0] = cos * local[:, 0] - sin * local[:, 1]
    turned[:, 1] = sin * local[:, 0] + cos * local[:, 1]
    pose = head_pose(turned)
    row["rotation"] = pose.rotation
    row["angles"] = (pose.yaw, pose.pitch, pose.roll)
