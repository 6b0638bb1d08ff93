"""The steps of a generation, each of which may be done again: what has to happen, with nothing that knows the queue.

A step takes and returns JSON. What goes wrong in a way that a user should read is returned as `{"error": {"code": ...,
"message": ...}}`; an exception is a fault of ours. Files go to `work/<organisation>/<generation>/` first; only `finish`
gives them their lasting names, and only then does the row say COMPLETED. Whoever ends a generation, in whatever way,
writes down its webhook in the same transaction.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lipwright.error_codes import known
from lipwright.errors import BoxesInaccessible, LipwrightError
from lipwright.service.answers import Answers
from lipwright.service.jobs import batches, face_cache
from lipwright.service.jobs.children import ChildLimits, StageFailure, run_stage
from lipwright.service.jobs.telling import Teller
from lipwright.service.jobs.workplace import Workplace
from lipwright.service.net.fetch import FileSink
from lipwright.service.net.signing import canonical
from lipwright.service.orders.accept import inaccessible
from lipwright.service.orders.shape import boxes_urls, safe_name
from lipwright.service.services import Services, media_limits
from lipwright.service.storage import deliveries, generations
from lipwright.service.storage.objects import ObjectMissing
from lipwright.service.storage.tables import Generation
from lipwright.speech.tts import TtsSettings

Json = dict[str, Any]

_log = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOTHING = {"code": "generation_unknown_error", "message": known("generation_unknown_error").message}


class Steps:
    """The steps, over the parts of an installation."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._answers = Answers(services.config, services.links)
        self._limits = ChildLimits.of(services.config)

    async def begin(self, generation: str) -> Json:
        """Mark the generation as running; `go` is False if there is nothing to do (any more)."""
        return await asyncio.to_thread(self._begin, generation)

    async def gather(self, generation: str) -> Json:
        """Fetch what lies at addresses of others; the keys of the objects it became."""
        row = await asyncio.to_thread(self._row, generation)
        prefix = work_prefix(row)
        wanted = {f"input.{i}": item for i, item in enumerate(row.request["input"]) if _is_remote(item)}
        fetched: Json = {}
        place = self._place(generation)
        try:
            async with place.step("fetch") as folder:
                for name, item in wanted.items():
                    field = f"input[{name.partition('.')[2]}].url"
                    base = safe_name(urlsplit(item["url"]).path, item["type"])
                    key = f"{prefix}/{name}/{base}"
                    fetched[name] = await self._fetch(item["url"], field, item["type"], folder, key)
                documents: dict[str, str] = {}  # many segments, and both spellings, may name one
                for number, (choice, spelling, field) in enumerate(boxes_urls(row.request)):
                    name, url = f"boxes.{number}", choice[spelling]
                    if url not in documents:
                        own = self.services.links.key_of(url)
                        key = f"{prefix}/{name}"
                        documents[url] = own or await self._fetch(url, field, "boxes", folder, key)
                    fetched[name] = documents[url]
        except LipwrightError as error:
            return _failed(error)
        except OSError as error:
            return _full(error)
        return {"fetched": fetched}

    async def prepare(self, generation: str, fetched: Json) -> Json:
        """Everything before the rendering. A short output is rendered too, and the keys of what it became returned;
        of a long one the pieces that are left to render, and the names of the files that they need."""

        async def work(row: Generation, place: Workplace, folder: Path, teller: Teller) -> Json:
            output = folder / "output.mp4"
            task = await self._task(place, row, fetched)
            seconds = self.services.config.piece_seconds
            task |= {"folder": str(folder / "prepared"), "output": str(output), "piece_seconds": seconds}
            if _speaks_by_network(row):  # in a child of its own: no other one reaches the network
                task["spoken"] = str(folder / "spoken")
                await run_stage("speak", task, self._limits, teller, network=True, temporary=folder)
            done = await run_stage("prepare", task, self._limits, teller, temporary=folder)
            first = next(iter(done["spoken"].values()), None)
            spoken = {"speech.wav": folder / "prepared" / first} if first is not None else {}
            if not done["pieces"]:
                return await self._stored(row, output, done, spoken)
            for name in done["files"]:
                await self.services.objects.put_file(f"{work_prefix(row)}/prepared/{name}", folder / "prepared" / name)
            keys = {name: f"{work_prefix(row)}/prepared/{path.name}" for name, path in spoken.items()}
            told = {"pieces": done["pieces"], "files": done["files"], "frames": done["frames"], "keys": keys}
            return told | {"fetched": fetched}

        return await self._staged(generation, "prepare", Teller(self.services.database, generation), work)

    async def piece(self, generation: str, number: int, prepared: Json) -> Json:
        """One piece of a long output, rendered on what `prepare` left."""
        first, stop = prepared["pieces"][number]

        async def work(row: Generation, place: Workplace, folder: Path, teller: Teller) -> Json:
            output = folder / f"piece-{number}.mp4"
            task = await self._task(place, row, prepared["fetched"])
            task |= {"folder": str(await place.prepared(work_prefix(row), prepared["files"])), "output": str(output)}
            done = await run_stage(
                "piece", task | {"first": first, "stop": stop}, self._limits, teller, temporary=folder
            )
            readings = Path(done["readings"])
            for path in (output, readings):
                await self.services.objects.put_file(f"{work_prefix(row)}/pieces/{path.name}", path)
            return {"files": [output.name, readings.name]}

        return await self._staged(
            generation, "piece", Teller(self.services.database, generation, number, prepared["frames"]), work
        )

    async def join(self, generation: str, prepared: Json, pieces: list[list[str]]) -> Json:
        """The output of a long generation, made of its pieces: the keys of what it became."""

        async def work(row: Generation, place: Workplace, folder: Path, teller: Teller) -> Json:
            output = folder / "output.mp4"
            prefix = work_prefix(row)
            here = folder / "pieces"
            here.mkdir()
            for name in (name for files in pieces for name in files):
                await self.services.objects.fetch(f"{prefix}/pieces/{name}", here / name)
            task = await self._task(place, row, prepared["fetched"])
            task |= {"folder": str(await place.prepared(prefix, prepared["files"])), "output": str(output)}
            task["pieces"] = [str(here / files[0]) for files in pieces]
            done = await run_stage("join", task, self._limits, teller, temporary=folder)
            made = await self._stored(row, output, done, {})
            return made | {"keys": {**prepared["keys"], **made["keys"]}}

        return await self._staged(generation, "join", Teller(self.services.database, generation), work)

    async def finish(self, generation: str, made: Json) -> Json:
        """Give the files their lasting names and the generation its end; the webhook's delivery, if there is one.

        Who cancels and deletes the generation meanwhile removes what is there at that moment; the rest goes here.
        """
        row = await asyncio.to_thread(self._known, generation)
        if row is None:
            return {"delivery": None}
        keys = {name: f"{final_prefix(row)}/{name}" for name in made["keys"]}
        try:
            for name, key in made["keys"].items():
                await self.services.objects.promote(key, keys[name])
        except ObjectMissing:
            if await asyncio.to_thread(self._status, generation) in generations.ACTIVE:
                raise
        delivery = await asyncio.to_thread(self._complete, generation, made, keys)
        if await asyncio.to_thread(self._status, generation) != generations.COMPLETED:
            await self.services.objects.delete_prefix(final_prefix(row))
        await self.clear(row)
        await batches.moved(self.services, row.batch_id)
        return {"delivery": delivery}

    async def fail(self, generation: str, error: Json) -> Json:
        """End a generation that did not work out; the webhook's delivery, if there is one."""
        row = await asyncio.to_thread(self._known, generation)
        if row is None:
            return {"delivery": None}
        delivery = await asyncio.to_thread(self.end, row, error or _NOTHING)
        await self.clear(row)
        await batches.moved(self.services, row.batch_id)
        return {"delivery": delivery}

    async def clear(self, row: Generation) -> None:
        """Remove what was only needed on the way."""
        await self.services.objects.delete_prefix(work_prefix(row))
        await self._place(row.id).clear()

    def end(self, row: Generation, error: Json, status: str = generations.FAILED) -> str | None:
        """End a generation without an output; the id of the delivery that tells of it."""
        with self.services.database.writing() as session:
            ended = generations.end(session, row.id, status, error=error["message"], error_code=error["code"])
            if not ended:
                return _delivery_of(row)
            session.expire_all()
            return self._notify(session, session.get_one(Generation, row.id))

    def _begin(self, generation: str) -> Json:
        with self.services.database.writing() as session:
            row = generations.begin(session, generation)
            return {"go": row is not None}

    def _complete(self, generation: str, made: Json, keys: dict[str, str]) -> str | None:
        with self.services.database.writing() as session:
            row = session.get(Generation, generation)
            if row is None:
                return None
            before = row.result or {}
            report = made["report"]
            warnings = list(dict.fromkeys([*before.get("warnings", []), *report.get("warnings", [])]))
            told = {"engine": report.get("engine"), "warnings": warnings, "segments": report.get("segments", [])}
            result = before | told
            ended = generations.end(
                session,
                generation,
                generations.COMPLETED,
                output_key=keys["output.mp4"],
                report_key=keys["report.json"],
                speech_key=keys.get("speech.wav"),
                segment_output_key=keys.get("segments.mp4"),
                output_seconds=report["output"]["video_seconds"],
                frames=report["output"]["frames"],
                result=result,
            )
            if not ended:
                return _delivery_of(row)
            session.expire_all()
            return self._notify(session, session.get_one(Generation, generation))

    def _notify(self, session: Any, row: Generation) -> str | None:
        """Write down the webhook of a generation that has just ended."""
        if row.webhook_url is None:
            return None
        body = canonical(self._answers.notification(row))
        return deliveries.create(session, row.organisation_id, row.webhook_url, body, generation=row.id)

    async def _task(self, place: Workplace, row: Generation, fetched: Json) -> Json:
        config = self.services.config
        return {
            "request": await place.localised(row.request, fetched),
            "engine": row.engine,
            "quality": config.quality,
            "cache": str(face_cache.of_request(config, row.organisation_id, row.request, place.folder)),
            "media": media_limits(config),
        }

    async def _staged(
        self, generation: str, name: str, teller: Teller, work: Callable[[Generation, Workplace, Path, Teller], Any]
    ) -> Json:
        """What `work` does in a folder of its own; what a user should read of a failure is returned."""
        row = await asyncio.to_thread(self._row, generation)
        place = self._place(generation)
        try:
            async with place.step(name) as folder:
                done: Json = await work(row, place, folder, teller)
                return done
        except StageFailure as failure:
            return {"error": {"code": failure.code, "message": failure.message}}
        except LipwrightError as error:
            return _failed(error)
        except ObjectMissing as error:
            return _gone(row, error)
        except OSError as error:
            return _full(error)
        finally:
            await teller.close()

    async def _stored(self, row: Generation, output: Path, done: Json, more: dict[str, Path]) -> Json:
        """Put what a child made into the store, under names that do not last."""
        report = Path(done["report"])
        files = {"output.mp4": output, "report.json": report, **more}
        if done.get("excerpt"):
            files["segments.mp4"] = Path(done["excerpt"])
        keys = {name: f"{work_prefix(row)}/{name}" for name in files}
        document = json.loads(await asyncio.to_thread(report.read_text, "utf-8"))
        for name, path in files.items():
            await self.services.objects.put_file(keys[name], path)
        told = {name: document.get(name) for name in ("engine", "output", "warnings")}
        return {"keys": keys, "report": told | {"segments": segment_map(document)}}

    async def _fetch(self, url: str, field: str, kind: Any, folder: Path, key: str) -> str:
        path = folder / key.rpartition("/")[2]
        with path.open("wb") as file:
            await self.services.fetcher.download(
                url, FileSink(file), field=field, kind=kind, max_bytes=self.services.config.max_upload
            )
        await self.services.objects.put_file(key, path)
        return key

    def _row(self, generation: str) -> Generation:
        with self.services.database.reading() as session:
            return session.get_one(Generation, generation)

    def _known(self, generation: str) -> Generation | None:
        with self.services.database.reading() as session:
            return session.get(Generation, generation)

    def _status(self, generation: str) -> str | None:
        row = self._known(generation)
        return row.status if row is not None else None

    def _place(self, generation: str) -> Workplace:
        return Workplace(self.services.config.work_dir, self.services.objects, generation)


def work_prefix(row: Generation) -> str:
    """Where files of a generation lie that do not last."""
    return f"work/{row.organisation_id}/{row.id}"


def final_prefix(row: Generation) -> str:
    """Where the files of a finished generation lie."""
    return f"generations/{row.organisation_id}/{row.id}"


def segment_map(report: Json) -> list[Json]:
    """Where every segment of the request came to lie, out of a quality report."""
    names = ("index", "ref", "sync_mode", "requested", "source", "output", "audio", "face", "speaker", "notes")
    told = []
    for segment in report.get("segments") or []:
        one = {name: segment.get(name) for name in names}
        one["frames"] = {name: segment["frames"].get(name) for name in ("asked", "edited", "passed")}
        told.append(one)
    return told


def _failed(error: LipwrightError) -> Json:
    return {"error": {"code": error.code, "message": error.message}}


def _full(error: OSError) -> Json:
    """What a user reads of a full disk; anything else is a fault of ours and raised."""
    if error.errno not in _FULL:
        raise error
    return {"error": {"code": "generation_infra_storage_error", "message": "The service's disk is full."}}


def _gone(row: Generation, error: ObjectMissing) -> Json:
    """What a user reads of an object of theirs that is not there any more; one of the job's own is a fault of ours."""
    for index, item in enumerate(row.request["input"]):
        if item.get("key") == error.key:
            return _failed(inaccessible(item["type"], f"input[{index}]"))
    if error.key.startswith(f"{work_prefix(row)}/"):
        raise error
    return _failed(BoxesInaccessible())


def _delivery_of(row: Generation) -> str | None:
    """The delivery of a generation that somebody else ended, perhaps this same step before a crash."""
    return deliveries.delivery_id(row.id) if row.webhook_url is not None else None


def _is_remote(item: Json) -> bool:
    return item.get("type") in ("video", "audio", "image") and not item.get("key")


def _speaks_by_network(row: Generation) -> bool:
    """Whether a text has to be spoken by the cloud service."""
    providers = [item.get("provider") for item in row.request["input"] if isinstance(item.get("provider"), dict)]
    asked = any(provider.get("name", "elevenlabs") == "elevenlabs" for provider in providers if provider)
    return asked and bool(TtsSettings.from_environment().api_key)
