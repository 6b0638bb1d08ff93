"""Whether an encoder of ours can be like the one that made a source, so that both kinds of packets are one stream."""

from __future__ import annotations

from dataclasses import replace

from lipwright.media.encoders import SMALLEST, Likeness
from lipwright.media.frames import unpacking_of
from lipwright.media.h264 import LEVELS, PROFILES, ParameterSets, SequenceSet, sequence_set
from lipwright.media.hevc import PROFILES as HEVC_PROFILES
from lipwright.media.hevc import HevcSequence, HevcSets
from lipwright.media.hevc import sequence_set as hevc_sequence_set
from lipwright.media.info import VideoInfo
from lipwright.media.stream_sets import StreamSets

NAMES = {"h264": "H.264", "hevc": "HEVC"}


class Refused(Exception):
    """Ends the look at a source; the text is the reason, as a sentence."""


def check_kind(video: VideoInfo) -> None:
    """Refuse a video of which it can be told from its pictures that they could not be encoded alike."""
    if video.codec not in NAMES:
        # An MP4 track holds AV1 of one sequence header only; VP9 could be cut, but few play it from an MP4.
        name = {"libdav1d": "AV1"}.get(video.codec, video.codec.upper())
        raise Refused(f"The video is in {name}, and the output is in H.264.")
    if video.by_order:
        raise Refused("The video's timestamps are unusable.")
    coded = unpacking_of(video.pixel_format)
    if coded.convert is not None or coded.unpack.layout != video.layout.name or coded.note:
        raise Refused(f"The output cannot hold the video's {video.pixel_format} pictures as they are.")
    if video.coded_width % video.layout.sub_x or video.coded_height % video.layout.sub_y:
        raise Refused(f"The video's size, {video.coded_width}x{video.coded_height}, is odd.")


def sets_of(extradata: bytes, video: VideoInfo) -> StreamSets:
    """The parameter sets of a stream that an encoder of ours can be like; refused if there is none."""
    name = NAMES[video.codec]
    sets: StreamSets
    try:
        if video.codec == "hevc":
            sets = HevcSets.of(extradata)
            sets.free_numbers()
            kinds = {_hevc_kind(hevc_sequence_set(unit)) for unit in sets.sequence}
        else:
            sets = ParameterSets.of(extradata)
            sets.free_number()
            kinds = {_h264_kind(sequence_set(unit)) for unit in sets.sequence}
    except ValueError:
        raise Refused(f"The parameter sets of the video's {name} stream are missing or damaged.") from None
    profile, chroma, depths, whole = kinds.pop()
    if not whole:
        raise Refused("The video is interlaced.")
    known: object = profile in (HEVC_PROFILES if video.codec == "hevc" else PROFILES)
    if not known or kinds:
        raise Refused(f"The video's {name} profile ({profile}) is not one that can be matched.")
    if video.codec == "hevc" and min(video.coded_width, video.coded_height) < SMALLEST:
        raise Refused(f"The video's pictures, {video.coded_width}x{video.coded_height}, are too small for the encoder.")
    if depths != (video.layout.depth, video.layout.depth) or (video.codec == "hevc" and chroma != 1):
        raise Refused(f"The video's samples have {depths[0]} and {depths[1]} bits.")
    return replace(sets, turn=video.turn)


def _h264_kind(sequence: SequenceSet) -> tuple[int, int, tuple[int, int], bool]:
    depths = sequence.luma_depth, sequence.chroma_depth
    return sequence.profile, sequence.chroma, depths, sequence.progressive


def _hevc_kind(sequence: HevcSequence) -> tuple[int, int, tuple[int, int], bool]:
    depths = sequence.luma_depth, sequence.chroma_depth
    return sequence.profile, sequence.chroma, depths, not sequence.interlaced


def likeness(sets: StreamSets, delay: int, *, in_band: bool, light: tuple[bytes, ...]) -> Likeness:
    """What an encoder has to keep to whose packets stand between those of a stream with these parameter sets.

    Args:
        sets: as `sets_of` gave them.
        delay: by how many frames the stream's decoding runs ahead of showing.
        in_band: its packets hold parameter sets, too.
        light: units on light and colour that its key frames have.
    """
    reorder = min(delay, 2)
    if isinstance(sets, HevcSets):
        return Likeness(None, sets.main.level, sets.free_numbers(), reorder, in_band, sets.turn, light)
    assert isinstance(sets, ParameterSets)
    main = sets.main
    level = next((level for level in LEVELS if level >= main.level), LEVELS[-1])
    return Likeness(PROFILES[main.profile], level, sets.free_number(), reorder, in_band, sets.turn)
