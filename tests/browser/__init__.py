"""A real browser that plays a video and tells which frames it showed."""

from __future__ import annotations

from tests.browser.chromium import Played, find_browser, play
from tests.browser.marked import Marked, marked_video, seen_otherwise, spliced

__all__ = ["Marked", "Played", "find_browser", "marked_video", "play", "seen_otherwise", "spliced"]
