"""What is known of a face: learnt once, and used for every clip that it speaks in.

A film that is dubbed line by line asks for the same face hundreds of times. Its head space, the subject's range and
the pictures of its mouth do not depend on what is said; kept between clips, they are looked at once. Only those
pictures are kept that the face's last clip chose among, and only as many faces as their pictures fit into the room of
one clip: two who talk to each other are both remembered.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lipwright.engines.base import EngineJob
from lipwright.engines.exemplar.gather import MEMORY, Exemplar
from lipwright.engines.exemplar.interior import MouthColours, Palette, colours_of, palette
from lipwright.engines.exemplar.kept import gathered
from lipwright.engines.exemplar.shape import HeadSpace, head_space
from lipwright.engines.exemplar.subject import Subject
from lipwright.faces.track import FaceTrack


class KnownFaces:
    """The faces that were met last."""

    def __init__(self) -> None:
        self._faces: list[KnownFace] = []

    def of(self, track: FaceTrack) -> KnownFace:
        """The face of a track (at least one row), met now or known already."""
        face = next((one for one in self._faces if one.is_of(track)), None)
        if face is None:
            face = KnownFace(track)
        else:
            self._faces.remove(face)
        self._faces.append(face)
        return face

    def forget(self) -> None:
        """Forget those who were met longest ago, as far as the room of one clip's pictures is exceeded."""
        while len(self._faces) > 1 and sum(face.nbytes for face in self._faces) > MEMORY:
            del self._faces[0]


class KnownFace:
    """A face and what was found out about it.

    Attributes:
        space: the shapes of its track in head space.
    """

    def __init__(self, track: FaceTrack) -> None:
        """Meet the face of `track`, which has rows."""
        self._track = track
        self.space: HeadSpace = head_space(track)
        self._subject: Subject | None = None
        self._exemplars: dict[int, Exemplar | None] = {}
        self._colours: dict[int, MouthColours] = {}

    @property
    def nbytes(self) -> int:
        """What the pictures of its mouth take."""
        return sum(exemplar.picture.nbytes for exemplar in self._exemplars.values() if exemplar is not None)

    def is_of(self, track: FaceTrack) -> bool:
        """Whether it is the face of that very track."""
        return self._track is track

    def subject(self, learn: Callable[[], Subject]) -> Subject:
        """The subject's range; `learn` finds it out the first time."""
        if self._subject is None:
            self._subject = learn()
        return self._subject

    def exemplars(self, rows: NDArray[np.int64], job: EngineJob) -> list[Exemplar]:
        """The exemplars of `rows`, in order; only those that are not at hand are looked for in the source."""
        new = [int(row) for row in rows if int(row) not in self._exemplars]
        found = {exemplar.row: exemplar for exemplar in gathered(np.array(new, np.int64), job, self.space)}
        self._exemplars = {row: self._exemplars.get(row, found.get(row)) for row in map(int, rows)}
        return [exemplar for exemplar in self._exemplars.values() if exemplar is not None]

    def palette(self, exemplars: list[Exemplar]) -> Palette:
        """The colours of the face's mouth; those of an exemplar that was met before are not looked for again."""

        def known(exemplar: Exemplar) -> MouthColours:
            if exemplar.row not in self._colours:
                self._colours[exemplar.row] = colours_of(exemplar)
            return self._colours[exemplar.row]

        return palette(exemplars, known)
