"""Turns and limits: fair between keys, exact under contention, on both databases."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from lipwright.service.storage import access, generations
from lipwright.service.storage.access import Caller
from lipwright.service.storage.database import Database
from lipwright.service.storage.tables import Generation, now


def caller(database: Database, name: str, organisation: str = "default") -> Caller:
    """A new key's caller."""
    with database.writing() as session:
        key = access.create_key(session, organisation, name)
    with database.reading() as session:
        found = access.authenticate(session, key)
    assert found is not None
    return found


def order(database: Database, who: Caller, limit: int | None = None) -> Generation:
    """A new generation of `who`."""
    row = Generation(
        organisation_id=who.organisation, api_key_id=who.key, model="m", engine="e", request={"input": []}, echo={}
    )
    with database.writing() as session:
        generations.create(session, row, limit)
    return row


def served(database: Database, rows: list[Generation]) -> Generation:
    """The one that the queue would take next, which is begun."""
    first = min(rows, key=lambda row: row.turn)
    with database.writing() as session:
        assert generations.begin(session, first.id) is not None
    rows.remove(first)
    return first


def test_one_keys_pile_does_not_hold_up_another(database: Database) -> None:
    greedy, modest = caller(database, "greedy"), caller(database, "modest")
    waiting = [order(database, greedy) for _ in range(10)]
    assert served(database, waiting).api_key_id == greedy.key
    waiting += [order(database, modest) for _ in range(3)]
    first = [served(database, waiting).api_key_id for _ in range(6)]
    assert Counter(first) == {greedy.key: 3, modest.key: 3}
    assert all(len(set(pair)) == 2 for pair in zip(first[::2], first[1::2], strict=True)), "they alternate"


def test_a_key_that_was_idle_has_no_credit(database: Database) -> None:
    busy, late = caller(database, "busy"), caller(database, "late")
    for _ in range(5):
        served(database, [order(database, busy)])
    waiting = [order(database, busy) for _ in range(2)] + [order(database, late) for _ in range(2)]
    first = [served(database, waiting).api_key_id for _ in range(4)]
    assert Counter(first[:2]) == {busy.key: 1, late.key: 1}


def test_a_limit_holds_exactly_when_many_order_at_once(database: Database) -> None:
    who = caller(database, "many")

    def attempt(_: int) -> bool:
        try:
            order(database, who, limit=7)
        except generations.AtLimit as refusal:
            return (refusal.active, refusal.limit) != (7, 7)
        return True

    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(attempt, range(60)))
    assert sum(taken) == 7
    with database.reading() as session:
        rows = generations.page(session, generations.Filter(who.organisation), None, None)
    assert len(rows) == 7
    assert sorted(row.turn for row in rows) == list(range(1, 8)), "no two have the same turn"


def test_an_end_is_final(database: Database) -> None:
    who = caller(database, "a")
    row = order(database, who)
    with database.writing() as session:
        assert generations.begin(session, row.id) is not None
        assert generations.end(session, row.id, generations.FAILED, error="x", error_code="generation_cancelled")
    with database.writing() as session:
        assert not generations.end(session, row.id, generations.COMPLETED, output_key="late")
        assert generations.begin(session, row.id) is None
        generations.tell(session, row.id, {"percent": 50})
    with database.reading() as session:
        found = generations.find(session, who.organisation, row.id)
    assert found is not None
    assert (found.status, found.error, found.output_key, found.progress) == ("FAILED", "x", None, None)
    assert found.finished_at is not None
    assert found.finished_at <= now()


def test_pages_go_through_everything_once_newest_first(database: Database) -> None:
    who, other = caller(database, "a"), caller(database, "b", "elsewhere")
    made = [order(database, who).id for _ in range(7)]
    order(database, other)
    seen: list[str] = []
    with database.reading() as session:
        mine = generations.Filter(who.organisation)
        while page := generations.page(session, mine, 3, seen[-1] if seen else None):
            seen += [row.id for row in page]
        assert generations.find(session, other.organisation, made[0]) is None
        assert generations.count(session, mine) == 7
    assert seen == made[::-1]
