"""The checksum of TFRecord files, against its definition bit by bit and the published examples."""

from __future__ import annotations

import random

import pytest

from poseaug_gen.consumers.convert.crc32c import LANES, crc32c


def by_definition(data: bytes) -> int:
    """CRC-32C one bit after the other (RFC 3720, appendix B.4)."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0x00000000),
        (b"123456789", 0xE3069283),  # the catalogue's check value
        (bytes(32), 0x8A9136AA),  # RFC 3720, B.4: 32 bytes of zeros, of ones, rising, falling
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_published_values(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@pytest.mark.parametrize("length", [1, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES + 77])
def test_any_length_is_as_the_definition_says(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert crc32c(data) == by_definition(data)
