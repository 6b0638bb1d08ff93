"""Faults of a request, told with what the user typed.

The rules speak of fields of a request, because the API is held to them too; who typed `--segment 2-5=a/face9` should
not have to count which one is `segments[1]`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lipwright.errors import Fault, RequestError

_SEGMENT = re.compile(r"segments\[([0-9]+)\]")


def as_typed(error: RequestError, segments: Sequence[str], speaker: str | None, voices: Sequence[str]) -> RequestError:
    """`error` with the option that each fault comes from at the end of its sentence."""
    faults = tuple(_told(fault, segments, speaker, voices) for fault in error.faults)
    told = type(error)(suggestion=error.suggestion, faults=faults)
    told.field = error.field
    return told


def _told(fault: Fault, segments: Sequence[str], speaker: str | None, voices: Sequence[str]) -> Fault:
    typed = ""
    at = _SEGMENT.match(fault.field)
    if at and int(at[1]) < len(segments):
        typed = f"--segment {segments[int(at[1])]}"
    elif speaker and (fault.field.startswith("options.active_speaker") or fault.field == "speaker"):
        typed = f"--speaker {speaker}"
    elif fault.code == "voice_not_found" and voices:
        typed = " ".join(f"--voice {voice}" for voice in voices)
    if not typed:
        return fault
    return replace(fault, message=f"{fault.message.rstrip('.')} ({typed}).")
