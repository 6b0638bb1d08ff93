"""The output's sound track with the source's own AAC packets wherever the sound is untouched.

Only what is not the original any more is encoded, and a little around it (`media.splice`). Everything else keeps its
bytes and its place, does not lose by being encoded again, and costs next to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

from lipwright.media.aac import FRAME
from lipwright.media.audio import Samples
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.info import MediaInfo
from lipwright.media.mix import SoundMix
from lipwright.media.mp4 import Mp4File, SoundTrack
from lipwright.media.sound_index import Unplaced, index_sound
from lipwright.media.splice import Originals, Spliced, Splicer
from lipwright.media.splice_plan import mismatch, plan_of, refusal
from lipwright.media.timing import audio_at


class SplicedSound:
    """The sound of an output, copied where it can be and encoded elsewhere, as an AAC stream of an `Mp4File`.

    Attributes:
        copied_seconds, encoded_seconds: of the output so far; together they are the whole once it is finished.
        reason: a plain sentence on why not all that is untouched is copied although it should be, or None.
    """

    def __init__(
        self,
        file: Mp4File,
        mix: SoundMix,
        source: tuple[str | os.PathLike[str], MediaInfo] | None,
        *,
        copy: bool = True,
        limits: Limits | None = None,
    ) -> None:
        """Add the stream to `file`, to which that of the pictures was added.

        Args:
            file: the output.
            mix: its sound; taken from here only.
            source: path and description of the file that the mix calls the original.
            copy: False encodes everything.
            limits: for opening the source.

        Raises:
            VideoInaccessible, MediaError: the source cannot be read (any more).
        """
        self._mix = mix
        self._track = SoundTrack(file, mix.target)
        self._copied = self._encoded = 0  # samples of output
        self.reason: str | None = None
        self._splice: Iterator[Spliced] | None = None
        self._stack = ExitStack()
        if copy and source is not None and source[1].audio is not None:
            self._plan(source[0], source[1], limits)

    @property
    def copied_seconds(self) -> Fraction:
        return Fraction(self._copied, self._mix.target.rate)

    @property
    def encoded_seconds(self) -> Fraction:
        return Fraction(self._encoded, self._mix.target.rate)

    def up_to(self, time: Fraction) -> None:
        """Write the sound up to output second `time`, or somewhat further."""
        if self._splice is None:
            self._encode(self._mix.up_to(time))
            return
        until = time * self._mix.target.rate
        while self._at < until and self._next():
            pass

    def finish(self) -> None:
        """Write what is left."""
        if self._splice is None:
            for block in self._mix.blocks():
                self._encode(block)
            self._track.finish()
            return
        while self._next():
            pass
        self.reason = self.reason or self._troubles()
        self.close()

    def close(self) -> None:
        """Close the source, which `finish` does too; for outputs that are given up."""
        self._stack.close()

    def _troubles(self) -> str | None:
        """What went less well than was planned."""
        rate = self._mix.target.rate
        if self._splicer.forced:
            times = ", ".join(f"{self._whole.pts(number) / rate:.2f}" for number in self._splicer.forced)
            return f"No good place was found to join copied and encoded sound near {times} s."
        if self._splicer.missed:
            seconds = self._splicer.missed * FRAME / rate
            return f"{seconds:.1f} s of untouched sound are encoded anew, because no place was found to join them."
        return None

    def _encode(self, samples: Samples) -> None:
        self._track.add(samples)
        self._encoded += len(samples)

    def _plan(self, path: str | os.PathLike[str], info: MediaInfo, limits: Limits | None) -> None:
        audio, target = info.audio, self._mix.target
        assert audio is not None
        ranges = self._mix.untouched()
        if not ranges:
            return
        with open_media(path, AS_VIDEO, limits) as container:
            context = audio_at(container, audio.index).codec_context
            self.reason = refusal(audio, context.profile, target)
        if self.reason is not None:
            return
        try:
            index = index_sound(path, audio.index, AS_VIDEO, limits)
        except Unplaced as error:
            self.reason = f"The video's sound is encoded anew, because {error}."
            return
        self._mix.enter_by(index)
        self.reason = mismatch(index.config, audio)
        if self.reason is not None:
            return
        plan = plan_of(ranges, self._mix.total, index, target.rate)
        self.reason = plan.reason
        if plan.stretches:
            packets = Originals(path, index, limits)
            self._stack.callback(packets.close)
            self._at = plan.start
            self._whole = plan
            self._splicer = splicer = Splicer(plan, self._mix, index, packets)
            self._splice = splicer.packets()

    def _next(self) -> bool:
        """Write one packet; False if there is none left."""
        assert self._splice is not None
        packet = next(self._splice, None)
        if packet is None:
            return False
        pts = self._whole.pts(packet.number)
        stop = min(pts + FRAME, self._mix.total)
        self._track.put(packet.payload, pts, stop - pts)
        heard = max(0, stop - max(0, pts))
        if packet.copied:
            self._copied += heard
        else:
            self._encoded += heard
        self._at = stop
        return True
