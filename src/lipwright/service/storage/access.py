"""Organisations and their API keys. Of a key only a SHA-256 is kept: keys are random, so nothing slower is needed."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from lipwright.service.net.signing import new_secret
from lipwright.service.storage.tables import ApiKey, Organisation, now

PREFIX = "lw_"
DEFAULT_ORGANISATION = "default"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key and its organisation; `concurrency` None is the installation's."""

    organisation: str
    key: str
    concurrency: int | None = None
    priority: int = 0


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def organisation_named(session: Session, name: str) -> Organisation:
    """The organisation called `name`, made if there is none."""
    query = select(Organisation).where(Organisation.name == name)
    found = session.scalars(query).first()
    if found is None:
        # Several processes that start together on PostgreSQL would each make one.
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        new = insert(Organisation).values(name=name, webhook_secret=new_secret())
        session.execute(new.on_conflict_do_nothing(index_elements=[Organisation.name]))
        found = session.scalars(query).one()
    return found


def create_key(
    session: Session,
    organisation: str = DEFAULT_ORGANISATION,
    name: str = "key",
    concurrency: int | None = None,
    priority: int = 0,
) -> str:
    """Make a key for the organisation of that name and return it; it cannot be read again."""
    owner = organisation_named(session, organisation)
    key = PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiKey(
            organisation_id=owner.id,
            name=name,
            prefix=key[: len(PREFIX) + 6],
            hash=digest(key),
            concurrency=concurrency,
            priority=priority,
        )
    )
    return key


def has_keys(session: Session) -> bool:
    """Whether there is any key at all."""
    return session.scalars(select(ApiKey.id).limit(1)).first() is not None


def authenticate(session: Session, key: str) -> Caller | None:
    """Who `key` belongs to; None if it is unknown or was revoked."""
    found = session.scalars(select(ApiKey).where(ApiKey.hash == digest(key), ApiKey.revoked_at.is_(None))).first()
    return Caller(found.organisation_id, found.id, found.concurrency, found.priority) if found is not None else None


def caller_of(session: Session, key_id: str) -> Caller | None:
    """The caller that a key's id stands for, revoked or not: what was ordered with it is still done."""
    found = session.get(ApiKey, key_id)
    return Caller(found.organisation_id, found.id, found.concurrency, found.priority) if found is not None else None


def listed(session: Session) -> list[tuple[ApiKey, str]]:
    """All keys with the names of their organisations, oldest first."""
    rows = session.execute(
        select(ApiKey, Organisation.name)
        .join(Organisation, Organisation.id == ApiKey.organisation_id)
        .order_by(ApiKey.created_at)
    )
    return [(key, name) for key, name in rows]


def organisations(session: Session) -> list[tuple[Organisation, int]]:
    """All organisations, oldest first, with how many keys of each can be used."""
    usable = (ApiKey.organisation_id == Organisation.id) & ApiKey.revoked_at.is_(None)
    keys = select(func.count()).select_from(ApiKey).where(usable).scalar_subquery()
    rows = session.execute(select(Organisation, keys).order_by(Organisation.created_at, Organisation.id))
    return [(organisation, count) for organisation, count in rows]


def set_retention(session: Session, name: str, days: float | None) -> int:
    """Set for how many days the organisation of that name keeps things; how many there are of that name."""
    found = session.scalars(select(Organisation).where(Organisation.name == name)).all()
    for organisation in found:
        organisation.retention_days = days
    return len(found)


def revoke(session: Session, name: str) -> int:
    """Revoke the key with this id, or those whose shown beginning or name this is; how many there were."""
    matches = (ApiKey.id == name) | (ApiKey.prefix == name) | (ApiKey.name == name)
    keys = session.scalars(select(ApiKey).where(matches, ApiKey.revoked_at.is_(None))).all()
    for key in keys:
        key.revoked_at = now()
    return len(keys)
