"""Who may call at all."""

from __future__ import annotations

import pytest
from tests.servers.api import Api

pytestmark = pytest.mark.anyio


async def test_without_a_key_and_with_a_wrong_one(api: Api) -> None:
    told = await api.http.get("/v2/generations")
    assert (told.status_code, told.json()["error"]) == (401, "Unauthorized")
    assert told.json()["message"] == "Either Cookie or x-api-key header must be provided"
    wrong = await api.http.get("/v2/generations", headers={"x-api-key": "nonsense"})
    assert wrong.json() == {"message": "Unauthorized", "statusCode": 401}


async def test_a_key_in_either_header(api: Api) -> None:
    assert (await api.get("/v2/generations")).json() == []
    bearer = await api.http.get("/v2/generations", headers={"authorization": f"Bearer {api.key}"})
    assert bearer.status_code == 200
