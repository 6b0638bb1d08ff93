"""Reading the bits of H.264 and HEVC headers: emulation bytes removed, Exp-Golomb numbers."""

from __future__ import annotations


class BitReader:
    """Bits of a raw byte sequence payload from the front (ITU-T H.264, 7.2 and 9.1).

    Raises:
        EOFError: from any method, if the payload ends too early.
    """

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    @property
    def position(self) -> int:
        """How many bits were read."""
        return self._at

    def bits(self, count: int) -> int:
        """The next `count` bits as an unsigned number, u(n)."""
        stop = self._at + count
        if stop > 8 * len(self._payload):
            raise EOFError("The header ends too early")
        whole = int.from_bytes(self._payload[self._at // 8 : -(-stop // 8)], "big")
        value = (whole >> (-stop % 8)) & ((1 << count) - 1)
        self._at = stop
        return value

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.bits(1))

    def unsigned(self) -> int:
        """The next ue(v)."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 32:
                raise EOFError("The header is damaged")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """The next se(v)."""
        value = self.unsigned()
        return (value + 1) // 2 if value % 2 else -(value // 2)


def payload_of(unit: bytes, header: int) -> bytes:
    """The payload of a NAL unit behind its header of `header` bytes, without emulation prevention bytes."""
    return unit[header:].replace(b"\x00\x00\x03", b"\x00\x00")
