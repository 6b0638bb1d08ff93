"""Videos and speech to measure with, made in code and made cheaply.

The face is that of a clip of ../shared/clips, to and fro so that it never jumps, scaled to the size wanted; without the
clips it is the portrait of the demonstration under a moving camera. Some seconds are encoded once, in closed groups of
pictures, by x264 as people use it; longer videos repeat those packets with later times, so that an hour of video is
there in seconds. The sound beside it is made in the same way. All of it goes through PyAV and not through Lipwright's
own writer: what is measured should not have been made by what measures up to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from lipwright.generation.demo import MOVE
from lipwright.generation.sample import CameraMove, pan_and_zoom
from lipwright.generation.wav import wav_bytes
from lipwright.models.registry import model_path
from lipwright.speech.tts import TextToSpeech
from lipwright.timeline.request import TextInput

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared" / "clips" / "lp_s32_laugh_720p.mp4"
RATE = 25
TURN = 10
"""Seconds that are encoded and then repeated."""
WORDS = (
    "People ask how fast this goes, so we time it. Maybe five or six frames pass before a word is over. "
    "The mouth opens, moves, and closes again. Bob brought paper, Fred found five vases, and nobody was in a hurry. "
)
_SOUND_RATE, _AAC_FRAME, _SOUND_PERIOD = 48_000, 1024, 750  # 750 AAC frames are 16 s exactly

U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A video to make.

    Attributes:
        seconds: how long; a multiple of `turn`.
        keys: seconds from one key frame to the next.
        faces: how many copies of the face stand side by side, in a grid of three by two; 0 for one that fills the
            picture.
        sound: with AAC in stereo.
        turn: seconds that are encoded and then repeated; a multiple of `keys`.
    """

    width: int
    height: int
    seconds: int
    keys: int = 2
    faces: int = 0
    sound: bool = True
    turn: int = TURN

    @property
    def stretch(self) -> str:
        """Names the seconds that this video repeats."""
        return f"{self.width}x{self.height}-turn{self.turn}-keys{self.keys}-faces{self.faces}"


class Workshop:
    """Makes inputs in `folder`, each once."""

    def __init__(self, folder: Path, clip: Path | None = CLIP) -> None:
        self._folder = folder
        self._clip = clip if clip is not None and clip.is_file() else None
        self._said: tuple[NDArray[np.float32], int] | None = None

    @property
    def shows(self) -> str:
        """Whose face it is."""
        return self._clip.name if self._clip is not None else "portrait"

    def video(self, wanted: Wanted) -> Path:
        """The video, made if it is not there yet."""
        path = self._folder / f"in-{wanted.stretch}-{wanted.seconds}s{'' if wanted.sound else '-silent'}.mp4"
        if not path.exists():
            _repeat(self._pictures(wanted), self._sound() if wanted.sound else None, wanted, path)
        return path

    def speech(self, seconds: int) -> Path:
        """Speech of exactly that length."""
        path = self._folder / f"speech-{seconds}.wav"
        if not path.exists():
            samples, rate = self._spoken()
            path.write_bytes(wav_bytes(np.resize(samples, seconds * rate), rate))
        return path

    def _spoken(self) -> tuple[NDArray[np.float32], int]:
        if self._said is None:
            said = TextToSpeech().speak(TextInput(WORDS, "heart", "local"))
            self._said = said.samples, said.rate
        return self._said

    def _pictures(self, wanted: Wanted) -> Path:
        """The pictures of one turn."""
        path = self._folder / f"stretch-{wanted.stretch}.mp4"
        if not path.exists():
            frames = (
                _portrait(wanted.turn * RATE) if self._clip is None else _to_and_fro(self._clip, wanted.turn * RATE)
            )
            _encode(frames, wanted, path)
        return path

    def _sound(self) -> Path:
        """Sixteen seconds of sound that can be repeated: the second of two turns, so that the coder is in its swing."""
        path = self._folder / "stretch-sound.mp4"
        if not path.exists():
            samples, rate = self._spoken()
            length = _SOUND_PERIOD * _AAC_FRAME
            times = np.arange(length) * (rate / _SOUND_RATE)
            turn = np.interp(times, np.arange(len(samples)), samples).astype(np.float32)
            _encode_sound(np.tile(turn, 2), path)
        return path


def _to_and_fro(clip: Path, count: int) -> Iterator[U8]:
    """`count` pictures of `clip` as RGB, forward and back again, so that the first follows the last."""
    turn = count // 2
    with av.open(str(clip)) as container:
        held = [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), turn + 1)]
    yield from chain(held[:turn], reversed(held[1:]))


def _portrait(count: int) -> Iterator[U8]:
    """`count` pictures of the portrait, 1280x720 RGB, that end where they began."""
    portrait = cv2.imread(str(model_path("astronaut.png")))
    assert portrait is not None
    move = CameraMove(there=MOVE.there, back=MOVE.back, period=Fraction(count, RATE))
    for rgb in pan_and_zoom(
        np.ascontiguousarray(portrait[..., ::-1]), move, 720, (Fraction(n, RATE) for n in range(count))
    ):
        yield np.pad(rgb, ((0, 0), (280, 280), (0, 0)), mode="edge")


def grid(width: int, height: int, faces: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the first `faces` cells of a grid of three by two."""
    for place in range(faces):
        row, column = divmod(place, 3)
        yield (
            slice(row * height // 2, (row + 1) * height // 2),
            slice(column * width // 3, (column + 1) * width // 3),
        )


def arranged(rgb: U8, width: int, height: int, faces: int) -> U8:
    """The picture scaled to the size wanted, or its middle in each of the first cells of a grid on grey."""
    if not faces:
        return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    canvas = np.full((height, width, 3), 96, np.uint8)
    for rows, columns in grid(width, height, faces):
        cell_height, cell_width = rows.stop - rows.start, columns.stop - columns.start
        part = min(rgb.shape[1], rgb.shape[0] * cell_width // cell_height)
        left = (rgb.shape[1] - part) // 2
        middle = rgb[:, left : left + part]
        canvas[rows, columns] = cv2.resize(middle, (cell_width, cell_height), interpolation=cv2.INTER_AREA)
    return canvas


def _encode(frames: Iterator[U8], wanted: Wanted, path: Path) -> None:
    """Write pictures as `x264 --preset fast --crf 21` does, with B-frames, in closed groups of one length."""
    every = wanted.keys * RATE
    options = {"preset": "fast", "crf": "21", "x264-params": f"keyint={every}:min-keyint={every}:scenecut=0:open-gop=0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = wanted.width, wanted.height, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        for index, rgb in enumerate(frames):
            picture = arranged(rgb, wanted.width, wanted.height, wanted.faces)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _encode_sound(samples: NDArray[np.float32], path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        for at in range(0, len(samples), _AAC_FRAME):
            block = np.ascontiguousarray(np.stack([samples[at : at + _AAC_FRAME]] * 2))
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, at, Fraction(1, _SOUND_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _repeat(pictures: Path, sound: Path | None, wanted: Wanted, path: Path) -> None:
    """Write the packets of one turn of pictures, and of sound, again and again until all seconds are full."""
    if wanted.seconds % wanted.turn or wanted.turn % wanted.keys:
        raise ValueError(f"{wanted.seconds} s are not made of turns of {wanted.turn}, or those of {wanted.keys}")
    with ExitStack() as stack:
        out = stack.enter_context(av.open(str(path), "w"))
        source = stack.enter_context(av.open(str(pictures)))
        tracks = [_Track(out, source.streams.video[0], list(source.demux(video=0)), Fraction(wanted.turn))]
        if sound is not None:
            beside = stack.enter_context(av.open(str(sound)))
            turn = Fraction(_SOUND_PERIOD * _AAC_FRAME, _SOUND_RATE)
            swung = [p for p in beside.demux(audio=0) if p.pts is not None and turn <= p.pts * p.time_base < 2 * turn]
            tracks.append(_Track(out, beside.streams.audio[0], swung, turn, -turn))
        # A turn of one and then of the other: the container sorts what lies that close.
        for until in range(wanted.turn, wanted.seconds + wanted.turn, wanted.turn):
            for track in tracks:
                track.copy(Fraction(until))


class _Track:
    """One stream of `out` whose packets, a turn of `period` seconds, are written again and again."""

    def __init__(
        self,
        out: OutputContainer,
        template: av.VideoStream | av.AudioStream,
        packets: Sequence[av.Packet[Any]],
        period: Fraction,
        shift: Fraction = Fraction(0),
    ) -> None:
        self._out, self._period, self._shift = out, period, shift
        self._stream = out.add_stream_from_template(template)
        assert template.time_base is not None
        self._base = template.time_base
        self._packets = [
            (bytes(p), p.pts, p.dts, p.duration, p.is_keyframe)
            for p in packets
            if p.pts is not None and p.dts is not None
        ]
        self._next = 0

    def copy(self, until: Fraction) -> None:
        """Write on until as many packets are there as `until` seconds hold."""
        count = round(until * len(self._packets) / self._period)
        for number in range(self._next, count):
            turn, at = divmod(number, len(self._packets))
            data, pts, dts, duration, key = self._packets[at]
            shift = int((self._shift + turn * self._period) / self._base)
            packet = av.Packet(data)
            packet.pts, packet.dts, packet.duration = pts + shift, dts + shift, duration
            packet.time_base, packet.is_keyframe, packet.stream = self._base, key, self._stream
            self._out.mux(packet)
        self._next = count
