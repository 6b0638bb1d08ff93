"""Attacks by JSON, forms, lengths and slowness: refused in the one shape of errors, and the service goes on."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.servers.attacking import ask, head, raw, refused, upload
from tests.servers.running import Running


def _body(text: str) -> bytes:
    """A request that is right but for what is put in."""
    return ('{"model":"lipsync-2","input":[{"type":"video","url":"https://media.test/v.mp4"},'
            '{"type":"audio","url":"https://media.test/a.wav"}],' + text + "}").encode("utf-8",
            "surrogatepass")  # fmt: skip


JSON: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"{", 400),
    "not UTF-8": (b'{"model":"\xff\xfe"}', 400),
    "an array": (b"[]", 400),
    "a string": (b'"x"', 400),
    "a number": (b"7", 400),
    "null": (b"null", 400),
    "deep arrays": (b"[" * 30_000, 400),
    "deep and closed": (_body('"x":' + "[" * 5000 + "]" * 5000), 400),
    "deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
    "a little too deep": (_body('"x":' + "[" * 70 + "]" * 70), 400),
    "too large": (_body('"x":"' + "a" * 70_000 + '"'), 413),
    "NaN": (_body('"options":{"temperature":NaN}'), 400),
    "Infinity": (_body('"options":{"temperature":-Infinity}'), 400),
    "1e999": (_body('"options":{"temperature":1e999}'), 400),
    "a very long number": (_body('"options":{"temperature":' + "9" * 6000 + "}"), 400),
    "a large number": (_body('"options":{"temperature":' + "9" * 400 + "}"), 400),
    "a large time": (_body('"segments":[{"startTime":0,"endTime":1e300,"audioInput":{"refId":"a"}}]'), 400),
    "a large frame": (
        _body('"segments":[{"startFrame":0,"endFrame":%s,"audioInput":{"refId":"a"}}]' % ("9" * 300)),
        400,
    ),
    "a key twice": (_body('"model":"sync-3"'), 400),
    "a key twice inside": (_body('"options":{"sync_mode":"loop","sync_mode":"remap"}'), 400),
    "half a character": (_body('"projectId":"\\ud800"'), 400),
    "half a character as a key": (_body('"\\udfff":1'), 400),
    "NUL": (_body('"projectId":"a\\u0000b"'), 400),
    "NUL as a key": (_body('"a\\u0000":1'), 400),
    "a raw control character": (_body('"projectId":"a\nb"'), 400),
    "a byte order mark": (b"\xef\xbb\xbf[]", 400),
    "many keys twice": (b"{" + b",".join(b'"%d":1' % (number // 2) for number in range(7000)) + b"}", 400),
    "compressed": (gzip.compress(_body('"x":1')), 400),
    "pickle": (b"\x80\x04\x95", 400),
    "XML": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', 400),
}
TAKERS = [("POST", "/v2/generate"), ("POST", "/v2/analyze/cost"), ("POST", "/v2/batch")]
SMALL_TAKERS = [("POST", "/v2/generations/estimate"), ("POST", "/v2/assets"), ("POST", "/v2/assets/upload")]


@pytest.mark.parametrize("name", JSON)
def test_odd_json(target: Running, name: str) -> None:
    data, status = JSON[name]
    for method, path in [*TAKERS, *SMALL_TAKERS]:
        before = time.monotonic()
        refused(ask(target, method, path, data=data, headers={"Content-Type": "application/json"}), status)
        assert time.monotonic() - before < 5


@pytest.mark.parametrize(("kind", "status"), [
    ("text/html", 415), ("application/xml", 415), ("application/x-www-form-urlencoded", 400),
    ("application/octet-stream", 415),
    ("multipart/form-data", 400), ("multipart/form-data; boundary=", 400), ("multipart/mixed; boundary=x", 415),
    ("application/json; charset=utf-7", 400), ("\xff", 415), ("/", 415), ("application/json, text/html", 415),
])  # fmt: skip
def test_odd_types(target: Running, kind: str, status: int) -> None:
    refused(ask(target, "POST", "/v2/generate", data=b"--x", headers={"Content-Type": kind.encode("latin-1")}), status)


def test_a_body_that_stops_arriving(target: Running) -> None:
    for start, kind in ((b'{"a"', "application/json"), (MODEL, "multipart/form-data; boundary=x")):
        before = time.monotonic()
        said = raw(target, head(target, "POST /v2/generate", Content_Type=kind, Content_Length="1000") + start)
        assert said.startswith(b"HTTP/1.1 408")
        assert json.loads(said.partition(b"\r\n\r\n")[2])["errorCode"] == "request_timeout"
        assert time.monotonic() - before < 5


def test_an_upload_that_stops_arriving(target: Running) -> None:
    given = {"fileName": "a.mp4", "contentType": "video/mp4", "size": 100}
    url = ask(target, "POST", "/v2/assets/upload", json=given).json()["uploadUrl"]
    path = url[url.index("/files/") :]
    said = raw(target, head(target, f"PUT {path}", Content_Type="video/mp4", Content_Length="100") + b"abc")
    assert said.startswith(b"HTTP/1.1 408")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["errorCode"] == "request_timeout"


def test_lengths_that_are_lies(target: Running) -> None:
    json_ = {"Content_Type": "application/json"}
    short = raw(target, head(target, "POST /v2/generate", Content_Length="100", **json_) + b"{}", close=True)
    assert not short.startswith(b"HTTP/1.1 5")
    long = raw(target, head(target, "POST /v2/generate", Content_Length="2", **json_) + b"{}" * 100)
    assert long.startswith(b"HTTP/1.1 400")
    huge = raw(target, head(target, "POST /v2/generate", Content_Length="99999999999999", **json_) + b"{}")
    assert huge.startswith(b"HTTP/1.1 413")
    for wrong in ("-1", "1,1", "0x10", "9" * 60, "abc", "+5"):
        said = raw(target, head(target, "POST /v2/generate", Content_Length=wrong, **json_) + b"{}")
        assert said.startswith(b"HTTP/1.1 4"), wrong
    endless = raw(
        target, head(target, "POST /v2/generate", Transfer_Encoding="chunked", **json_) + b"ffffffffffffffffffff\r\n"
    )
    assert endless.startswith(b"HTTP/1.1 4") or not endless


def _part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode("latin-1") + value + b"\r\n"


MODEL = _part("model", b"lipsync-2")
FILE = '; filename="v.mp4"'
END = b"--x--\r\n"
OPEN_FILE = b'--x\r\nContent-Disposition: form-data; name="video"; filename="v"\r\n\r\n'
NESTED = "\r\nContent-Type: multipart/mixed; boundary=y"
FORMS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "nothing": (b"", (400,)),
    "no boundary in it": (b"hello", (400,)),
    "another boundary": ((MODEL + END).replace(b"--x", b"--y"), (400,)),
    "no end": (MODEL + _part("options", b"{}"), (400,)),
    "no end in a file": (MODEL + OPEN_FILE + b"abc", (400,)),
    "thousands of texts": (MODEL + _part("input", b"{}") * 5000 + END, (413,)),
    "thousands of files": (MODEL + _part("video", b"x", FILE) * 5000 + END, (413,)),
    "a large text": (MODEL + _part("options", b"{" + b" " * 20_000 + b"}") + END, (413,)),
    "a huge header": (_part("model", b"x", "; a=" + "b" * 300_000) + END, (400, 413)),
    "thousands of headers": (b"--x\r\n" + b"A: b\r\n" * 50_000 + b"\r\nx\r\n--x--\r\n", (400, 413)),
    "no name": (b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--\r\n", (400,)),
    "no disposition": (b"--x\r\nContent-Type: text/plain\r\n\r\nx\r\n--x--\r\n", (400,)),
    "nested": (_part("input", b"--y\r\n\r\n{}\r\n--y--\r\n", NESTED) + END, (400,)),
    "a charset that makes halves of characters": (MODEL + _part("\\ud800", b"x", FILE) + END, (400,)),
    "a file twice": (MODEL + _part("video", b"x", FILE) * 2 + END, (400,)),
    "a file of another name": (MODEL + _part("../../etc/passwd", b"x", FILE) + END, (400,)),
    "NUL in a text": (_part("model", b"lipsync-2\x00") + END, (400,)),
    "NUL in the label": (MODEL + _part("projectId", b"a\x00") + END, (400,)),
    "not UTF-8": (MODEL + _part("projectId", b"\xff\xfe") + END, (400,)),
    "a file as a text": (MODEL + _part("options", b"\xff\xfe\x00", FILE) + END, (400,)),
    "deep JSON": (MODEL + _part("options", b"[" * 9000) + END, (400,)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_odd_forms(target: Running, name: str) -> None:
    data, statuses = FORMS[name]
    charset = "; charset=unicode_escape" if "charset" in name else ""
    kind = {"Content-Type": f"multipart/form-data; boundary=x{charset}"}
    refused(ask(target, "POST", "/v2/generate", data=data, headers=kind), *statuses)
    refused(ask(target, "POST", "/v2/batch", data=data, headers=kind), 400, 413)


def test_a_form_larger_than_anything_allowed(target: Running) -> None:
    def endless() -> Iterator[bytes]:
        yield MODEL + OPEN_FILE
        for _ in range(2000):
            yield bytes(1 << 20)

    try:
        answer = ask(
            target, "POST", "/v2/generate", data=endless(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
    except requests.ConnectionError:
        return  # the connection was closed while there was still more to send
    refused(answer, 413)


def test_names_of_files_are_only_names(target: Running, good: dict[str, bytes]) -> None:
    for name in (
        "../../../../tmp/owned.mp4",
        "/etc/passwd",
        "C:\\windows\\x.mp4",
        "a\x01b.mp4",
        ".",
        "..",
        "é" * 300,
        "con.mp4",
    ):
        answer = upload(target, {"video": (name, good["v.mp4"]), "audio": ("a.wav", good["a.wav"])})
        assert answer.status_code == 201, answer.text
    assets = ask(target, "GET", "/v2/assets").json()["items"]
    assert assets
    assert all("/" not in one["name"] and "\\" not in one["name"] and ".." not in one["name"] for one in assets)
    assert not Path("/tmp/owned.mp4").exists()
