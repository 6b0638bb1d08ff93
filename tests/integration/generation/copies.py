"""What has to hold of an output of which a part was copied, whatever its source was like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from tests.integration.generation.conftest import Stage
from tests.synthetic.streams import Taken, decoded, packets, remuxed, sought

from lipwright.generation.asked import Choices, Segment, build_request
from lipwright.generation.generate import Result, Settings, generate
from lipwright.media.probe import probe
from lipwright.timeline.request import GenerationRequest


@dataclass(frozen=True)
class Outcome:
    """An output and where in it packets of the source are.

    Attributes:
        result: with copying.
        kept: by output frame, the number of the source frame whose packet it has; None if it was encoded.
        source, packets: the packets of source and output, in the order they are shown.
    """

    result: Result
    kept: tuple[int | None, ...]
    source: tuple[Taken, ...]
    packets: tuple[Taken, ...]

    @property
    def joins(self) -> list[int]:
        """The frames at which what is copied begins or ends, or a run of the encoder begins."""
        return [
            place
            for place, (before, after) in enumerate(pairwise(self.kept), 1)
            if (before is None) != (after is None) or (after is None and self.packets[place].key)
        ]

    @property
    def why_not(self) -> str | None:
        """The sentence on why nothing was copied."""
        assert self.result.report.encoding is not None
        return self.result.report.encoding.full_because

    def holds_all_but(self, *edited: tuple[int, int], reorder: int = 4, shortest: int = 25) -> None:
        """Everything is copied, in its place, that is not edited, between the picture with which a stretch can begin
        and the next edit, save a few frames before that; and nothing that is edited is."""
        starts = [place for place, packet in enumerate(self.source) if packet.idr]
        stop = 0
        for first, following in (*edited, (len(self.kept), len(self.kept))):
            begin = min((start for start in starts if start >= stop), default=len(self.kept))
            last = first if first == len(self.kept) else first - reorder
            if last - begin >= shortest:
                assert list(self.kept[begin:last]) == list(range(begin, last))
            assert set(self.kept[first:following]) <= {None}
            stop = following
        assert all(number in (None, place) for place, number in enumerate(self.kept))
        assert any(number is not None for number in self.kept)


def made(stage: Stage, request: GenerationRequest, name: str, full: bool, quality: str) -> Result:
    """Do a job."""
    chosen = Settings(engine=stage.engine, quality=quality, cache=None)
    return generate(replace(request, full_reencode=full), stage.folder / name, chosen)


def asked(
    stage: Stage,
    source: Path,
    segments: Sequence[tuple[float, float]],
    choices: Choices | None = None,
    said: Sequence[float] = (),
) -> GenerationRequest:
    """A job that syncs `segments`, (start, stop) in seconds, to speech as long as they are, or as `said` tells."""
    lasts = said or [stop - start for start, stop in segments]
    sounds = {f"s{place}": stage.speech(seconds, f"s{place}.wav") for place, seconds in enumerate(lasts)}
    cut = [
        Segment(Fraction(str(start)), Fraction(str(stop)), f"s{place}") for place, (start, stop) in enumerate(segments)
    ]
    return build_request(source, sounds, cut, choices)


def shown(path: Path) -> list[Taken]:
    """The video packets of a file that are shown, in that order; what comes before anything decodes is not."""
    found = packets(path)
    first = next(packet for packet in found if packet.key)
    seen = (p for p in found[found.index(first) :] if not p.discarded and (p.pts >= first.pts or first.discarded))
    return sorted(seen, key=lambda packet: packet.pts)


def matched(source: Sequence[Taken], output: Sequence[Taken]) -> tuple[int | None, ...]:
    """By packet of `output`, which of `source` it is, if it is one; the next in line if several are alike.

    From a transport stream the units are looked at, save the parameter sets, whose place in an MP4 is the header.
    """

    def content(packet: Taken) -> tuple[bytes, ...]:
        return packet.pictures if source[0].streamed else (packet.data,)

    places: dict[tuple[bytes, ...], list[int]] = {}
    for number, packet in enumerate(source):
        places.setdefault(content(packet), []).append(number)
    found: list[int | None] = []
    due = 0
    for packet in output:
        alike = places.get(content(packet), [])
        found.append(min(alike, key=lambda number: (number < due, number)) if alike else None)
        due = due if found[-1] is None else found[-1] + 1
    return tuple(found)


def checked(stage: Stage, source: Path, request: GenerationRequest, *, quality: str = "draft") -> Outcome:
    """Generate with and without copying and hold the outputs to each other and to the source.

    At slower presets than that of "draft" x264 may choose otherwise from run to run; then pictures that were encoded
    are not compared.
    """
    copied = made(stage, request, "copied.mp4", False, quality)
    full = made(stage, request, "full.mp4", True, quality)
    assert copied.report.encoding is not None
    assert full.report.encoding is not None
    before, after = shown(source), shown(copied.output)
    kept = matched(before, after)
    assert sum(number is not None for number in kept) == copied.report.encoding.copied_frames
    assert copied.report.encoding.encoded_frames == kept.count(None)
    assert full.report.encoding.copied_frames == 0
    assert set(matched(before, shown(full.output))) == {None}

    # The times: decoding before showing and always forward; presentation as in the other output; nothing left out.
    stream = packets(copied.output)
    assert all(packet.dts <= packet.pts for packet in stream)
    assert all(a.dts < b.dts for a, b in pairwise(stream))
    assert not any(packet.discarded for packet in stream)
    assert [packet.pts for packet in after] == [packet.pts for packet in shown(full.output)]
    with av.open(str(copied.output)) as one, av.open(str(full.output)) as two:
        assert one.streams.video[0].codec_context.name == two.streams.video[0].codec_context.name

    # The pictures: as in the source where they were copied, as in the other output elsewhere.
    mine, theirs, original = decoded(copied.output), decoded(full.output), decoded(source, quiet=False)
    assert len(mine) == len(theirs) == len(after)
    by_time = {packet.pts: number for number, packet in enumerate(before)}
    pictures = {by_time[frame.time]: frame.digest for frame in original if frame.time in by_time}
    for place, number in enumerate(kept):
        if number is None:
            assert quality != "draft" or mine[place].digest == theirs[place].digest, f"encoded frame {place}"
        else:
            assert mine[place].digest == pictures[number], f"copied frame {place}"
    outcome = Outcome(copied, kept, tuple(before), tuple(after))

    # A player finds every frame around a join; so does one of the file put into another.
    joins = outcome.joins
    around = sorted({i for join in joins[:4] + joins[-2:] for i in range(join - 2, join + 3) if 0 <= i < len(mine)})
    assert sought(copied.output, [mine[i].time for i in around]) == [mine[i] for i in around]
    # (A transport stream has the parameter sets in its packets, which is where two encoders' sets would get lost.)
    again = decoded(remuxed(copied.output, stage.folder / "again.ts"))
    assert [frame.digest for frame in again] == [frame.digest for frame in mine]
    info, other = probe(copied.output), probe(full.output)
    assert info.video is not None
    assert other.video is not None
    assert info.video.frames == len(mine)
    assert info.video.duration == other.video.duration
    assert info.warnings == ()
    return outcome
