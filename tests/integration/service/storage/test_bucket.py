"""What is particular to a bucket: links that it answers itself, credentials, and being out of reach."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from tests.servers.ports import free_ports

from lipwright.errors import OutputError
from lipwright.service.storage.links import Links
from lipwright.service.storage.opening import open_objects

pytestmark = pytest.mark.anyio

Bucket = Callable[[], tuple[str, dict[str, str]]]
MINUTE = timedelta(minutes=1)


async def test_a_browser_reads_and_writes_at_the_bucket_itself(s3: Bucket) -> None:
    url, options = s3()
    objects = open_objects(url + "/pre fix", options)
    links = Links(objects, b"s" * 32, "https://lips.example.org")
    upload = links.upload("uploads/ü b.mp4", "video/mp4", 100, MINUTE)
    assert upload.startswith(options["endpoint"])
    async with httpx.AsyncClient() as client:
        put = await client.put(upload, content=b"0123456789", headers={"Content-Type": "video/mp4"})
        assert put.status_code == 200
        assert await objects.get_bytes("uploads/ü b.mp4", 100) == b"0123456789"
        download = links.download("uploads/ü b.mp4", MINUTE)
        got = await client.get(download, headers={"Range": "bytes=2-4"})
        assert (got.status_code, got.content) == (206, b"234")
        assert got.headers["content-type"] == "video/mp4"
        assert (await client.put(download, content=b"x")).status_code == 403
        assert (await client.get(download.replace("b.mp4", "c.mp4"))).status_code == 403
        assert (await client.get(download.partition("?")[0])).status_code == 403
    assert links.key_of(links.reference("uploads/ü b.mp4")) == "uploads/ü b.mp4"
    assert links.key_of(download) is None


async def test_a_stored_result_has_the_type_of_its_name(s3: Bucket) -> None:
    objects = open_objects(*s3())
    await objects.put_bytes("out.mp4", b"x")
    link = objects.presign("GET", "out.mp4", MINUTE)
    assert link is not None
    async with httpx.AsyncClient() as client:
        assert (await client.get(link)).headers["content-type"] == "video/mp4"


async def test_a_link_expires_after_seven_days_at_most(s3: Bucket) -> None:
    links = Links(open_objects(*s3()), b"s" * 32, "https://lips.example.org")
    assert "X-Amz-Expires=604800&" in links.download("a", timedelta(days=30))


async def test_links_name_the_bucket_as_users_know_it(s3: Bucket) -> None:
    url, options = s3()
    objects = open_objects(url, {**options, "public_endpoint": "https://cdn.example.org"})
    await objects.put_bytes("a", b"x")
    link = objects.presign("GET", "a", MINUTE)
    assert link is not None
    assert link.startswith(f"https://cdn.example.org/{url.removeprefix('s3://')}/a?")


async def test_wrong_credentials_are_a_storage_error(s3: Bucket) -> None:
    url, options = s3()
    objects = open_objects(url, {**options, "secret_access_key": "wrong"})
    for attempt in (
        lambda: objects.put_bytes("a", b"x"),
        lambda: objects.get_bytes("a", 1),
        lambda: objects.head("a"),
        lambda: objects.delete("a"),
        lambda: objects.promote("a", "b"),
    ):
        with pytest.raises(OutputError, match="the object store does not") as caught:
            await attempt()
        assert options["endpoint"] not in caught.value.message


async def test_a_store_out_of_reach_is_a_storage_error() -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    options = {"endpoint": endpoint, "access_key_id": "a", "secret_access_key": "b"}
    objects = open_objects("s3://bucket", options)
    with pytest.raises(OutputError, match="does not answer") as caught:
        await objects.head("a")
    assert endpoint not in caught.value.message


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("", {}),
        ("/var/lib/objects", {}),
        ("https://bucket.example.org", {}),
        ("file://host/folder", {}),
        ("file:///folder", {"endpoint": "x"}),
        ("s3://bucket", {"endpiont": "x"}),
        ("s3://bucket", {"timeout": "soon"}),
    ],
)
async def test_a_store_that_cannot_be_meant_is_refused(url: str, options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="object store"):
        open_objects(url, options)


async def test_other_clouds_sign_their_links_too() -> None:
    azure = open_objects("az://container/prefix", {"account_name": "me", "account_key": "a2V5"})
    link = azure.presign("GET", "a", MINUTE)
    assert link is not None
    assert link.startswith("https://me.blob.core.windows.net/container/prefix/a?")
