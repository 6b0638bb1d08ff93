"""Cut a script into pieces that a speech model can take in one go.

Models read a sentence well and a page badly: the length of a phoneme string is limited, and quality drops well before
the limit. Cuts are made where a reader breathes: between sentences, else after a clause, else between words.
"""

from __future__ import annotations

import re

# Words after which a full stop ends no sentence.
_SHORT_FORMS = re.compile(
    r"mr|mrs|ms|dr|prof|st|sr|jr|vs|no|fig|approx|dept|est|inc|ltd|co|corp|gen|col|capt|lt|sgt|rev|hon|sra|srta|mme|dott",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？।॥])[」』”）]*\s*")
_CLAUSE_END = re.compile(r"(?<=[,;:—،、])\s*")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, in order, without surrounding space; a line break ends a sentence too."""
    found: list[str] = []
    for line in re.split(r"\n+", text):
        start = 0
        for match in _SENTENCE_END.finditer(line):
            if match.end() < len(line) and not _ends(line[start : match.start()], line[match.end()]):
                continue
            found.append(line[start : match.end()].strip())
            start = match.end()
        found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


def _ends(before: str, after: str) -> bool:
    """Whether the stop between `before` and the character `after` ends a sentence ("Dr. Who", "J. Smith" do not)."""
    if not before.endswith("."):
        return True
    if after.islower():
        return False
    words = before[:-1].split()
    last = words[-1].lstrip("(\"'“‘") if words else ""
    return not _SHORT_FORMS.fullmatch(last) and not (len(last) == 1 and last.isupper())


def pieces(text: str, limit: int) -> list[str]:
    """`text` cut into strings of at most `limit` characters, at clause ends if possible, else between words.

    A single word longer than the limit is cut inside. Nothing but white space is lost.
    """
    if len(text) <= limit:
        return [text] if text.strip() else []
    for pattern in (_CLAUSE_END, re.compile(r"(?<=\s)")):
        parts = [part for part in pattern.split(text) if part.strip()]
        if len(parts) > 1:
            return [piece for part in _packed(parts, limit) for piece in pieces(part, limit)]
    return [text[i : i + limit] for i in range(0, len(text), limit)]


def _packed(parts: list[str], limit: int) -> list[str]:
    """Neighbouring parts joined again while they fit; a part that does not fit by itself stands alone."""
    packed = [parts[0].strip()]
    for part in parts[1:]:
        joined = f"{packed[-1]} {part.strip()}"
        if len(joined) <= limit:
            packed[-1] = joined
        else:
            packed.append(part.strip())
    return packed
