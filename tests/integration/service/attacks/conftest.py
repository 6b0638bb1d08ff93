"""The server under attack: real sockets, the real confined process that looks at media, small limits."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.servers.api import Api, organisation_of
from tests.servers.attacking import ask
from tests.servers.running import Running, in_thread
from tests.synthetic.clips import cfr, make_clip, make_still, make_wav

from lipwright.service.jobs.children import ChildLimits
from lipwright.service.jobs.prober import Prober
from lipwright.service.services import media_limits
from lipwright.service.storage.tables import Asset, Batch, Delivery, Generation, new_id

SETTINGS: dict[str, Any] = {
    "max_json": 64 << 10,
    "max_text_part": 16 << 10,
    "max_upload": 4 << 20,
    "body_idle_seconds": 0.4,
    "concurrency_per_key": 100_000,
}


async def prepared(here: Api) -> dict[str, str]:
    """The real, confined prober, and things of another organisation."""
    config = here.services.config
    here.services.prober = Prober(ChildLimits.of(config), media_limits(config))
    other = organisation_of(here, "another")
    generation, asset, batch = new_id(), new_id(), new_id()
    ended = {"status": "COMPLETED", "output_key": "o", "report_key": "r", "model": "m", "engine": "e"}
    here.add(
        Generation(id=generation, organisation_id=other, api_key_id="k", request={}, echo={}, **ended),
        Asset(id=asset, organisation_id=other, key=f"assets/{other}/{asset}/a.mp4", name="a.mp4", type="VIDEO"),
        Batch(id=batch, organisation_id=other, api_key_id="k", status="COMPLETED", result_key="r"),
        Delivery(id="msg_theirs", organisation_id=other, url="https://x.test", body="{}"),
    )
    await here.services.objects.put_bytes(f"assets/{other}/{asset}/a.mp4", b"theirs")
    return {
        "generation_id": generation, "asset_id": asset, "batch_id": batch, "delivery_id": "msg_theirs",
        "key": f"assets/{other}/{asset}/a.mp4", "other": other,
    }  # fmt: skip


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server under attack."""
    with in_thread(tmp_path_factory.mktemp("attacked"), prepared, **SETTINGS) as found:
        yield found


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files that are what they say."""
    folder = tmp_path_factory.mktemp("good")
    make_clip(folder / "v.mp4", cfr(Fraction(25), 10))
    make_wav(folder / "a.wav", np.zeros((8000, 1), np.float32), 8000)
    make_still(folder / "i.png", 64, 48, "png")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def goes_on(target: Running, good: dict[str, bytes]) -> Iterator[None]:
    """After every attack an ordinary request works."""
    yield
    answer = ask(target, "GET", "/v2/generations/count")
    assert answer.status_code == 200
