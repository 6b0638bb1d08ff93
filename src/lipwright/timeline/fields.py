"""Reading typed values out of a JSON object, with both spellings of every key and every fault kept.

Clients of the contract send camelCase, snake_case and mixtures of both (contract section 3.3), so each key is looked up
under both; a key given twice with different values is a fault. An explicit null is the same as an absent key. A wrong
value never stops the reading: it is put on the list of faults and None is returned, so that a user sees everything that
is wrong in one answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from lipwright.errors import Fault

VALIDATION = "generation_input_validation_failed"
OBJECT = "an object"
LONGEST = 10**9
"""No time in seconds and no frame number is above this; it is far beyond any media."""
_HUGE = 10**18


def camel(key: str) -> str:
    """`start_time` -> `startTime`."""
    head, *rest = key.split("_")
    return head + "".join(word.capitalize() for word in rest)


class Fields:
    """One JSON object at `path` whose faults go to `faults` under `code`.

    Keys are asked for in snake_case; `report_snake` says which spelling sentences and paths use.
    """

    def __init__(
        self,
        data: Mapping[str, object],
        path: str,
        faults: list[Fault],
        *,
        code: str = VALIDATION,
        report_snake: bool = False,
    ) -> None:
        self.data, self.path, self.faults, self.code = data, path, faults, code
        self.report_snake = report_snake
        self._used: set[str] = set()
        self._torn: set[str] = set()

    def at(self, key: str) -> str:
        """The path of `key` as reported."""
        name = key if self.report_snake else camel(key)
        return f"{self.path}.{name}" if self.path else name

    def fault(self, key: str, message: str, code: str | None = None) -> None:
        """Note that `key` is wrong; the sentence is its path and `message`. A torn key gets no further one."""
        if key in self._torn:
            return
        self.faults.append(Fault(self.at(key), f"{self.at(key)} {message}", code or self.code))

    def raw(self, key: str) -> object:
        """The value of `key` under either spelling; None if absent or null."""
        found = {name: self.data[name] for name in dict.fromkeys((camel(key), key)) if self.data.get(name) is not None}
        self.skip(key)
        if len(found) == 2 and not _same(*found.values()) and key not in self._torn:
            self.fault(key, f"is given twice, as {camel(key)} and as {key}, with different values.")
            self._torn.add(key)
        return next(iter(found.values()), None)

    def skip(self, *keys: str) -> None:
        """Take `keys` for known without looking at them."""
        self._used.update(*((camel(key), key) for key in keys))

    def unknown(self) -> list[str]:
        """The paths of the keys nobody asked for and that are not null."""
        return [
            f"{self.path}.{key}" if self.path else str(key)
            for key, value in self.data.items()
            if key not in self._used and value is not None
        ]

    def text(self, key: str) -> str | None:
        """A string; an empty one counts as absent."""
        value = self.raw(key)
        if value is None or isinstance(value, str):
            return value or None
        self._wrong(key, "a string", value)
        return None

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        value = self.raw(key)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(key, "true or false", value)
        return None

    def number(self, key: str) -> float | None:
        """A finite number."""
        value = self.raw(key)
        if value is None:
            return None
        number = finite(value)
        if number is None:
            self._wrong(key, "a number", value)
            return None
        return float(number)

    def seconds(self, key: str) -> Fraction | None:
        """A time in seconds, 0 or more, to the nanosecond."""
        value = self.raw(key)
        return None if value is None else self.as_seconds(key, value)

    def as_seconds(self, key: str, value: object) -> Fraction | None:
        """`value` as a time, faults going to `key`."""
        number = finite(value)
        if number is None:
            self._wrong(key, "a number of seconds", value)
            return None
        if not 0 <= number <= LONGEST:
            self._wrong(key, "0 or more seconds" if number < 0 else f"at most {LONGEST} seconds", value)
            return None
        return number

    def whole(self, key: str) -> int | None:
        """A whole number, 0 or more (50.0 is one)."""
        value = self.raw(key)
        return None if value is None else self.as_whole(key, value)

    def as_whole(self, key: str, value: object) -> int | None:
        """`value` as a whole number, faults going to `key`."""
        number = finite(value)
        if number is None or number.denominator != 1 or not 0 <= number <= LONGEST:
            self._wrong(key, "a whole number, 0 or more", value)
            return None
        return int(number)

    def items(self, key: str) -> list[object] | None:
        """An array."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, list | tuple):
            return list(value)
        self._wrong(key, "an array", value)
        return None

    def nested(self, key: str, *, code: str | None = None, report_snake: bool | None = None) -> Fields | None:
        """An object, to be read in turn."""
        value = self.raw(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self._wrong(key, OBJECT, value, code)
            return None
        snake = self.report_snake if report_snake is None else report_snake
        return Fields(value, self.at(key), self.faults, code=code or self.code, report_snake=snake)

    def _wrong(self, key: str, expected: str, value: object, code: str | None = None) -> None:
        self.fault(key, f"must be {expected}, not {shown(value)}.", code)


def finite(value: object) -> Fraction | None:
    """`value` as an exact number if it is a finite one; true and false are not numbers.

    Decimal fractions are read to nine places, so that 0.1 + 0.2 is 0.3. Beyond 10**18 nothing is a sensible number.
    """
    if isinstance(value, float | Decimal):
        return round(Fraction(float(value)), 9) if math.isfinite(value) and abs(float(value)) <= _HUGE else None
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        exact = Fraction(value)
        return exact if abs(exact) <= _HUGE else None
    return None


def shown(value: object) -> str:
    """`value` as a short piece of a sentence."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > _HUGE:
        return "a number that large"
    if isinstance(value, Mapping):
        return OBJECT
    if isinstance(value, list | tuple):
        return "an array"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _same(one: object, other: object) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return one == other
