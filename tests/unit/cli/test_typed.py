"""Faults are told with what the user typed, one line each."""

from __future__ import annotations

from lipwright.cli.main import sentence
from lipwright.cli.typed import as_typed
from lipwright.errors import FaceSelectionInvalid, Fault, RequestError, VoiceNotFound


def test_a_fault_names_the_segment_it_comes_from() -> None:
    error = FaceSelectionInvalid("There is no face 9.", field="segments[1].speaker", suggestion="Draw them.")
    told = as_typed(error, ["0-1=a", "2-5=a/face9"], None, [])
    assert isinstance(told, FaceSelectionInvalid)
    assert sentence(told) == ("Error: segments[1].speaker: There is no face 9 (--segment 2-5=a/face9). Draw them.")


def test_speakers_and_voices_are_named_too() -> None:
    assert "(--speaker 0:1,2)." in as_typed(RequestError("Nobody.", field="speaker"), [], "0:1,2", []).message
    assert "(--voice bob)." in as_typed(VoiceNotFound("No voice.", field="voice"), [], None, ["bob"]).message
    assert as_typed(RequestError("No.", field="options.temperature"), ["0-1"], "auto", ["x"]).message == "No."


def test_every_line_starts_alike() -> None:
    error = RequestError.of([Fault("a", "a is wrong."), Fault("b", "b is wrong.")])
    assert sentence(error).splitlines() == ["Error: a is wrong.", "Error: b is wrong."]
