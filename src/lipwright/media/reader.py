"""Frames of a video by index: in order, at random, backwards; exact, and in constant memory.

A frame is identified by its timestamp, never by counting frames after a seek: the reader seeks to a key frame at or
before the one it needs, ignores what is shown before that key frame (leading pictures of an open group refer to frames
that were not decoded), and decodes on until the timestamp comes up. If a demuxer lands too late, it tries from further
back. A frame that is missing or does not decode becomes a repeat of the one before, marked `damaged`: a job does not
die for one bad frame. Nor does it for a stream that changes its size or pixel format on the way, as recordings of calls
do: such frames are brought back to what the stream began with, since an output has only one size.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Protocol, Self

import av

from lipwright.errors import MediaError
from lipwright.media.frames import picture_of, still_frame
from lipwright.media.guard import AS_VIDEO, Limits, open_media
from lipwright.media.info import MediaInfo, VideoInfo
from lipwright.media.picture import Picture
from lipwright.media.timing import decoded_frames, video_at

# How much of a long group of pictures is held at once when walking backwards. A longer group is decoded again for each
# stretch of this size: slower, but an hour-long group in 4K still fits.
_BACKWARD_BYTES = 128 << 20
# Threads of a decoder, and from how many bytes of a frame there is only one.
_THREADS, _LARGE = 3, 8 << 20
# Decoding on is cheaper than a seek if the key frame is not further ahead than this.
_DECODE_ON = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: on the frame grid.
        pts: in ticks of the grid.
        time: presentation time in seconds.
        picture: in display orientation.
        damaged: it did not decode properly; the picture is what the decoder saved, or that of the frame before.
    """

    index: int
    pts: int
    time: Fraction
    picture: Picture
    damaged: bool = False


class FrameReader(Protocol):
    """Frames of a video, or of a still image, by index."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start..stop-1 in order."""
        ...

    def at(self, index: int) -> Frame:
        """Frame `index`."""
        ...

    def at_many(self, indices: Iterable[int]) -> list[Frame]:
        """Frames in the order asked for, decoded in the cheapest order; all are held in memory."""
        ...

    def reversed(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames stop-1..start, backwards."""
        ...

    def sequence(self, indices: Iterable[int]) -> Iterator[Frame]:
        """Frames in the order asked for, in constant memory: forward and backward runs, repeats and jumps."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def open_reader(path: str | os.PathLike[str], info: MediaInfo, limits: Limits | None = None) -> VideoReader:
    """A reader of the video, or still image, described by `info`.

    Raises:
        MediaError: if `info` has no video.
    """
    kind = StillReader if info.still else VideoReader
    return kind(path, info, limits)


class VideoReader:
    """Frames of a video file; see `FrameReader`. Not for use from several threads at once.

    Raises:
        MediaError: when frames are asked for and nothing of the video decodes.
    """

    def __init__(self, path: str | os.PathLike[str], info: MediaInfo, limits: Limits | None = None) -> None:
        if info.video is None:
            raise MediaError(f"{info.name!r} has no video.")
        self._path = path
        self._name = info.name
        self._limits = limits or Limits()
        self._video: VideoInfo = info.video
        self._walk: _Walk | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._video.frames

    def close(self) -> None:
        """Close the file; the reader may still be used and opens it again."""
        if self._walk is not None:
            self._walk.close()
            self._walk = None

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start..stop-1 in order."""
        start, stop = self._range(start, stop)
        if start >= stop:
            return
        walk = self._walk_to(start)
        for index in range(start, stop):
            if walk is not self._walk or walk.position != index:  # someone else used the reader in between
                walk = self._walk_to(index)
            yield self._frame(walk, index)

    def at(self, index: int) -> Frame:
        """Frame `index`; cheap if it is the next one."""
        self._range(index, index + 1)
        return self._frame(self._walk_to(index), index)

    def at_many(self, indices: Iterable[int]) -> list[Frame]:
        """Frames in the order asked for, each decoded once; all are held in memory."""
        asked = list(indices)
        found = {index: self.at(index) for index in sorted(set(asked))}
        return [found[index] for index in asked]

    def reversed(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames stop-1..start, backwards, one stretch of a group of pictures at a time."""
        start, stop = self._range(start, stop)
        yield from self._descending(range(stop - 1, start - 1, -1))

    def sequence(self, indices: Iterable[int]) -> Iterator[Frame]:
        """Frames in the order asked for, in constant memory: forward and backward runs, repeats and jumps."""
        ahead = iter(indices)
        last: Frame | None = None
        while (index := next(ahead, None)) is not None:
            if last is not None and index == last.index:
                yield last
                continue
            if last is None or index > last.index:
                last = self.at(index)
                yield last
                continue
            run, ahead = _falling_run(index, ahead)
            for last in self._descending(run):
                yield last

    def _range(self, start: int, stop: int | None) -> tuple[int, int]:
        count = self._video.frames
        stop = count if stop is None else stop
        if not 0 <= start <= stop <= count:
            raise IndexError(f"Frames {start}..{stop} asked of {self._name!r}, which has {count}")
        return start, stop

    def _descending(self, indices: range | list[int]) -> Iterator[Frame]:
        """Frames of never rising `indices`."""
        bytes_each = _bytes_of(self._video)
        room = max(2, _BACKWARD_BYTES // bytes_each)
        done = 0
        while done < len(indices):
            high = indices[done]
            keys = self._video.keys
            key = keys[max(0, bisect_right(keys, high) - 1)] if keys else 0
            low = max(key, high - room + 1) if key <= high else high
            until = done
            while until < len(indices) and indices[until] >= low:
                until += 1
            wanted = indices[done:until]
            held = {index: self.at(index) for index in sorted(set(wanted))}
            for index in wanted:
                yield held[index] if index in held else self.at(index)
            done = until

    def _frame(self, walk: _Walk, index: int) -> Frame:
        picture, damaged = walk.take(index)
        return Frame(index, self._video.grid.pts[index], self._video.time(index), picture, damaged)

    def _walk_to(self, index: int) -> _Walk:
        """A walk whose next frame can be `index`."""
        walk = self._walk
        keys = self._video.keys
        key = keys[max(0, bisect_right(keys, index) - 1)] if keys else 0
        if walk is not None:
            onward = walk.position <= index and key <= walk.position + _DECODE_ON
            again = index == walk.position - 1 and walk.has_last
            if onward or again or index == walk.position:
                return walk
        self.close()
        self._walk = _Walk(self._path, self._name, self._video, self._limits, index)
        return self._walk


class _Walk:
    """One pass of decoding forward over the grid.

    `position` is the index that comes next; frames before it cannot be had any more, save the very last one.
    """

    def __init__(self, path: str | os.PathLike[str], name: str, video: VideoInfo, limits: Limits, target: int) -> None:
        self._path, self._name, self._video, self._limits = path, name, video, limits
        self._stack = ExitStack()
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._ahead: tuple[int, av.VideoFrame] | None = None
        self._last: tuple[int, Picture, bool] | None = None
        self.position = target
        self._start(target)

    @property
    def has_last(self) -> bool:
        """Whether the frame before `position` is still held."""
        return self._last is not None and self._last[0] == self.position - 1

    def close(self) -> None:
        self._frames, self._ahead = iter(()), None
        self._stack.close()

    def take(self, index: int) -> tuple[Picture, bool]:
        """The picture of frame `index` >= position - 1, and whether it is damaged."""
        if self._last is not None and index == self._last[0]:
            return self._last[1], self._last[2]
        before: av.VideoFrame | None = None
        while self._ahead is not None and self._ahead[0] < index:
            before = self._ahead[1]
            self._ahead = next(self._frames, None)
        self.position = index + 1
        if self._ahead is not None and self._ahead[0] == index:
            frame = self._ahead[1]
            picture, damaged = self._picture(frame), bool(frame.is_corrupt)
            self._ahead = next(self._frames, None)
            self._last = (index, picture, damaged)
            return picture, damaged
        if before is not None:
            self._last = (index - 1, self._picture(before), True)
        if self._last is None:
            # Nothing decodes before this frame: show the first that does.
            if self._ahead is None:
                raise MediaError(f"The video of {self._name!r} cannot be decoded: its content is damaged.")
            self._last = (index, self._picture(self._ahead[1]), True)
        self._last = (index, self._last[1], True)
        return self._last[1], True

    def _picture(self, frame: av.VideoFrame) -> Picture:
        """The picture of a decoded frame, in the size and format that the stream began with."""
        video = self._video
        began = (video.coded_width, video.coded_height, video.pixel_format)
        if (frame.width, frame.height, frame.format.name) != began:
            frame = frame.reformat(video.coded_width, video.coded_height, video.pixel_format)
        return picture_of(frame, video.turn)

    def _start(self, target: int) -> None:
        """Begin decoding so that frame `target` comes up, from as late a key frame as works."""
        keys = [key for key in self._video.keys if key <= target] if target else []
        # Two tries near the target, then one well before it, then the start of the file.
        for attempt in [key for key in (*keys[-1:], *keys[-2:-1], *keys[-6:-5]) if key > 0]:
            if self._video.by_order:
                break
            self._open(attempt)
            if self._ahead is not None and self._ahead[0] <= target:
                return
        self._open(None)

    def _open(self, key: int | None) -> None:
        """Open the file, at key frame `key` or at its start, and decode the first usable frame."""
        self.close()
        self._stack = ExitStack()
        opened: AbstractContextManager[av.container.InputContainer] = open_media(self._path, AS_VIDEO, self._limits)
        container = self._stack.enter_context(opened)
        stream = video_at(container, self._video.index)
        if key is not None:
            raw = self._video.clock.to_raw(self._video.grid.pts[key])
            try:
                container.seek(raw, stream=stream, backward=True)
            except (av.FFmpegError, OSError):
                return
        # Every decoding thread holds frames of its own, so their number must not follow that of the cores.
        stream.codec_context.thread_count = _THREADS if _bytes_of(self._video) < _LARGE else 1
        self._frames = self._indexed(decoded_frames(container, stream), sought=key is not None)
        self._ahead = next(self._frames, None)

    def _indexed(self, frames: Iterator[av.VideoFrame], sought: bool) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frames with their index on the grid, rising; frames that are not on it are dropped."""
        pts, clock = self._video.grid.pts, self._video.clock
        last = -1
        usable_from: int | None = None
        for count, frame in enumerate(frames):
            if self._video.by_order:
                index = count
            else:
                if frame.pts is None:
                    continue
                if sought and usable_from is None:
                    if not frame.key_frame:
                        continue
                    usable_from = frame.pts
                at = clock.to_grid(frame.pts)
                index = bisect_left(pts, at)
                if index >= len(pts) or pts[index] != at:
                    continue
            if last < index < len(pts):
                last = index
                yield index, frame


class StillReader(VideoReader):
    """A still image as a video whose every frame is that image; any index from 0 may be asked for."""

    _picture: Picture | None = None

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames start..stop-1 (without `stop`: the one frame there is)."""
        for index in range(start, 1 if stop is None else stop):
            yield self.at(index)

    def at(self, index: int) -> Frame:
        """The image as frame `index`."""
        if index < 0:
            raise IndexError(f"Frame {index} asked of {self._name!r}")
        picture = self._image()
        grid = self._video.grid
        return Frame(index, index * grid.end, index * grid.end * grid.time_base, picture)

    def _image(self) -> Picture:
        """The image, decoded once."""
        if self._picture is None:
            with open_media(self._path, AS_VIDEO, self._limits) as container:
                frame = next(decoded_frames(container, video_at(container, self._video.index)), None)
                if frame is None:
                    raise MediaError(f"The image {self._name!r} cannot be decoded: its content is damaged.")
                picture = picture_of(still_frame(frame), self._video.turn)
            self._picture = replace(picture, layout=self._video.layout, matrix=self._video.matrix)
        return self._picture

    def reversed(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Frames stop-1..start."""
        for index in range((1 if stop is None else stop) - 1, start - 1, -1):
            yield self.at(index)

    def _descending(self, indices: range | list[int]) -> Iterator[Frame]:
        for index in indices:
            yield self.at(index)


def _falling_run(first: int, ahead: Iterator[int]) -> tuple[list[int], Iterator[int]]:
    """The run of never rising indices that begins with `first` (at most a few thousand), and what follows it."""
    run = [first]
    for index in ahead:
        if index > run[-1] or len(run) >= 4096:
            return run, chain((index,), ahead)
        run.append(index)
    return run, iter(())


def _bytes_of(video: VideoInfo) -> int:
    """Bytes of one picture."""
    chroma_width, chroma_height = video.layout.chroma_size(video.width, video.height)
    samples = video.width * video.height + 2 * chroma_width * chroma_height
    return samples * (2 if video.layout.depth > 8 else 1)
