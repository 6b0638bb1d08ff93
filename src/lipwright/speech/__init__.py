"""Speech heard and spoken: sound to mouth shapes (`recognise`), words to sound (`tts`).

Both hand on plain arrays (a `VisemeTrack`, samples), so that engines and reports need to know of no recogniser and no
voice.
"""

from __future__ import annotations
