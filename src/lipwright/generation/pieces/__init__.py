"""A generation in several processes: prepared once, rendered in pieces, joined.

    prepare        inputs, speech, plan, faces, recognition: everything that is done once, kept as plain files
    render_piece   some of the output's frames, encoded, and what was measured on them; any number of pieces at once
    join           the pieces' packets in a row, the sound, the report

Each may run in a process of its own on a machine of its own; only files go between them. What comes out does not depend
on where the output is cut into pieces, save that the encoder begins anew with each.
"""

from __future__ import annotations
