"""Attacks by files: those that lie about what they are, grow when looked at, or name other files."""

from __future__ import annotations

import gzip
import io
import socket
import struct
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.servers.attacking import refused, still_good, upload
from tests.servers.running import Running


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server that nobody should come to."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    came.append(connection.recv(1000))

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], came
        stop.set()
        thread.join()


def _zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../v.mp4", data)
    return out.getvalue()


def _tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("/etc/v.mp4")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _png(width: int, height: int, rows: int = 1) -> bytes:
    """A PNG that says it is so large and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(rows * 1000)))
        + chunk(b"IEND", b"")
    )


def _avi(width: int, height: int) -> bytes:
    """An AVI of raw pictures that says they are so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    main = struct.pack("<14I", 40_000, 0, 0, 0, 1, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vidsDIB " + struct.pack("<10I4H", 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 64, 48)
    picture = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    lists = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", picture))
    frames = chunk(b"LIST", b"movi" + chunk(b"00db", bytes(9216)))
    return chunk(b"RIFF", b"AVI " + chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + lists) + frames)


Made = Callable[[dict[str, bytes]], bytes]
CLAIMS: dict[str, Made] = {
    "frames of 100000x100000": lambda good: _avi(100_000, 100_000),
    "frames of 2147483647x2147483647": lambda good: _avi(2**31 - 1, 2**31 - 1),
    "frames of 0x0": lambda good: _avi(0, 0),
    "a video cut in the middle": lambda good: good["v.mp4"][: len(good["v.mp4"]) // 2],
    "a video without its index": lambda good: good["v.mp4"].replace(b"moov", b"moox"),
    "only the first bytes of a video": lambda good: good["v.mp4"][:40],
    "a box larger than the file": lambda good: good["v.mp4"][:4] + b"ftyp" + b"\xff" * 80,
    "a zip of zeros": lambda good: _zipped(bytes(30 << 20)),
    "a gzip of zeros": lambda good: gzip.compress(bytes(30 << 20)),
    "a tar": lambda good: _tarred(good["v.mp4"]),
    "a zip of a video": lambda good: _zipped(good["v.mp4"]),
    "zeros": lambda good: bytes(100_000),
    "one byte": lambda good: b"\0",
    "nothing": lambda good: b"",
    "noise": lambda good: np.random.default_rng(1).bytes(100_000),
    "PDF": lambda good: b"%PDF-1.7\n1 0 obj <</Type/Catalog>> endobj\n%%EOF",
    "ELF": lambda good: b"\x7fELF\x02\x01\x01" + bytes(200),
    "GIF": lambda good: b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x10\0\x10\0\0\x02\x02\x44\x01\0;",
    "matroska of nonsense": lambda good: b"\x1a\x45\xdf\xa3" + b"\xff" * 1000,
    "a picture of 100000x100000": lambda good: _png(100_000, 100_000),
    "a picture of 2147483647x1": lambda good: _png(2**31 - 1, 1),
    "a picture of 0x0": lambda good: _png(0, 0),
}


@pytest.mark.parametrize("kind", ["video", "image"])
@pytest.mark.parametrize("name", CLAIMS)
def test_files_that_are_not_what_they_say(target: Running, good: dict[str, bytes], name: str, kind: str) -> None:
    bad = CLAIMS[name](good)
    before = time.monotonic()
    answer = upload(target, {kind: ("x.mp4", bad), "audio": ("a.wav", good["a.wav"])})
    body = refused(answer, 422)
    assert body["errorCode"].startswith(("generation_input_", "file_size"))
    assert "/" not in str(body["message"])
    assert time.monotonic() - before < 15
    still_good(target, good)


@pytest.mark.parametrize("name", ["a zip of zeros", "nothing", "noise", "GIF", "a picture of 100000x100000", "ELF"])
def test_sounds_that_are_none(target: Running, good: dict[str, bytes], name: str) -> None:
    bad = CLAIMS[name](good)
    body = refused(upload(target, {"video": ("v.mp4", good["v.mp4"]), "audio": ("a.wav", bad)}), 422)
    assert body["errorCode"] == "generation_input_audio_invalid"


SCRIPTS: dict[str, Callable[[str, str], str]] = {
    "m3u8": lambda url, file: (
        f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n{url}\n#EXTINF:1,\n{file}\n#EXT-X-ENDLIST\n"
    ),
    "m3u8 with a key": lambda url, file: (
        f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:1,\nconcat:{file}|{file}\n'
    ),
    "ffconcat": lambda url, file: f"ffconcat version 1.0\nfile '{file}'\nfile '{url}'\n",
    "concat": lambda url, file: f"file '{file}'\nfile '{url}'\n",
    "SDP": lambda url, file: "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "DASH": lambda url, file: (
        f'<?xml version="1.0"?><MPD><Period><AdaptationSet><BaseURL>{url}</BaseURL></AdaptationSet></Period></MPD>'
    ),
    "SVG": lambda url, file: f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/><script>1</script></svg>',
    "HTML": lambda url, file: f'<!doctype html><img src="{url}"><iframe src="{file}">',
    "XXE": lambda url, file: f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{file}">]><svg>&b;</svg>',
    "MVG": lambda url, file: f"push graphic-context\nimage over 0,0 0,0 '{url}'\npop graphic-context\n",
    "a URL": lambda url, file: url,
    "a path": lambda url, file: file,
    "an image pattern": lambda url, file: "/etc/%03d.png",
    "subtitles": lambda url, file: f"1\n00:00:00,000 --> 00:00:01,000\n{file}\n",
    "playlist": lambda url, file: f"[playlist]\nFile1={url}\nNumberOfEntries=1\n",
    "reference": lambda url, file: f"[Reference]\nRef1={url}\n",
}


@pytest.mark.parametrize("kind", ["video", "audio", "image"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_files_that_name_other_files(
    target: Running, good: dict[str, bytes], listener: tuple[int, list[bytes]], tmp_path: Path, name: str, kind: str
) -> None:
    port, came = listener
    (tmp_path / "v.mp4").write_bytes(good["v.mp4"])
    script = SCRIPTS[name](f"http://127.0.0.1:{port}/x.ts", (tmp_path / "v.mp4").as_uri()).encode()
    files = {"video": ("v.mp4", good["v.mp4"]), "audio": ("a.wav", good["a.wav"])}
    if kind == "image":
        del files["video"]
    answer = upload(target, {**files, kind: (f"x.{name}", script)})
    assert refused(answer, 422)["errorCode"].startswith("generation_input_")
    assert came == []


def test_a_movie_with_its_media_elsewhere(
    target: Running, good: dict[str, bytes], listener: tuple[int, list[bytes]]
) -> None:
    port, came = listener
    mp4 = good["v.mp4"]
    at = mp4.index(b"url ") - 4
    url = f"http://127.0.0.1:{port}/x".encode() + b"\0"
    assert mp4[at + 8 : at + 12] == b"\0\0\0\1"  # "the media are in this file"
    outside = mp4[: at + 11] + b"\0" + mp4[at + 12 :]
    answer = upload(target, {"video": ("v.mp4", outside + url), "audio": ("a.wav", good["a.wav"])})
    assert answer.status_code in (201, 422)
    assert came == []


def test_a_sound_that_says_it_is_endless(target: Running, good: dict[str, bytes]) -> None:
    wav = good["a.wav"]
    endless = wav[:4] + b"\xff\xff\xff\xff" + wav[8:]
    at = endless.index(b"data") + 4
    endless = endless[:at] + b"\xff\xff\xff\xff" + endless[at + 4 :]
    before = time.monotonic()
    answer = upload(target, {"video": ("v.mp4", good["v.mp4"]), "audio": ("a.wav", endless)})
    assert answer.status_code in (201, 422), answer.text
    assert time.monotonic() - before < 15


def test_the_process_that_looks_at_media_is_replaced_when_it_dies(target: Running, good: dict[str, bytes]) -> None:
    still_good(target, good)
    process = target.here.services.prober._process
    assert process is not None
    process.kill()
    first = upload(target, {"video": ("v.mp4", good["v.mp4"]), "audio": ("a.wav", good["a.wav"])})
    if first.status_code != 201:
        assert refused(first, 503)["errorCode"] == "generation_media_probe_unavailable"
    still_good(target, good)


def test_media_larger_than_allowed(target: Running, good: dict[str, bytes]) -> None:
    large = good["v.mp4"] + b"\0\0\0\x08free" * ((5 << 20) // 8)
    refused(upload(target, {"video": ("v.mp4", large), "audio": ("a.wav", good["a.wav"])}), 413, 422)
