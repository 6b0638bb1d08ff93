"""Pictures as PNG files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.errors import OutputError
from lipwright.media.atomic import PendingFile


def write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a (h, w, 3) uint8 RGB picture as PNG, whole or not at all.

    Raises:
        OutputError: it cannot be written there.
    """
    done, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise OutputError(f"The picture {path.name!r} could not be made.")
    with PendingFile(path) as file:
        file.write(data.tobytes())
        file.commit()
