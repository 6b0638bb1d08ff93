"""Pages of assets on both databases: they sort and compare text, times and numbers in their own ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lipwright.service.storage import access, assets
from lipwright.service.storage.assets import SORTS, Filter
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Asset

NAMES = ("beta", "Alpha", "alpha", "Émile", "émile", "a_b", "axb", "Zeta", "a b", "日本")


def test_every_order_in_pages_of_every_size(database: Database) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with database.writing() as session:
        organisation = access.organisation_named(session, "first").id
        for number, name in enumerate(NAMES):
            session.add(
                Asset(
                    organisation_id=organisation,
                    key=f"k{number}",
                    name=name,
                    type=("VIDEO", "AUDIO", "IMAGE")[number % 3],
                    duration_seconds=None if number % 4 == 0 else 0.1 * (number % 5),
                    size=None if number % 4 == 1 else (number % 3) << 40,
                    created_at=start + timedelta(microseconds=number // 3),
                )
            )
    with database.reading() as session:
        for sort in SORTS:
            orders = []
            for limit in (1, 3, 100):
                cursor, order = None, []
                while True:
                    rows, cursor = assets.page(session, Filter(organisation), sort, limit, cursor)
                    order += [row.key for row in rows]
                    if cursor is None:
                        break
                orders.append(order)
            assert orders[0] == orders[1] == orders[2], sort
            assert sorted(orders[0]) == sorted(f"k{n}" for n in range(len(NAMES))), sort
        for search, found in (("ALPHA", {"Alpha", "alpha"}), ("a_b", {"a_b"}), ("本", {"日本"})):
            rows, _ = assets.page(session, Filter(organisation, search=search), "dateDesc", 100, None)
            assert {row.name for row in rows} == found
