"""How times are written in sentences for users."""

from __future__ import annotations

from fractions import Fraction


def seconds(time: Fraction) -> str:
    """`time` as seconds with at most three decimals: 2 -> "2 s", 1/3 -> "0.333 s"; tiny ones are not shown as 0."""
    if 0 < abs(time) < Fraction(1, 2000):
        return "less than 0.001 s"
    return f"{float(time):.3f}".rstrip("0").rstrip(".") + " s"
