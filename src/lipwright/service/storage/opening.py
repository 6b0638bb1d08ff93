"""The store that a URL names.

    file:///var/lib/lipwright/objects    a folder
    s3://bucket/prefix                   S3, or with the option `endpoint` whatever speaks its language
    gs://bucket/prefix                   Google Cloud Storage
    az://container/prefix                Azure, with the option `account_name`
    memory:///                           gone when the process is

Options are those of obstore (`endpoint`, `region`, `access_key_id`, ...; also from the usual environment variables),
of its HTTP client (`connect_timeout`, `proxy_url`, ...), and one of ours: `public_endpoint`, the address of the bucket
that goes into links, where users know it by another one than this service does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from lipwright.service.storage.bucket import BucketObjects
from lipwright.service.storage.folder import FolderObjects
from lipwright.service.storage.objects import Objects

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_BUCKETS: Mapping[str, type[S3Store] | type[GCSStore] | type[AzureStore]] = {
    "s3": S3Store,
    "gs": GCSStore,
    "az": AzureStore,
}
_CLIENT = {
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "read_timeout",
    "root_certificate",
    "timeout",
    "user_agent",
}

# A whole video may take long; no answer for two minutes is one that will not come.
_PATIENCE = {"timeout": "6h", "read_timeout": "2m"}
_RETRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(minutes=1)}


def open_objects(url: str, options: Mapping[str, str] | None = None) -> Objects:
    """The store that `url` names; a bucket is not contacted yet.

    Raises:
        ValueError: if the URL or an option is not one of those above.
        OutputError: if the folder cannot be made.
    """
    options = dict(options or {})
    scheme = urlsplit(url).scheme
    if scheme in _BUCKETS:
        public = options.pop("public_endpoint", None)
        store = _bucket(url, options)
        return BucketObjects(store, _bucket(url, {**options, "endpoint": public}) if public else store)
    if options:
        raise ValueError(f"The object store {url!r} has no options, but {', '.join(sorted(options))} are given.")
    if scheme == "file" and urlsplit(url).netloc in ("", "localhost"):
        return FolderObjects(Path(url2pathname(urlsplit(url).path)))
    if scheme == "memory":
        return memory_objects()
    raise ValueError(f"The object store {url!r} must be a file:, s3:, gs:, az: or memory: URL.")


def memory_objects() -> Objects:
    """A store in memory."""
    return BucketObjects(MemoryStore())


def _bucket(url: str, options: Mapping[str, str]) -> S3Store | GCSStore | AzureStore:
    client: Any = {**_PATIENCE, **{name: value for name, value in options.items() if name in _CLIENT}}
    if any(value.startswith("http://") for name, value in options.items() if name.endswith("endpoint")):
        client.setdefault("allow_http", "true")
    config: Any = {name: value for name, value in options.items() if name not in _CLIENT}
    try:
        return _BUCKETS[urlsplit(url).scheme].from_url(url, config=config, client_options=client, retry_config=_RETRIES)
    except BaseError as error:
        raise ValueError(f"The object store {url!r} or its options are not valid: {_first_line(error)}") from error


def _first_line(error: BaseError) -> str:
    return str(error).strip().splitlines()[0]
