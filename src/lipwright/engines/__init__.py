"""Engines that move mouths: the contract (`base`) and the built-in one (`exemplar`)."""

from __future__ import annotations
