"""The output's sound, assembled to the sample from the plan's sound spans, in constant memory.

Untouched stretches are the decoded original, sample for sample: fades never eat into them. Where the original meets
something else, the fade lies on the other side of the join: the original is carried on a few milliseconds into the
segment while the speech comes in (and brought in early at its end), with equal-power curves. Where the content simply
goes on across two spans, nothing is faded. Spans that overlap are added; only where such a sum comes near full scale is
it bent gently below it, so a lone source is never altered.

Sources are read forward through a window of the last half minute. At a jump further back (a long loop over kept
background sound) or far ahead, decoding begins anew at the place where that is exact to the sample (AAC in MP4 and
Matroska), and else at the beginning, which is slower.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lipwright.media.audio import Entry, Samples, SeekFailed, decode_audio
from lipwright.media.encoding import AudioTarget
from lipwright.media.guard import AS_AUDIO, AS_VIDEO, Limits, Purpose
from lipwright.media.info import MediaInfo
from lipwright.media.sound_index import SoundIndex, aac_index
from lipwright.timeline.edl import Original, Silence, SoundSpan, Speech

FADE = Fraction(8, 1000)
_WINDOW = 30  # seconds of decoded sound kept behind
_AHEAD = 5  # seconds over which decoding on is not worse than beginning anew
_BLOCK = 1 << 14
_KNEE = np.float32(0.9)
_ORIGINAL = ""  # the key of the video's own sound among the sources


@dataclass(frozen=True, slots=True)
class _Ramp:
    """A change of gain over samples [start, stop): along a quarter sine (equal power), or straight."""

    start: int
    stop: int
    first: float
    last: float
    straight: bool = False

    def gains(self, at: NDArray[np.int64]) -> NDArray[np.float32]:
        """The gain at each sample number; before and after the ramp its end values hold."""
        through = np.clip((at - self.start + 0.5) / max(1, self.stop - self.start), 0.0, 1.0)
        if not self.straight:
            rising = self.last >= self.first
            through = np.sin(np.pi / 2 * through) if rising else 1.0 - np.cos(np.pi / 2 * through)
        return (self.first + (self.last - self.first) * through).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One span in samples: output [start, stop) is source sample n + shift, times the gain and the ramps."""

    source: str
    start: int
    stop: int
    shift: int
    gain: float
    ramps: tuple[_Ramp, ...] = ()


@dataclass(frozen=True, slots=True)
class Untouched:
    """Output samples [start, stop) that are the original's samples n + shift, bit for bit."""

    start: int
    stop: int
    shift: int


class SoundMix:
    """The output sound of a plan as a stream of blocks.

    Use `blocks` once from start to end, or `up_to` to take the sound piece by piece alongside the pictures.
    """

    def __init__(
        self,
        spans: Sequence[SoundSpan],
        duration: Fraction,
        target: AudioTarget,
        speech: Mapping[str, str | os.PathLike[str]],
        video: tuple[str | os.PathLike[str], MediaInfo] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Plan the mix; nothing is opened yet.

        Args:
            spans: what sounds when, on the output timeline.
            duration: seconds of output; the mix has exactly round(duration * rate) samples.
            target: rate and layout of the mix.
            speech: the file of every audio input by ref.
            video: the source video's path and description, for its own sound.
            limits: how long any of the sounds may be.
        """
        self.target = target
        self.total = round(duration * target.rate)
        self._sources: dict[str, _Source] = {
            ref: _Source(path, target, AS_AUDIO, limits) for ref, path in speech.items()
        }
        late = 0
        if video is not None and video[1].audio is not None:
            self._sources[_ORIGINAL] = _Source(video[0], target, AS_VIDEO, limits)
            late = round(video[1].audio.start * target.rate)
        self._pieces = _pieces(spans, self.total, target.rate, late)
        self._active: list[_Piece] = []
        self._upcoming = 0
        self._at = 0

    def blocks(self) -> Iterator[Samples]:
        """The rest of the sound in blocks of (n, channels) float32."""
        while self._at < self.total:
            yield self.up_to(Fraction(min(self._at + _BLOCK, self.total), self.target.rate))

    def up_to(self, time: Fraction) -> Samples:
        """The samples from where the last call ended up to output second `time`: (n, channels) float32."""
        until = max(self._at, min(self.total, round(time * self.target.rate)))
        parts = []
        while self._at < until:
            stop = min(self._at + _BLOCK, until)
            parts.append(self._mixed(self._at, stop))
            self._at = stop
        return np.concatenate(parts) if parts else np.zeros((0, self.target.channels), np.float32)

    @property
    def at(self) -> int:
        """The sample that comes next."""
        return self._at

    def skip_to(self, sample: int) -> None:
        """Leave out the sound up to `sample`, which is cheaper than to take it; harmless if that is behind."""
        self._at = max(self._at, min(self.total, sample))

    def untouched(self) -> list[Untouched]:
        """The stretches that are nothing but the original at its own level, as long as they can be, in order.

        Nothing else sounds in them and nothing fades. Where the original is shorter than its span it is zeros.
        """
        if _ORIGINAL not in self._sources:
            return []
        plain, other = [], []
        for piece in self._pieces:
            if piece.source not in self._sources:
                continue
            if piece.source == _ORIGINAL and piece.gain == 1.0:
                start = max([piece.start, *(ramp.stop for ramp in piece.ramps if ramp.start <= piece.start)])
                stop = min([piece.stop, *(ramp.start for ramp in piece.ramps if ramp.stop >= piece.stop)])
                if start < stop:
                    plain.append(Untouched(start, stop, piece.shift))
                    other += [(piece.start, start), (stop, piece.stop)]
                    continue
            other.append((piece.start, piece.stop))
        return _alone(plain, other)

    def enter_by(self, index: SoundIndex) -> None:
        """Let the original be entered by `index`, which is found out otherwise when it is needed."""
        if _ORIGINAL in self._sources:
            self._sources[_ORIGINAL].index = index

    def close(self) -> None:
        """Close the sources."""
        for source in self._sources.values():
            source.close()

    def _mixed(self, start: int, stop: int) -> Samples:
        out = np.zeros((stop - start, self.target.channels), np.float32)
        voices = np.zeros(stop - start, np.int8)
        while self._upcoming < len(self._pieces) and self._pieces[self._upcoming].start < stop:
            self._active.append(self._pieces[self._upcoming])
            self._upcoming += 1
        self._active = [piece for piece in self._active if piece.stop > start]
        for piece in self._active:
            first, last = max(start, piece.start), min(stop, piece.stop)
            source = self._sources.get(piece.source)
            if first >= last or source is None:
                continue
            samples = source.read(first + piece.shift, last - first)
            gains = np.full(last - first, piece.gain, np.float32)
            at = np.arange(first, last, dtype=np.int64)
            for ramp in piece.ramps:
                if first < ramp.stop and last > ramp.start:
                    gains *= ramp.gains(at)
            here = slice(first - start, last - start)
            # A gain of exactly 1 must leave the bits; x * 1.0 does.
            out[here] += samples * gains[:, None]
            voices[here] += 1
        crowded = voices > 1
        if crowded.any():
            out[crowded] = _limited(out[crowded])
        return out


def _alone(plain: list[Untouched], other: list[tuple[int, int]]) -> list[Untouched]:
    """The parts of `plain` with neither anything of `other` nor another of `plain` over them; what goes on joined."""
    changes: defaultdict[int, int] = defaultdict(int)
    for start, stop in [*other, *((part.start, part.stop) for part in plain)]:
        changes[start] += stop > start
        changes[stop] -= stop > start
    edges = sorted(changes)
    out: list[Untouched] = []
    voices = 0
    rest = deque(sorted(plain, key=lambda part: part.start))
    for start, stop in pairwise(edges):
        voices += changes[start]
        while rest and rest[0].stop <= start:
            rest.popleft()
        if voices != 1 or not rest or rest[0].start > start:
            continue
        shift = rest[0].shift
        if out and out[-1].stop == start and out[-1].shift == shift:
            out[-1] = Untouched(out[-1].start, stop, shift)
        else:
            out.append(Untouched(start, stop, shift))
    return out


def _limited(samples: Samples) -> Samples:
    """Samples beyond the knee bent smoothly to stay below full scale; those within it untouched."""
    over = np.abs(samples) > _KNEE
    if not over.any():
        return samples
    room = np.float32(1.0) - _KNEE
    bent = np.sign(samples) * (_KNEE + room * np.tanh((np.abs(samples) - _KNEE) / room))
    return np.where(over, bent, samples).astype(np.float32)


def _pieces(spans: Sequence[SoundSpan], total: int, rate: int, late: int) -> list[_Piece]:
    """The spans in samples with their fades, in order of start; the video's sound starts `late` samples late."""
    plain = [piece for span in spans if (piece := _piece(span, total, rate, late)) is not None]
    fade = max(1, round(FADE * rate))
    original = [piece for piece in plain if piece.source == _ORIGINAL]
    faded = [
        _fade_original(piece, original, fade, total) if piece.source == _ORIGINAL else _fade_speech(piece, plain, fade)
        for piece in plain
    ]
    return sorted(faded, key=lambda piece: (piece.start, piece.stop))


def _piece(span: SoundSpan, total: int, rate: int, late: int) -> _Piece | None:
    """`span` in samples, without fades; None if it holds nothing."""
    start, stop = max(0, round(span.output.start * rate)), min(total, round(span.output.stop * rate))
    if stop <= start or isinstance(span.content, Silence):
        return None
    # The shift is rounded as a whole, so that spans that go on from each other share it exactly.
    shift = round((span.content.start - span.output.start) * rate)
    match span.content:
        case Original():
            return _Piece(_ORIGINAL, start, stop, shift - late, span.gain)
        case Speech(ref=ref):
            return _Piece(ref, start, stop, shift, span.gain)


def _fade_original(piece: _Piece, original: list[_Piece], fade: int, total: int) -> _Piece:
    """`piece` carried on beyond joins into other content, or ramped where only its gain changes."""
    starts = [other.start for other in original]
    ramps = []
    start, stop = piece.start, piece.stop
    before = next((other for other in original if other.stop == start and other.shift == piece.shift), None)
    at = bisect_left(starts, stop)
    after_any = original[at] if at < len(original) and original[at].start == stop else None
    after = after_any if after_any is not None and after_any.shift == piece.shift else None
    length = min(fade, max(1, (piece.stop - piece.start) // 2))
    if before is not None:
        if before.gain > piece.gain > 0:
            ramps.append(_Ramp(start, start + length, before.gain / piece.gain, 1.0, straight=True))
    elif start > 0:
        if any(other.stop == start for other in original):  # a jump within the original: come in after it
            ramps.append(_Ramp(start, start + length, 0.0, 1.0))
        else:
            start = max(0, start - fade)
            ramps.append(_Ramp(start, piece.start, 0.0, 1.0))
    if after is not None:
        if after.gain > piece.gain > 0:
            ramps.append(_Ramp(stop - length, stop, 1.0, after.gain / piece.gain, straight=True))
    elif stop < total:
        stop = min(total, stop + fade)
        ramps.append(_Ramp(piece.stop, stop, 1.0, 0.0))
    return _Piece(piece.source, start, stop, piece.shift, piece.gain, tuple(ramps))


def _fade_speech(piece: _Piece, plain: list[_Piece], fade: int) -> _Piece:
    """`piece` with fades within itself, except where the same speech goes on in another span."""
    same = [other for other in plain if other.source == piece.source and other.shift == piece.shift]
    length = min(fade, max(1, (piece.stop - piece.start) // 2))
    ramps = []
    if not any(other.stop == piece.start for other in same):
        ramps.append(_Ramp(piece.start, piece.start + length, 0.0, 1.0))
    if not any(other.start == piece.stop for other in same):
        ramps.append(_Ramp(piece.stop - length, piece.stop, 1.0, 0.0))
    return _Piece(piece.source, piece.start, piece.stop, piece.shift, piece.gain, tuple(ramps))


class _Source:
    """Random access to the samples of one file at the target's rate and layout, by decoding forward."""

    def __init__(
        self, path: str | os.PathLike[str], target: AudioTarget, purpose: Purpose, limits: Limits | None
    ) -> None:
        self._path, self._target, self._purpose, self._limits = path, target, purpose, limits
        self._blocks: Iterator[Samples] | None = None
        self._held: deque[Samples] = deque()
        self._first = 0  # sample number of the first held
        self._next = 0  # sample number after the last held
        self._ended = False
        self.index: SoundIndex | None = None
        self._indexed = False

    def close(self) -> None:
        closing = getattr(self._blocks, "close", None)
        if closing is not None:
            closing()
        self._blocks = None
        self._held.clear()
        self._first = self._next = 0
        self._ended = False

    def read(self, start: int, count: int) -> Samples:
        """Samples start..start+count-1 as (count, channels) float32; zeros before the beginning and after the end."""
        out = np.zeros((count, self._target.channels), np.float32)
        stop = start + count
        if max(start, 0) < self._first or start > self._next + _AHEAD * self._target.rate:
            self._enter(start)
        self._decode_to(stop)
        at = self._next
        for block in reversed(self._held):  # what is wanted is nearly always among the last
            at -= len(block)
            first, last = max(start, at), min(stop, at + len(block))
            if first < last:
                out[first - start : last - start] = block[first - at : last - at]
            if at <= start:
                break
        return out

    def _enter(self, sample: int) -> None:
        """Begin decoding anew at or before `sample`; where that must be the beginning, only if it is behind."""
        entry = self._entry(sample)
        if entry is not None:
            try:
                blocks = self._decoded(entry)
                first = next(blocks, None)
            except SeekFailed:
                self.index, self._indexed = None, True
            else:
                self.close()
                self._blocks = blocks
                self._held = deque(() if first is None else (first,))
                self._first = entry.position
                self._next = entry.position + (0 if first is None else len(first))
                return
        if sample < self._first:
            self.close()

    def _entry(self, sample: int) -> Entry | None:
        if self.index is None and not self._indexed:
            self._indexed = True
            self.index = aac_index(self._path, self._purpose, self._limits)
        if self.index is None or self.index.rate != self._target.rate:
            return None
        return self.index.entry(sample)

    def _decode_to(self, stop: int) -> None:
        if self._blocks is None:
            self._blocks = self._decoded()
        keep = _WINDOW * self._target.rate
        while self._next < stop and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                break
            self._held.append(block)
            self._next += len(block)
            while self._held and self._first + len(self._held[0]) < self._next - keep:
                self._first += len(self._held.popleft())

    def _decoded(self, entry: Entry | None = None) -> Iterator[Samples]:
        target = self._target
        if self._purpose is AS_VIDEO:
            yield from decode_audio(self._path, target.rate, target.layout, AS_VIDEO, self._limits, entry)
            return
        # Speech is decoded in its own layout when that is mono or stereo, and placed by hand: libswresample would lower
        # mono by 3 dB when spreading it.
        for block in decode_audio(self._path, target.rate, None, AS_AUDIO, self._limits, entry):
            yield placed(block, target)


def placed(speech: Samples, target: AudioTarget) -> Samples:
    """Speech of any number of channels in the target's layout.

    Mono goes to the centre channel where there is one and else to left and right at full level; stereo to left and
    right, or averaged into a mono target. More channels keep only their front pair and centre.
    """
    channels = speech.shape[1]
    out = np.zeros((len(speech), target.channels), np.float32)
    has_centre = target.layout in ("3.0", "4.0", "5.0", "5.1")
    if target.channels == 1:
        out[:, 0] = speech[:, : min(channels, 3)].mean(axis=1)
    elif channels == 1:
        if has_centre:
            out[:, 2] = speech[:, 0]
        else:
            out[:, 0] = out[:, 1] = speech[:, 0]
    else:
        out[:, :2] = speech[:, :2]
        if channels > 2:
            centre = speech[:, 2]
            if has_centre:
                out[:, 2] = centre
            else:
                out[:, :2] += (centre * np.float32(0.5**0.5))[:, None]
    return out
