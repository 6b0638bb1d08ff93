"""Rendering what lies between copied stretches, a part at a time.

The pipeline of the render loop starts anew for every part; engines, readers and meters go on through all of them. Where
an edited frame meets a copied one, that frame is decoded too, only to be looked at: the jump between the two mouths is
measured as if all of the output had been rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lipwright.generation.memory import steady
from lipwright.generation.mouths import Mouths
from lipwright.generation.render import PHASE, Rendered, render
from lipwright.generation.stopwatch import Stopwatch
from lipwright.generation.stretches import Stretch, Stretches
from lipwright.media.reader import FrameReader
from lipwright.progress import Progress, ProgressEvent
from lipwright.quality.measure import FrameMeter
from lipwright.quality.readings import FrameReading
from lipwright.quality.views import PictureView, changes_between
from lipwright.timeline.edl import EditDecisionList, OutputFrame


@dataclass(slots=True)
class PartRenderer:
    """Renders parts of one output in order.

    Attributes:
        keep: takes the reading of every frame that was looked at.
        take: takes every finished frame.
        total: how many frames it will be in all, for the progress.
        large: pictures are so large that memory is short.
    """

    edl: EditDecisionList
    reader: FrameReader
    mouths: Mouths
    meter: FrameMeter
    keep: Callable[[FrameReading], None]
    take: Callable[[Rendered], None]
    progress: Progress
    watch: Stopwatch
    total: int
    large: bool = False
    done: int = 0

    def render(self, runs: Sequence[Stretch], stretches: Stretches) -> None:
        """Render `runs`, which follow each other, of `stretches`."""
        first, stop = runs[0].first, runs[-1].stop
        if not self.done:
            steady(lean=self.large)
        if stretches.is_copied(first - 1):
            self.meter.last = self._look_at(first - 1, beside=first)
        render(
            self.edl,
            (first, stop),
            self.reader,
            self.mouths,
            self.meter,
            self.take,
            self._onward(),
            self.watch,
            large=self.large,
        )
        self.done += stop - first
        if stretches.is_copied(stop):
            now, before = self._look_at(stop, beside=stop - 1), self.meter.last
            changes = changes_between(before, now) if before is not None and now is not None else ()
            if changes:
                self.keep(FrameReading(stop, damaged=False, differing=0, changes=changes, copied=True))

    def _look_at(self, index: int, beside: int) -> PictureView | None:
        """The view of a copied frame; None if nothing is asked of the frame `beside` it, so that nobody needs it."""
        if not self.edl.clips[self._frame(beside).clip].lips:
            return None
        luma = self.reader.at(self._frame(index).source).picture.planes[0]
        return PictureView(frozenset(), {}, luma, luma)

    def _frame(self, index: int) -> OutputFrame:
        return next(self.edl.output_frames(index, index + 1))

    def _onward(self) -> Progress:
        """The progress of one part as that of the whole."""
        listener, before, total = self.progress.listener, self.done, self.total
        if listener is None:
            return self.progress

        def tell(event: ProgressEvent) -> None:
            if event.phase == PHASE:
                event = replace(event, done=before + event.done, total=total)
            listener(event)

        return Progress(tell, self.progress.token)
