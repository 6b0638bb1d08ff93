"""The packets of a sound track of which some are the source's and the others encoded anew, joined where they fit.

A run of new packets comes from a fresh encoder that is started some packets early, so that it has settled and so that
there is a choice of places. It takes over at the last packet before the edit that fits (`media.aac.fit`), and hands
back at the first after it that does. Where only the shapes of the slopes differ (encoders choose between two), the one
new packet at the join is encoded by itself, of samples that suit the other slope. Every join is decoded before it is
made, see `media.join_check`.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream

from lipwright.errors import MediaError
from lipwright.media.aac import FRAME, AacEncoder, Coded, Fit, Window, fit, reshaped, reshaping, unwrapped, window_from
from lipwright.media.audio import Samples
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.join_check import sounds_right
from lipwright.media.mix import SoundMix
from lipwright.media.sound_index import SoundIndex, only
from lipwright.media.splice_plan import SplicePlan, Stretch
from lipwright.media.timing import packets_of

_SETTLE = 14  # packets of a fresh encoder that are thrown away; its errors are as small as ever after about 12
_CHOICE = 6  # places to take over at that fit as far as the source goes, before it is known where ours do
_SEARCH = 48  # packets among which they are looked for, about a second
_TRIES = 4 * _SEARCH  # places that may be tried to go over to a stretch
_BESIDE = 4  # encoded packets that are decoded to check a join
_HELD = 2 * _SEARCH  # of the source's packets, those that can be had again
_LEAST = 8  # packets that must be left of a stretch for it to be worth going over to


class Spliced(NamedTuple):
    """A packet of the output: its number, its payload, and whether it is the source's."""

    number: int
    payload: bytes
    copied: bool


class Splicer:
    """All packets of an output in order.

    Attributes:
        forced: packets that follow one they do not fit, because no place was found.
        missed: packets that could have been copied, had a place been found where they fit.
    """

    def __init__(self, plan: SplicePlan, mix: SoundMix, index: SoundIndex, originals: Originals) -> None:
        self._plan, self._mix, self._index, self._originals = plan, mix, index, originals
        self._sound = _Sound(mix)
        self._tail: deque[bytes] = deque(maxlen=_BESIDE - 1)
        self._config = AacEncoder(mix.target).config
        self.forced: list[int] = []
        self.missed = 0

    def packets(self) -> Iterator[Spliced]:
        """Every packet of the output."""
        for packet in self._packets():
            self._tail.append(packet.payload)
            yield packet

    def _packets(self) -> Iterator[Spliced]:
        rest = deque(self._plan.stretches)
        at = 0
        stretch = rest.popleft() if rest and rest[0].first == 0 else None
        while at < self._plan.count:
            if stretch is None:
                run = _Run(self._encoder(0), deque(), 0)
            elif stretch.stop < self._plan.count:
                earliest = self._earliest(stretch, at)
                yield from self._copied(stretch, at, earliest)
                run = self._taken_over(stretch, earliest)
                yield from self._copied(stretch, earliest, run.first)
            else:
                yield from self._copied(stretch, at, self._plan.count)
                return
            at, stretch = yield from self._encoded(run, rest)

    def _copied(self, stretch: Stretch, first: int, stop: int) -> Iterator[Spliced]:
        for number in range(first, stop):
            yield Spliced(number, self._originals.payload(number + stretch.offset), True)

    def _encoded(self, run: _Run, rest: deque[Stretch]) -> Generator[Spliced, None, tuple[int, Stretch | None]]:
        """The packets of `run` until a stretch of `rest` is met that fits; the packet after them, and that stretch."""
        before: Coded | None = None
        tried = 0
        for number in range(run.first, self._plan.count):
            while rest and (number + _LEAST >= rest[0].stop or tried == _TRIES):
                missed = rest.popleft()
                self.missed += missed.stop - missed.first
                tried = 0
            coded = run.next()
            if rest and number + 1 >= rest[0].first:
                last = self._handed_back(rest[0], number, before, coded)
                if last is not None:
                    yield Spliced(number, last, False)
                    return number + 1, rest.popleft()
                tried += 1
            yield Spliced(number, coded.payload, False)
            before = coded
        return self._plan.count, None

    def _window(self, stretch: Stretch, number: int) -> Window | None:
        """The window of the source's packet at `number`; there may be one outside the stretch."""
        source = number + stretch.offset
        return window_from(self._index.windows[source]) if 0 <= source < len(self._index.windows) else None

    def _earliest(self, stretch: Stretch, at: int) -> int:
        """The first packet from which on a place is looked for to take over; the last is the end of the stretch."""
        found = 0
        lowest = max(at + 2, _BESIDE, stretch.stop - _SEARCH)
        for number in range(stretch.stop, lowest, -1):
            before, first = self._window(stretch, number - 1), self._window(stretch, number)
            found += before is not None and first is not None and not before.right_short and not first.left_short
            if found == _CHOICE:
                return number
        return lowest

    def _taken_over(self, stretch: Stretch, earliest: int) -> _Run:
        """The encoded packets that follow on `stretch`, of which at least those before `earliest` are kept."""
        start = max(0, earliest - 1 - _SETTLE)
        encoder = self._encoder(start)
        coded: list[Coded] = []
        second = None
        for place in range(stretch.stop, earliest - 1, -1):
            while len(coded) < min(stretch.stop + _BESIDE, self._plan.count) - start:
                coded.append(encoder.next())
            ready = self._first_packets(stretch, place, coded[place - start - 1], coded[place - start :])
            if ready is not None:
                run = _Run(encoder, deque(ready), place)
                if self._sounds_right_after(stretch, place, ready):
                    return run
                second = second or run
        self.forced.append(stretch.stop)
        return second or _Run(encoder, deque(coded[stretch.stop - start :]), stretch.stop)

    def _first_packets(self, stretch: Stretch, place: int, own: Coded, ready: list[Coded]) -> list[Coded] | None:
        """What to write from `place` on instead of `ready`, which come after `own`; None if nothing fits there."""
        before, first = self._window(stretch, place - 1), ready[0].window
        match fit(before, own.window, first):
            case Fit.EXACT:
                return ready
            case Fit.RESHAPED if len(ready) > 1:
                assert before is not None
                earlier, bridge = self._bridge(place, place, own, before.shape, rising=True)
                if (
                    fit(before, earlier.window, bridge.window) is Fit.RESHAPED
                    and fit(bridge.window, first, ready[1].window) is Fit.EXACT
                ):
                    return [bridge, *ready[1:]]
        return None

    def _handed_back(self, stretch: Stretch, number: int, before: Coded | None, coded: Coded) -> bytes | None:
        """The payload of encoded packet `number` if the source's may come after it; `before` was encoded too."""
        own, first = self._window(stretch, number), self._window(stretch, number + 1)
        last = None
        match fit(coded.window, own, first):
            case Fit.EXACT:
                last = coded.payload
            case Fit.RESHAPED if before is not None:
                assert own is not None
                earlier, bridge = self._bridge(number, number + 1, coded, own.shape, rising=False)
                if (
                    fit(before.window, earlier.window, bridge.window) is Fit.EXACT
                    and fit(bridge.window, own, first) is Fit.RESHAPED
                ):
                    last = reshaped(bridge.payload, self._mix.target.channels, own.shape)
        return last if last is not None and self._sounds_right_before(stretch, number, last) else None

    def _sounds_right_after(self, stretch: Stretch, place: int, ready: list[Coded]) -> bool:
        payloads = [self._originals.payload(number + stretch.offset) for number in (place - 2, place - 1)]
        payloads += [coded.payload for coded in ready[:_BESIDE]]
        return self._sounds_right(place - 2, payloads, range(4, len(payloads)))

    def _sounds_right_before(self, stretch: Stretch, number: int, last: bytes) -> bool:
        following = [self._originals.payload(later + stretch.offset) for later in (number + 1, number + 2)]
        return self._sounds_right(number - len(self._tail), [*self._tail, last, *following], range(1, len(self._tail)))

    def _sounds_right(self, first: int, payloads: list[bytes], encoded: range) -> bool:
        """Whether `payloads`, which begin with packet `first`, decode to what they should."""
        wanted = self._sound.read(self._plan.pts(first + 1), self._plan.pts(first + len(payloads)))
        return sounds_right(payloads, self._config, self._mix.target, wanted, encoded)

    def _bridge(self, number: int, half: int, own: Coded, shape: int, *, rising: bool) -> tuple[Coded, Coded]:
        """Packet `number` and the one before, if half `half` of the output is to be decoded with slope `shape`.

        `own` is the packet that tells the slope with which it is encoded.
        """
        assert own.window is not None
        start = max(0, number - _SETTLE)
        encoder = self._encoder(start, _Reshaping(half, own.window.shape, shape, rising))
        coded = [encoder.next() for _ in range(start, number + 1)]
        return coded[-2], coded[-1]

    def _encoder(self, first: int, change: _Reshaping | None = None) -> _Encoder:
        return _Encoder(self._plan, self._mix, self._sound, first, change)


class Originals:
    """The payloads of the source's packets by number; forward, or from the beginning again."""

    def __init__(self, path: str | os.PathLike[str], index: SoundIndex, limits: Limits | None) -> None:
        self._path, self._index, self._limits = path, index, limits
        self._stack = ExitStack()
        self._packets: Iterator[av.Packet[AudioStream]] | None = None
        self._number = 0  # of the packet that is read next
        self._held: dict[int, bytes] = {}

    def payload(self, number: int) -> bytes:
        """Packet `number`, as it is.

        Raises:
            VideoInaccessible, MediaError: the file is not what it was.
        """
        if number not in self._held:
            self._read_to(number)
        return self._held[number]

    def _read_to(self, number: int) -> None:
        if self._packets is None or number < self._number:
            self.close()
            container = self._stack.enter_context(open_media(self._path, AS_VIDEO, self._limits))
            self._packets = packets_of(container, only(container, self._index.stream))
        for packet in self._packets:
            if packet.size:
                if self._number >= len(self._index.pts) or packet.pts != self._index.pts[self._number]:
                    break
                if number - self._number < _HELD:
                    self._held[self._number] = self._sound(bytes(packet))
                    self._held.pop(self._number - _HELD, None)
                self._number += 1
                if self._number > number:
                    return
        raise MediaError("The video changed while it was read.")

    def _sound(self, packet: bytes) -> bytes:
        if not self._index.wrapped:
            return packet
        _, sound = unwrapped(packet) or (None, b"")  # those without are never asked for
        return sound

    def close(self) -> None:
        """Close the file."""
        self._stack.close()
        self._packets = None
        self._number = 0
        self._held.clear()


@dataclass(slots=True)
class _Run:
    """Encoded packets from number `first` on: those that are ready, and the encoder that goes on from them."""

    encoder: _Encoder
    ready: deque[Coded]
    first: int

    def next(self) -> Coded:
        return self.ready.popleft() if self.ready else self.encoder.next()


@dataclass(frozen=True, slots=True)
class _Reshaping:
    """The 1024 samples of packet `half` are encoded so as to be decoded with slope `wanted`, see `aac.reshaping`."""

    half: int
    own: int
    wanted: int
    rising: bool


class _Encoder:
    """A fresh encoder whose first packet is number `first` of the output."""

    def __init__(
        self, plan: SplicePlan, mix: SoundMix, sound: _Sound, first: int, change: _Reshaping | None = None
    ) -> None:
        self._plan, self._sound, self._total, self._change = plan, sound, mix.total, change
        self._encoder = AacEncoder(mix.target)
        self._half = first + 1
        self._ready = deque[Coded]()

    def next(self) -> Coded:
        """The next packet; there is one for every number up to the last of the plan."""
        while not self._ready:
            start = self._plan.pts(self._half)
            stop = min(start + FRAME, self._total)
            if stop > start:
                self._ready += self._encoder.add(self._samples(start, stop))
                self._half += 1
            else:
                self._ready += self._encoder.finish()
        return self._ready.popleft()

    def _samples(self, start: int, stop: int) -> Samples:
        samples = self._sound.read(start, stop)
        change = self._change
        if change is None or self._half != change.half or len(samples) < FRAME:
            return samples
        return reshaping(samples, change.own, change.wanted, rising=change.rising)


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
