"""Faces of a video: found, followed, described by landmarks and head pose, and chosen as speakers.

`analysis.analyse` makes a `FaceAnalysis` of `track.FaceTrack`s in two passes, so that every frame is read in a region
smoothed over time; `speaker.choose_speaker` picks among them. Kept apart from lip movement: any engine, the quality
meters and the command look at the same tracks.
"""

from __future__ import annotations
