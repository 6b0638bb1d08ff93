"""Files that are not what they say, are damaged, or try to reach other files: one clear sentence, nothing followed."""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest
from tests.synthetic import Sound, cfr, make_clip, make_still, make_wav, tone

from lipwright.errors import (
    AudioInaccessible,
    AudioInvalid,
    DurationExceeded,
    LipwrightError,
    MediaError,
    ResolutionUnsupported,
    VideoInaccessible,
)
from lipwright.media.audio import audio_length, decode_audio
from lipwright.media.guard import Limits
from lipwright.media.probe import probe, probe_audio
from lipwright.media.reader import open_reader

FAST = {"preset": "ultrafast"}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "good.mp4", cfr(Fraction(25), 25, options=FAST, sound=Sound(duration=Fraction(1))))


def sentence(error: LipwrightError) -> str:
    message = error.message
    assert "\n" not in message
    assert message.endswith(".")
    assert message[0].isupper() or message[0] in "'\""
    return message


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{name}\n#EXT-X-ENDLIST\n"
TEXTS = {
    "hls playlist": PLAYLIST,
    "hls playlist with a byte order mark": "\ufeff" + PLAYLIST,
    "concat script": "ffconcat version 1.0\nfile {name}\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{name}"/></svg>',
    "dash manifest": '<?xml version="1.0"?><MPD><BaseURL>{name}</BaseURL></MPD>',
    "plain text": "This is a letter, renamed.\n" * 40,
    "session description": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:05,000\nHello\n",
    "text in another language": "Привет, это письмо.\n" * 30,
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".m3u8"])
def test_text_is_refused_whatever_its_name(tmp_path: Path, good: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"video{suffix}"
    path.write_text(TEXTS[kind].format(name=good), encoding="utf-8")
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert "video" in sentence(caught.value)
    with pytest.raises(AudioInvalid):
        probe_audio(path)


def test_a_playlist_behind_media_looking_bytes_is_not_followed(tmp_path: Path, good: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"\x00\x01" + PLAYLIST.format(name=good).encode())
    with pytest.raises(MediaError):
        probe(path)
    path.write_bytes(b"ffconcat version 1.0\nfile " + str(good).encode() + b"\n#\x00\x00")
    with pytest.raises(MediaError):
        probe(path)


def _with_external_data(data: bytes, location: bytes) -> bytes:
    """An MP4 whose header comes last, with its data reference pointing to `location` and its own samples wiped."""
    out = bytearray(data)
    box = out.find(b"url \x00\x00\x00\x01")
    assert box > out.find(b"moov") > out.find(b"mdat") > 0
    out[box + 4 : box + 8] = b"\x00\x00\x00\x00"  # flag 1 means "in this file"
    out[box + 8 : box + 8] = location + b"\x00"
    for name in (b"url ", b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = out.rfind(name, 0, box + 4) - 4
        size = struct.unpack_from(">I", out, at)[0]
        struct.pack_into(">I", out, at, size + len(location) + 1)
    mdat = out.find(b"mdat")
    size = struct.unpack_from(">I", out, mdat - 4)[0]
    out[mdat + 4 : mdat - 4 + size] = bytes(size - 8)
    return bytes(out)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_an_mp4_that_keeps_its_data_in_another_file_is_not_followed(tmp_path: Path, scheme: str) -> None:
    other = make_clip(tmp_path / "other.mp4", cfr(Fraction(25), 25, options=FAST))
    path = tmp_path / "reference.mp4"
    path.write_bytes(_with_external_data(other.read_bytes(), (scheme + str(other)).encode()))
    with pytest.raises(MediaError, match=r"reference\.mp4"):
        probe(path)


@pytest.mark.parametrize(
    "name",
    [
        "http://127.0.0.1:9/v.mp4",
        "concat:a.mp4|b.mp4",
        "data:video/mp4;base64,AAAA",
        "frame%03d.png",
        "pipe:0",
        "*.png",
    ],
)
def test_names_are_never_interpreted(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_still(tmp_path / "frame001.png", 64, 64, "png")
    with pytest.raises(VideoInaccessible) as caught:
        probe(name)
    sentence(caught.value)


def test_a_real_file_with_a_pattern_in_its_name_opens(tmp_path: Path, good: Path) -> None:
    path = tmp_path / "100%d of it, 50%.mp4"
    path.write_bytes(good.read_bytes())
    assert probe(path).video is not None


@pytest.mark.parametrize("suffix", [".mp4", ".wav"])
def test_missing_empty_folder_and_pipe(tmp_path: Path, suffix: str) -> None:
    missing = tmp_path / f"no{suffix}"
    with pytest.raises(VideoInaccessible, match="There is no") as caught:
        probe(missing)
    assert missing.name in sentence(caught.value)
    with pytest.raises(AudioInaccessible):
        audio_length(missing)
    empty = tmp_path / f"empty{suffix}"
    empty.touch()
    with pytest.raises(MediaError, match="empty"):
        probe(empty)
    with pytest.raises(AudioInvalid, match="empty"):
        probe_audio(empty)
    with pytest.raises(VideoInaccessible):
        probe(tmp_path)
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    with pytest.raises(VideoInaccessible, match="regular"):
        probe(pipe)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission(good: Path) -> None:
    good.chmod(0)
    with pytest.raises(VideoInaccessible):
        probe(good)


@pytest.mark.parametrize("keep", [10, 40, 200, 1000])
def test_a_truncated_header_is_one_sentence(tmp_path: Path, good: Path, keep: int) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(good.read_bytes()[:keep])
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert "cut.mp4" in sentence(caught.value)


def test_noise_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(range(256)) * 400)
    with pytest.raises(MediaError):
        probe(path)
    path.write_bytes(b"PK\x03\x04" + bytes(5000))
    with pytest.raises(MediaError):
        probe(path)
    path.write_bytes(b"\x7fELF" + bytes(5000))
    with pytest.raises(MediaError):
        probe(path)


def test_every_corruption_ends_in_a_result_or_a_sentence(tmp_path: Path, good: Path) -> None:
    """Flip bytes all over a small file: whatever happens, it is a result or one of our errors."""
    original = good.read_bytes()
    path = tmp_path / "flipped.mp4"
    for at in range(0, len(original), max(1, len(original) // 60)):
        data = bytearray(original)
        data[at : at + 3] = bytes(255 - byte for byte in data[at : at + 3])
        path.write_bytes(data)
        try:
            info = probe(path)
            if info.video is not None:
                with open_reader(path, info) as reader:
                    assert sum(1 for _ in reader.frames()) == info.video.frames
        except LipwrightError as error:
            sentence(error)


def test_sound_only_given_as_video_is_described_and_has_no_frames(tmp_path: Path) -> None:
    path = make_wav(tmp_path / "sound.mp4", tone(Sound(duration=Fraction(1))), 48000)
    info = probe(path)
    assert info.video is None
    assert info.audio is not None
    with pytest.raises(MediaError, match="no video"):
        open_reader(path, info)


def test_video_without_sound_given_as_audio(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "silent.mp4", cfr(Fraction(25), 10, options=FAST))
    with pytest.raises(AudioInvalid, match="no sound"):
        probe_audio(path)
    with pytest.raises(AudioInvalid, match="no sound"):
        next(decode_audio(path))


def _png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_header(30000, 30000))
    with pytest.raises(MediaError) as caught:
        probe(path)
    sentence(caught.value)
    huge = tmp_path / "8k.mp4"
    with av.open(str(huge), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=FAST)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(7680, 4320, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(ResolutionUnsupported, match="7680x4320"):
        probe(huge)


def test_limits_on_duration_frames_size_and_smallness(tmp_path: Path, good: Path) -> None:
    with pytest.raises(DurationExceeded, match=r"1\.0 s"):
        probe(good, Limits(max_duration=Fraction(1, 2)))
    with pytest.raises(MediaError, match="more than 20 frames"):
        probe(good, Limits(max_frames=20))
    with pytest.raises(MediaError, match="bytes"):
        probe(good, Limits(max_bytes=1000))
    with pytest.raises(MediaError, match="streams"):
        probe(good, Limits(max_streams=1))
    with pytest.raises(ResolutionUnsupported):
        probe(good, Limits(max_pixels=1000))
    sound = make_wav(tmp_path / "long.wav", tone(Sound(duration=Fraction(3))), 48000)
    with pytest.raises(DurationExceeded):
        audio_length(sound, Limits(max_duration=Fraction(2)))
