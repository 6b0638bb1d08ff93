"""Links: what is signed cannot be changed, and only our own URLs are taken for ours."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.service.storage.keys import checked
from lipwright.service.storage.links import Grant, Links
from lipwright.service.storage.opening import memory_objects

NOW = 1_800_000_000.0
HOUR = timedelta(hours=1)


def links(public_url: str = "https://lips.example.org/api", secret: bytes = b"s" * 32) -> Links:
    return Links(memory_objects(), secret, public_url, clock=lambda: NOW)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def test_a_download_link_allows_reading_until_it_expires() -> None:
    made = links()
    url = made.download("jobs/7/out.mp4", HOUR, "Grüße.mp4", "video/mp4")
    assert url.startswith("https://lips.example.org/api/files/jobs/7/out.mp4?")
    grant = Grant("GET", "jobs/7/out.mp4", int(NOW) + 3600, "Grüße.mp4", "video/mp4")
    assert made.verify("GET", "jobs/7/out.mp4", query_of(url)) == grant
    assert made.verify("HEAD", "jobs/7/out.mp4", query_of(url)) == grant
    assert made.verify("GET", "jobs/7/out.mp4", query_of(url), NOW + 3599.9) == grant
    assert made.verify("GET", "jobs/7/out.mp4", query_of(url), NOW + 3600) is None


def test_an_upload_link_allows_one_type_and_size() -> None:
    made = links()
    url = made.upload("uploads/a.mp4", "video/mp4", 5_000, HOUR)
    grant = Grant("PUT", "uploads/a.mp4", int(NOW) + 3600, None, "video/mp4", 5_000)
    assert made.verify("PUT", "uploads/a.mp4", query_of(url)) == grant


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "put", "OPTIONS", ""])
def test_an_upload_link_allows_no_other_method(method: str) -> None:
    made = links()
    assert made.verify(method, "a", query_of(made.upload("a", "video/mp4", 5, HOUR))) is None


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "get"])
def test_a_download_link_allows_no_other_method(method: str) -> None:
    made = links()
    assert made.verify(method, "a", query_of(made.download("a", HOUR))) is None


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "1900000000"},
        {"expires": " 1800003600"},
        {"expires": "+1800003600"},
        {"expires": "\uff11\uff18\uff10\uff10\uff10\uff10\uff13\uff16\uff10\uff10"},  # full-width digits
        {"expires": "01800003600"},
        {"expires": ""},
        {"expires": None},
        {"filename": "b.mp4"},
        {"filename": ""},
        {"filename": None},
        {"content_type": "text/html"},
        {"content_type": None},
        {"max_bytes": "51"},
        {"max_bytes": "050"},
        {"max_bytes": "-1"},
        {"max_bytes": None},
        {"signature": ""},
        {"signature": None},
        {"signature": "0" * 64},
        {"signature": "é" * 64},
        {"signature": "\ud800"},
    ],
)
def test_a_changed_field_makes_the_link_worthless(change: dict[str, str | None]) -> None:
    made = links()
    for method, url in (
        ("GET", made.download("a", HOUR, "a.mp4", "video/mp4")),
        ("PUT", made.upload("a", "video/mp4", 50, HOUR)),
    ):
        query = query_of(url)
        changed = {name: value for name, value in {**query, **change}.items() if value is not None}
        assert (made.verify(method, "a", changed) is None) == (changed != query)


def test_another_key_or_another_secret_makes_the_link_worthless() -> None:
    query = query_of(links().download("a/b", HOUR))
    for key in ("a/c", "a", "a/b/", "/a/b", "a//b", "a/./b", "A/b", "", "a/b\0"):
        assert links().verify("GET", key, query) is None
    assert links(secret=b"t" * 32).verify("GET", "a/b", query) is None


def test_fields_cannot_be_shifted_into_each_other() -> None:
    made = links()
    query = query_of(made.download("a", HOUR, filename='x","video/mp4'))
    assert made.verify("GET", "a", {**query, "filename": "x", "content_type": "video/mp4"}) is None


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), names, names)
def test_every_link_survives_being_a_url(key: str, filename: str, content_type: str) -> None:
    try:
        checked(key)
    except ValueError:
        return
    made = links()
    url = made.download(key, HOUR, filename, content_type)
    grant = made.verify("GET", key, query_of(url))
    assert grant == Grant("GET", key, int(NOW) + 3600, filename, content_type)
    assert made.key_of(url) == made.key_of(made.reference(key)) == key


@given(st.dictionaries(st.sampled_from(["expires", "filename", "content_type", "max_bytes", "signature"]), st.text()))
def test_no_query_that_was_not_signed_is_accepted(query: dict[str, str]) -> None:
    assert links().verify("GET", "a", query) is None


def test_a_reference_allows_nothing() -> None:
    made = links()
    assert made.reference("uploads/ü b.mp4") == "https://lips.example.org/api/files/uploads/%C3%BC%20b.mp4"
    assert made.verify("GET", "uploads/ü b.mp4", {}) is None


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://lips.example.org/api/files/a/b.mp4", "a/b.mp4"),
        ("https://lips.example.org/api/files/a/b.mp4?expires=1&signature=x", "a/b.mp4"),
        ("https://lips.example.org:443/api/files/a", "a"),
        ("HTTPS://LIPS.example.ORG/api/files/a", "a"),
        ("https://lips.example.org/api/files/%61%2e%6Dp4", "a.mp4"),
        ("https://lips.example.org/api/files/a%2520b", "a%20b"),
        ("https://lips.example.org/api/files/ü", "ü"),
        # another place
        ("http://lips.example.org/api/files/a", None),
        ("https://lips.example.org:8443/api/files/a", None),
        ("https://lips.example.org:80/api/files/a", None),
        ("https://lips.example.org:0/api/files/a", None),
        ("https://lips.example.org:x/api/files/a", None),
        ("https://lips.example.org:99999/api/files/a", None),
        ("https://lips.example.org./api/files/a", None),
        ("https://lips.example.org.evil.test/api/files/a", None),
        ("https://evil.test/lips.example.org/api/files/a", None),
        ("https://lips.example.org@evil.test/api/files/a", None),
        ("https://evil.test@lips.example.org/api/files/a", None),
        ("https://@lips.example.org/api/files/a", None),
        ("https://evil.test\\@lips.example.org/api/files/a", None),
        ("https://lips.example.org\\.evil.test/api/files/a", None),
        ("https://evil.test#@lips.example.org/api/files/a", None),
        ("https://evil.test?@lips.example.org/api/files/a", None),
        ("https://lips.example.org%2f@evil.test/api/files/a", None),
        ("https://l%69ps.example.org/api/files/a", None),
        ("https://l\u0131ps.example.org/api/files/a", None),
        ("https://lips\u3002example.org/api/files/a", None),
        ("https://[::1/api/files/a", None),
        ("ftp://lips.example.org/api/files/a", None),
        ("//lips.example.org/api/files/a", None),
        ("/api/files/a", None),
        ("https:/lips.example.org/api/files/a", None),
        ("https:///lips.example.org/api/files/a", None),
        ("javascript:https://lips.example.org/api/files/a", None),
        ("", None),
        # another path
        ("https://lips.example.org/files/a", None),
        ("https://lips.example.org/API/files/a", None),
        ("https://lips.example.org/api/filesystem/a", None),
        ("https://lips.example.org/api/files", None),
        ("https://lips.example.org/api/files/", None),
        ("https://lips.example.org/api//files/a", None),
        ("https://lips.example.org/api/x/../files/a", None),
        ("https://lips.example.org/api%2ffiles/a", None),
        ("https://lips.example.org/api?/files/a", None),
        # not a key
        ("https://lips.example.org/api/files/../v2/generate", None),
        ("https://lips.example.org/api/files/a/../b", None),
        ("https://lips.example.org/api/files/a/%2e%2E/b", None),
        ("https://lips.example.org/api/files/a%2fb", None),
        ("https://lips.example.org/api/files/a%2F..%2Fb", None),
        ("https://lips.example.org/api/files/a%5cb", None),
        ("https://lips.example.org/api/files/a%00", None),
        ("https://lips.example.org/api/files/a%0a", None),
        ("https://lips.example.org/api/files/a%ff", None),
        ("https://lips.example.org/api/files//a", None),
        ("https://lips.example.org/api/files/a/", None),
        ("https://lips.example.org/api/files/.staging/a", None),
        # not a URL that all read alike
        ("https://lips.example.org/api/files/a#b", None),
        ("https://lips.example.org/api/files/a b", None),
        ("https://lips.example.org/api/files/a\\b", None),
        ("https://lips.exa\tmple.org/api/files/a", None),
        ("\nhttps://lips.example.org/api/files/a", None),
        (" https://lips.example.org/api/files/a", None),
        ("https://lips.example.org/api/files/a\0", None),
    ],
)
def test_only_our_own_urls_name_our_objects(url: str, key: str | None) -> None:
    assert links().key_of(url) == key


def test_no_letter_beyond_ascii_becomes_one_of_the_host() -> None:
    made = links("http://kiosk.example")
    assert made.key_of("http://KIOSK.example/files/a") == "a"
    assert made.key_of("http://\u212aiosk.example/files/a") is None  # the Kelvin sign is a k in lower case


def test_a_port_and_an_address_are_part_of_the_place() -> None:
    made = links("http://[::1]:8080/")
    assert made.key_of("http://[::1]:8080/files/a") == "a"
    assert made.key_of("http://[::1]/files/a") is None
    assert made.key_of("http://127.0.0.1:8080/files/a") is None


@given(st.text(st.sampled_from("htps:/lipsexamorg.@%2ef\\?#[]a\t") | st.characters(), max_size=60))
def test_whatever_is_asked_a_key_or_none_comes_back(url: str) -> None:
    key = links().key_of(url)
    assert key is None or checked(key)


@pytest.mark.parametrize(
    "public_url",
    ["", "lips.example.org", "ftp://x", "https://", "https://x/?a", "https://x#", "https://u@x", "https://x y"],
)
def test_a_public_url_that_is_none_is_refused(public_url: str) -> None:
    with pytest.raises(ValueError, match="public URL"):
        links(public_url)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        links(secret=b"secret")


def test_a_key_that_is_none_gets_no_link() -> None:
    for make in (links().reference, lambda key: links().download(key, HOUR)):
        with pytest.raises(ValueError, match="object key"):
            make("../a")
