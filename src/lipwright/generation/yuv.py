"""Drawn pictures as pictures of video: RGB to BT.709, limited range, 4:2:0."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.media.picture import Picture
from lipwright.media.pixels import LAYOUTS

DRAWN = LAYOUTS["yuv420p"]
"""The layout of drawn pictures."""


def yuv_picture(rgb: NDArray[np.uint8]) -> Picture:
    """(h, w, 3) uint8 RGB as a picture; odd sides are made even by repeating the edge."""
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    red, green, blue = (rgb[..., channel].astype(np.float32) for channel in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    planes = (
        16.0 + luma * (219.0 / 255.0),
        _quarter(128.0 + (blue - luma) * (224.0 / 255.0 / 1.8556)),
        _quarter(128.0 + (red - luma) * (224.0 / 255.0 / 1.5748)),
    )
    y, u, v = (np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in planes)
    return Picture((y, u, v), DRAWN, "bt709")


def _quarter(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every 2 x 2 block as its mean."""
    return np.asarray(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
