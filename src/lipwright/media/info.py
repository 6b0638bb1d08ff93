"""What is known about a media file before any of it is rendered: plain, frozen facts in exact numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from lipwright.media.frames import Turn
from lipwright.media.pixels import Matrix, PixelLayout
from lipwright.timeline.edl import FrameGrid


def common_tick(first: Fraction, second: Fraction) -> Fraction:
    """The largest duration of which both are whole multiples."""
    return Fraction(
        gcd(first.numerator * second.denominator, second.numerator * first.denominator),
        first.denominator * second.denominator,
    )


# Channel layouts by count, for files that only tell how many channels there are.
_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def layout_name(name: str, channels: int) -> str:
    """The channel layout to assume for a stream: its own, or the usual one where only the count is known."""
    return _USUAL_LAYOUTS.get(channels, name) if name.endswith("channels") else name


LARGE = 2560 * 1440
"""Pixels of a picture beyond which memory is short: a 4K picture takes 12 MB, and encoders and decoders hold many."""


@dataclass(frozen=True, slots=True)
class StreamClock:
    """How the raw timestamps of a stream relate to the frame grid: grid pts = raw * scale - shift.

    The grid counts from the start of the presentation (the first thing seen or heard), so its tick may have to be finer
    than the stream's: the sound may start at a time the video's own time base cannot express.
    """

    time_base: Fraction
    scale: int = 1
    shift: int = 0

    @classmethod
    def relative_to(cls, origin: Fraction, time_base: Fraction) -> StreamClock:
        """The clock of a stream ticking in `time_base` when the presentation starts at stream time `origin`."""
        tick = common_tick(time_base, origin) if origin else time_base
        return cls(time_base, int(time_base / tick), int(origin / tick))

    @property
    def grid_base(self) -> Fraction:
        """Seconds per tick of the grid."""
        return self.time_base / self.scale

    def to_grid(self, raw: int) -> int:
        return raw * self.scale - self.shift

    def to_raw(self, pts: int) -> int:
        return (pts + self.shift) // self.scale


@dataclass(frozen=True, slots=True)
class ColourTags:
    """The colour tags of a stream as ITU-T H.273 code points; 2 (unspecified) where the file says nothing.

    Attributes:
        primaries, transfer, matrix: code points.
        full_range: True, False, or None if unspecified.
    """

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The video stream.

    Attributes:
        index: of the stream in the container.
        codec: FFmpeg's name of the codec.
        width, height: pixels in display orientation.
        coded_width, coded_height: pixels as decoded.
        turn: how decoded pixels become display pixels.
        sample_aspect_ratio: width / height of a pixel in display orientation.
        pixel_format: FFmpeg's name of the decoded format.
        layout: of the pictures a reader gives.
        colour: tags of the stream.
        matrix: how the pictures' Y, U, V relate to RGB.
        grid: when each frame is shown.
        keys: ascending frame indices at which decoding can start.
        clock: raw stream timestamps to grid.
        by_order: the file's timestamps are unusable; frames are counted instead and the grid is nominal.
        constant_rate: every frame lasts equally long, to within a tick.
        average_rate: frames per second, exact for constant rates.
        frame_duration: median seconds per frame.
        duration: seconds from the first frame's start to the last frame's end.
    """

    index: int
    codec: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    turn: Turn
    sample_aspect_ratio: Fraction
    pixel_format: str
    layout: PixelLayout
    colour: ColourTags
    matrix: Matrix
    grid: FrameGrid
    keys: tuple[int, ...]
    clock: StreamClock
    by_order: bool
    constant_rate: bool
    average_rate: Fraction
    frame_duration: Fraction
    duration: Fraction

    @property
    def rotation(self) -> int:
        """Clockwise quarter turn from coded to display orientation, degrees."""
        return self.turn.rotation

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.grid.pts)

    @property
    def bit_depth(self) -> int:
        return self.layout.depth

    def time(self, index: int) -> Fraction:
        """When frame `index` starts, in seconds of presentation time."""
        return self.grid.pts[index] * self.grid.time_base

    @property
    def end(self) -> Fraction:
        """When the last frame stops being shown, in seconds of presentation time."""
        return self.grid.end * self.grid.time_base


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The first audio stream.

    Attributes:
        index: of the stream in the container.
        codec: FFmpeg's name of the codec.
        rate: samples per second.
        layout: FFmpeg's name of the channel layout.
        channels: number of channels.
        start: presentation time in seconds of the first audible sample (0 unless the sound starts late).
        duration: seconds as the header tells, 0 if it does not; `media.audio.audio_length` counts exactly.
    """

    index: int
    codec: str
    rate: int
    layout: str
    channels: int
    start: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What `probe` found out about a file.

    Attributes:
        name: file name without folder.
        container: FFmpeg's name of the format.
        size: bytes.
        video: None for a file with sound only.
        audio: None for a file without sound.
        origin: container time in seconds that presentation time counts from.
        still: the video is one still image.
        warnings: plain sentences about what was changed or is odd.
    """

    name: str
    container: str
    size: int
    video: VideoInfo | None
    audio: AudioInfo | None
    origin: Fraction = Fraction(0)
    still: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> Fraction:
        """Seconds of presentation: the end of whatever ends last."""
        video = self.video.end if self.video else Fraction(0)
        audio = self.audio.start + self.audio.duration if self.audio else Fraction(0)
        return max(video, audio)
