"""The only place that opens user media: local regular files, known formats, nothing nested, sizes checked first.

User media is hostile. FFmpeg will happily follow a playlist, a concat script or an image pattern to other files and
networks, whatever the file is called. So: the file is opened here, by Python, and FFmpeg is handed the open file, never
a name it could interpret; only demuxers on an allow-list may look at it (that is what keeps the concat script demuxer
away, which opens files by itself), the protocol whitelist is `file`, and any demuxer that asks for another file is
refused. What kind of file it is is told by its first bytes, not by its name. Only allow-listed decoders are used, and
limits are checked against the header before anything is decoded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NoReturn

import av
from av.container import InputContainer

from lipwright.errors import (
    AudioInaccessible,
    AudioInvalid,
    DurationExceeded,
    MediaError,
    ResolutionUnsupported,
    VideoInaccessible,
)

# Names as FFmpeg gives them; one name of a comma-separated group is enough. Deliberately absent: hls, dash, concat,
# image2, webm_dash_manifest, sdp, rtsp, lavfi, tee: everything that reads other files or the network.
DEMUXERS = (
    *("mov", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "flv", "asf", "ogg", "mxf", "ivf"),
    *("h264", "hevc", "m4v", "wav", "w64", "flac", "mp3", "aac", "ac3", "eac3", "aiff", "au", "caf", "amr"),
)
STILL_DEMUXERS = ("jpeg_pipe", "png_pipe", "webp_pipe")
VIDEO_DECODERS = frozenset(
    (
        *("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg1video", "mpeg2video", "mpeg4", "h263", "mjpeg"),
        *("prores", "dnxhd", "ffv1", "theora", "vc1", "wmv3", "wmv2", "wmv1", "msmpeg4v3", "msmpeg4v2", "flv"),
        *("huffyuv", "ffvhuff", "utvideo", "qtrle", "rawvideo", "v210", "dvvideo", "cinepak", "svq3"),
    )
)
STILL_DECODERS = frozenset({"mjpeg", "png", "webp"})
AUDIO_DECODERS = frozenset(
    (
        *("aac", "aac_latm", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "ac3", "eac3", "opus"),
        *("libopus", "vorbis", "flac", "alac", "wmav1", "wmav2", "wmapro", "dca", "truehd", "mlp", "amrnb", "amrwb"),
        *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "wavpack", "tta", "speex", "libspeex"),
    )
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What media may measure before anything of it is decoded.

    Attributes:
        max_pixels: of one frame; the default admits DCI 4K and 4096x4096 but not 8K.
        max_side: of one frame, either way.
        max_still_pixels: of a still image (which is scaled down before it becomes video).
        max_duration: seconds.
        max_frames: of the video.
        max_streams: in the container.
        max_bytes: of the file.
    """

    max_pixels: int = 4096 * 4096
    max_side: int = 7000
    max_still_pixels: int = 64_000_000
    max_duration: Fraction = Fraction(4 * 3600)
    max_frames: int = 4 * 3600 * 60
    max_streams: int = 64
    max_bytes: int = 64 << 30

    def check_size(self, width: int, height: int, what: str, still: bool = False) -> None:
        """Raise `ResolutionUnsupported` if a width x height picture of `what` is too large or too small."""
        pixels, side = (self.max_still_pixels, 4 * self.max_side) if still else (self.max_pixels, self.max_side)
        if width * height > pixels or max(width, height) > side:
            raise ResolutionUnsupported(
                f"{what} is {width}x{height} pixels; at most {pixels / 1e6:.1f} million pixels and "
                f"{side} on a side are supported."
            )
        if min(width, height) < 16:
            raise ResolutionUnsupported(f"{what} is {width}x{height} pixels; at least 16 on a side are needed.")

    def check_duration(self, duration: Fraction, what: str) -> None:
        """Raise `DurationExceeded` if `duration` seconds of `what` are too many."""
        if duration > self.max_duration:
            raise DurationExceeded(
                f"{what} lasts {float(duration):.1f} s; at most {float(self.max_duration):g} s are allowed."
            )


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a file is opened as, which decides the class of the errors."""

    noun: str
    missing: type[MediaError]
    broken: type[MediaError]


AS_VIDEO = Purpose("video", VideoInaccessible, MediaError)
AS_AUDIO = Purpose("audio", AudioInaccessible, AudioInvalid)


@contextmanager
def open_media(
    path: str | os.PathLike[str], purpose: Purpose = AS_VIDEO, limits: Limits | None = None
) -> Iterator[InputContainer]:
    """Open a local media file for reading, safely.

    Args:
        path: a local file. It is never interpreted: URLs, `concat:` lists and `%d` patterns are just names of files.
        purpose: video or audio, for the wording and class of errors.
        limits: the limits on file size and number of streams.

    Raises:
        VideoInaccessible, AudioInaccessible: there is no such regular file or it may not be read.
        MediaError, AudioInvalid: it is not media of a supported kind.
    """
    limits = limits or Limits()
    file = _open_file(Path(path), purpose, limits)
    try:
        container = _open_container(file, Path(path).name, purpose, limits)
        try:
            yield container
        finally:
            container.close()
    finally:
        file.close()


def _open_file(path: Path, purpose: Purpose, limits: Limits) -> BinaryIO:
    """The file, open; checked after opening, so that nothing can be swapped in between."""
    name = path.name or str(path)
    try:
        # Not blocking, so that a named pipe does not hang the job before it is refused.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise purpose.missing(f"There is no {purpose.noun} file {name!r}; a local file is needed.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise purpose.missing(f"The {purpose.noun} file {name!r} cannot be opened: {reason}.") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise purpose.missing(f"{name!r} is not a regular file; a local {purpose.noun} file is needed.")
        if status.st_size == 0:
            raise purpose.broken(f"The {purpose.noun} file {name!r} is empty (0 bytes).")
        if status.st_size > limits.max_bytes:
            raise purpose.broken(
                f"The {purpose.noun} file {name!r} has {status.st_size} bytes; at most {limits.max_bytes} are allowed."
            )
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _open_container(file: BinaryIO, name: str, purpose: Purpose, limits: Limits) -> InputContainer:
    refuse_disguise(file, name, purpose)
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join((*DEMUXERS, *STILL_DEMUXERS)),
        "enable_drefs": "0",
        "use_absolute_path": "0",
    }
    try:
        container = _open_with(file, options)
    except (av.FFmpegError, OSError, ValueError, UnicodeDecodeError):
        raise purpose.broken(
            f"{name!r} is not {purpose.noun} that can be read: its content is damaged or of no supported kind."
        ) from None
    if len(container.streams) > limits.max_streams:
        count = len(container.streams)
        container.close()
        raise purpose.broken(f"{name!r} holds {count} streams; at most {limits.max_streams} are allowed.")
    most = 2 * max(limits.max_pixels, limits.max_still_pixels)
    for stream in container.streams.video:
        # The header is checked exactly; this stops a stream whose frames turn out larger than its header says.
        stream.codec_context.options = {"max_pixels": str(most)}
    return container


def _open_with(file: BinaryIO, options: dict[str, str]) -> InputContainer:
    try:
        return av.open(file, "r", container_options=options, buffer_size=1 << 18, io_open=_refuse_nested)
    except av.OptionNotFoundError:  # an option that only some demuxers have
        file.seek(0)
        base = {key: value for key, value in options.items() if key.endswith("_whitelist")}
        return av.open(file, "r", container_options=base, buffer_size=1 << 18, io_open=_refuse_nested)


def _refuse_nested(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    """FFmpeg's request for a second file; media that needs one is refused."""
    raise PermissionError("media may not refer to other files")


# Beginnings of text files that describe media kept elsewhere, or that FFmpeg has no business with.
_TEXTUAL = (
    *(b"#EXTM3U", b"ffconcat", b"<?xml", b"<svg", b"<MPD"),
    *(b"<!DOCTYPE", b"<html", b"[playlist]", b"v=0", b"file "),
)


def refuse_disguise(file: BinaryIO, name: str, purpose: Purpose) -> None:
    """Raise if the file is text (a playlist, script or page) whatever its name says; leaves the file at its start.

    Every supported kind of media has bytes near its start that no text has, so text is told by their absence.
    """
    head = file.read(512)
    file.seek(0)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if any(start[: len(mark)].lower() == mark.lower() for mark in _TEXTUAL):
        raise purpose.broken(f"{name!r} is a text file (a playlist, script or page), not {purpose.noun}.")
    if all(byte >= 32 or byte in b"\t\r\n\f\x1b" for byte in head):
        raise purpose.broken(f"{name!r} is a text file, not {purpose.noun}.")
