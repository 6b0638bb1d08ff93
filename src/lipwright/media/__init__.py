"""Reading and writing video and sound: exact times, the decoder's own samples, constant memory.

`probe.probe` describes a file, `reader.open_reader` gives its frames, `mix.SoundMix` the output's sound,
`writer.OutputWriter` the MP4. PyAV is used nowhere else for user media, and all of it is opened in `guard`, since user
media is hostile.
"""

from __future__ import annotations
