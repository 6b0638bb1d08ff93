"""The output's sound track with the source's own AAC packets wherever the sound is untouched.

Only what is not the original any more is encoded, and a little around it. A run of encoded packets begins some packets
early, so that the encoder has settled and so that there is a choice of places: it takes over at the last packet before
the edit whose window fits (see `media.aac`), and hands back at the first after it that does. Everything outside keeps
its bytes and its place, and costs next to nothing.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

import numpy as np
from av.packet import Packet

from lipwright.errors import MediaError
from lipwright.media.aac import FRAME, AacEncoder, Coded, Window, fits, window_from
from lipwright.media.audio import Samples
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.info import MediaInfo
from lipwright.media.mix import SoundMix
from lipwright.media.mp4 import Mp4File, SoundTrack
from lipwright.media.sound_index import SoundIndex, Unplaced, index_sound, only
from lipwright.media.splice_plan import SplicePlan, Stretch, plan_of, refusal
from lipwright.media.timing import audio_at, packets_of

_SETTLE = 8  # packets of a fresh encoder that are thrown away
_CHOICE = 6  # places to take over at that fit as far as the source goes, before ours are known
_SEARCH = 48  # packets among which they are looked for, about a second
_BLOCK = 16  # packets written at once without choice

_Written = tuple[int, bytes, bool]  # number on the output's grid, payload, copied


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
        self.copied_seconds = self.encoded_seconds = Fraction(0)
        self.reason: str | None = None
        self._written = 0  # samples of output, where nothing is copied
        self._splice: Iterator[_Written] | None = None
        self._stack = ExitStack()
        if copy and source is not None and source[1].audio is not None:
            self._plan(source[0], source[1], limits)

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
        self.close()

    def close(self) -> None:
        """Close the source; harmless after `finish`."""
        self._splice = None
        self._stack.close()

    def _encode(self, samples: Samples) -> None:
        self._track.add(samples)
        self.encoded_seconds += Fraction(len(samples), self._mix.target.rate)

    def _plan(self, path: str | os.PathLike[str], info: MediaInfo, limits: Limits | None) -> None:
        audio, target = info.audio, self._mix.target
        assert audio is not None
        ranges = self._mix.untouched()
        if not ranges:
            return
        with open_media(path, AS_VIDEO, limits) as container:
            context = audio_at(container, audio.index).codec_context
            self.reason = refusal(audio, context.extradata or b"", context.profile, target)
        if self.reason is not None:
            return
        try:
            index = index_sound(path, audio.index, AS_VIDEO, limits)
        except Unplaced as error:
            self.reason = f"The video's sound is encoded anew, because {error}."
            return
        plan = plan_of(ranges, self._mix.total, index, target.rate)
        self.reason = plan.reason
        if plan.stretches:
            packets = _Originals(path, index, limits)
            self._stack.callback(packets.close)
            self._at = plan.start
            self._whole = plan
            self._splice = _Splicer(plan, self._mix, index, packets).written()

    def _next(self) -> bool:
        """Write one packet; False if there is none left."""
        assert self._splice is not None
        item = next(self._splice, None)
        if item is None:
            return False
        number, payload, copied = item
        pts = self._whole.pts(number)
        stop = min(pts + FRAME, self._mix.total)
        self._track.put(payload, pts, stop - pts)
        heard = Fraction(max(0, stop - max(0, pts)), self._mix.target.rate)
        if copied:
            self.copied_seconds += heard
        else:
            self.encoded_seconds += heard
        self._at = stop
        return True


class _Originals:
    """The payloads of the source's packets by number; forward, or from the beginning again."""

    def __init__(self, path: str | os.PathLike[str], index: SoundIndex, limits: Limits | None) -> None:
        self._path, self._index, self._limits = path, index, limits
        self._stack = ExitStack()
        self._packets: Iterator[Packet] | None = None  # type: ignore[type-arg]
        self._number = 0

    def payload(self, number: int) -> bytes:
        """Packet `number`, as it is."""
        if self._packets is None or number < self._number:
            self.close()
            container = self._stack.enter_context(open_media(self._path, AS_VIDEO, self._limits))
            self._packets = packets_of(container, only(container, self._index.stream))
            self._number = 0
        for packet in self._packets:
            if packet.size:
                self._number += 1
                if self._number > number:
                    if packet.pts != self._index.pts[number]:
                        break
                    return bytes(packet)
        raise MediaError("The video changed while it was read.")

    def close(self) -> None:
        self._stack.close()
        self._packets = None


class _Splicer:
    """All packets of the output in order."""

    def __init__(self, plan: SplicePlan, mix: SoundMix, index: SoundIndex, originals: _Originals) -> None:
        self._plan, self._mix, self._index, self._originals = plan, mix, index, originals
        self._sound = _Sound(mix)

    def written(self) -> Iterator[_Written]:
        """Number, payload and origin of every packet of the output."""
        count = self._plan.count
        rest = deque(self._plan.stretches)
        at = 0
        stretch = rest.popleft() if rest[0].first == 0 else None
        while at < count:
            run = deque[Coded]()
            encoder = None
            if stretch is None:
                encoder = _Encoder(self._plan, self._mix, self._sound, 0)
            elif stretch.stop < count:
                earliest = self._earliest(stretch, at)
                yield from self._copied(stretch, at, earliest)
                encoder, run, place = self._taken_over(stretch, earliest)
                yield from self._copied(stretch, earliest, place)
                at = place
            else:
                yield from self._copied(stretch, at, count)
                return
            # Encode until a stretch is met that fits.
            stretch = None
            while at < count and stretch is None:
                coded = run.popleft() if run else encoder.next()
                yield at, coded.payload, False
                at += 1
                while rest and at > rest[0].stop - SHORT_ENOUGH:
                    rest.popleft()
                if rest and at >= rest[0].first and self._fits_back(rest[0], coded, at):
                    stretch = rest.popleft()

    def _copied(self, stretch: Stretch, first: int, stop: int) -> Iterator[_Written]:
        for number in range(first, stop):
            yield number, self._originals.payload(number + stretch.offset), True

    def _window(self, stretch: Stretch, number: int) -> Window | None:
        """The window of the source's packet at `number`; there may be one outside the stretch."""
        source = number + stretch.offset
        return window_from(self._index.windows[source]) if 0 <= source < len(self._index.windows) else None

    def _earliest(self, stretch: Stretch, at: int) -> int:
        """The first packet from which on a place is looked for to take over; the last is the end of the stretch."""
        found, number = 0, stretch.stop
        while number > at + 1 and found < _CHOICE and (found == 0 or stretch.stop - number < _SEARCH):
            before, after = self._window(stretch, number - 1), self._window(stretch, number)
            found += before is not None and after is not None and not before.right_short and not after.left_short
            number -= found < _CHOICE
        return number

    def _taken_over(self, stretch: Stretch, earliest: int) -> tuple[_Encoder, deque[Coded], int]:
        """An encoder that takes over near the end of `stretch`, its first packets, and where they take over."""
        first = max(0, earliest - 1 - _SETTLE)
        encoder = _Encoder(self._plan, self._mix, self._sound, first)
        coded = [encoder.next() for _ in range(first, stretch.stop + 1)]
        for place in range(stretch.stop, earliest - 1, -1):
            own, new = coded[place - first - 1], coded[place - first]
            if fits(self._window(stretch, place - 1), own.window, new.window):
                return encoder, deque(coded[place - first :]), place
        return encoder, deque(coded[stretch.stop - first :]), stretch.stop

    def _fits_back(self, stretch: Stretch, before: Coded, number: int) -> bool:
        return fits(before.window, self._window(stretch, number - 1), self._window(stretch, number))


SHORT_ENOUGH = 8


class _Encoder:
    """A fresh encoder whose first packet is number `first` of the output."""

    def __init__(self, plan: SplicePlan, mix: SoundMix, sound: _Sound, first: int) -> None:
        self._plan, self._sound, self._total = plan, sound, mix.total
        self._encoder = AacEncoder(mix.target)
        self._frame = first + 1
        self._ready = deque[Coded]()
        self._ended = False

    def next(self) -> Coded:
        """The next packet."""
        while not self._ready:
            start = self._plan.pts(self._frame)
            stop = min(start + FRAME, self._total)
            if stop > start:
                self._ready += self._encoder.add(self._sound.read(start, stop))
                self._frame += 1
            else:
                self._ready += self._encoder.finish()
        return self._ready.popleft()


class _Sound:
    """The mix's samples, of which the last few seconds can be had again."""

    def __init__(self, mix: SoundMix) -> None:
        self._mix = mix
        self._held: deque[tuple[int, Samples]] = deque()
        self._keep = 2 * (_SEARCH + _SETTLE) * FRAME

    def read(self, start: int, stop: int) -> Samples:
        """Samples [start, stop) as (n, channels) float32; zeros before the first."""
        out = np.zeros((stop - start, self._mix.target.channels), np.float32)
        if start > self._mix.at:
            self._mix.skip_to(start)
            self._held.clear()
        if stop > self._mix.at:
            at = self._mix.at
            self._held.append((at, self._mix.up_to(Fraction(stop, self._mix.target.rate))))
            while self._held[0][0] + len(self._held[0][1]) < stop - self._keep:
                self._held.popleft()
        for at, samples in self._held:
            first, last = max(start, at), min(stop, at + len(samples))
            if first < last:
                out[first - start : last - start] = samples[first - at : last - at]
        return out
