"""The checksum of TFRecord files, CRC-32C (Castagnoli; RFC 3720, appendix B.4), at hundreds of megabytes a second.

A checksum goes byte by byte. But it is linear: begun with zero, that of two parts is that of the first, moved on over
as many zeros as the second is long, xor that of the second. So the data are cut into lanes, NumPy takes a byte of every
lane at a time, and the lanes' checksums are joined two by two. To move on is linear too: a table for each byte does it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import UInt8, UInt32

LANES = 4096  # a power of two
_POLYNOMIAL = 0x82F63B78  # its bits reversed, as the bits of every byte are
_ONES = 0xFFFFFFFF

State = UInt32[np.ndarray, " n"]
Mover = UInt32[np.ndarray, "4 256"]


def crc32c(data: bytes) -> int:
    """The checksum of some bytes."""
    length = len(data) // LANES
    state = _ONES
    if length:
        lanes = np.frombuffer(data, np.uint8, LANES * length).reshape(LANES, length)
        *between, over_all = _movers(length)
        moved = _moved(np.array([state], dtype=np.uint32), over_all)
        state = int((moved ^ _joined(_of_lanes(lanes), between))[0])
    table = _table().tolist()
    for byte in data[LANES * length :]:
        state = table[(state ^ byte) & 0xFF] ^ state >> 8
    return state ^ _ONES


def _of_lanes(lanes: UInt8[np.ndarray, "lanes length"]) -> State:
    """The checksum of each lane, begun with zero."""
    state = np.zeros(len(lanes), dtype=np.uint32)
    for bytes_ in np.ascontiguousarray(lanes.T):
        state = _after(state ^ bytes_)
    return state


def _joined(state: State, movers: list[Mover]) -> UInt32[np.ndarray, "1"]:
    """Of all lanes one after the other, two by two; each mover is over twice as much as the one before."""
    for mover in movers:
        state = _moved(state[0::2], mover) ^ state[1::2]
    return state


def _after(state: State) -> State:
    """The state eight zero bits later."""
    return _table().take(state.astype(np.uint8)) ^ (state >> np.uint32(8))


def _moved(state: State, mover: Mover) -> State:
    bytes_ = [(state >> np.uint32(8 * i)).astype(np.uint8) for i in range(4)]
    return np.bitwise_xor.reduce([table.take(byte) for table, byte in zip(mover, bytes_, strict=True)])


@lru_cache
def _table() -> UInt32[np.ndarray, "256"]:
    """What each byte does to the state."""
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = (state >> np.uint32(1)) ^ np.where(state & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return state


@lru_cache(maxsize=8)
def _movers(length: int) -> list[Mover]:
    """What moves a state on over ``length`` zeros, over twice as many, …, over as many as are in all lanes."""
    state = (np.arange(256, dtype=np.uint32) << (8 * np.arange(4, dtype=np.uint32)[:, None])).reshape(-1)
    for _ in range(length):
        state = _after(state)
    movers = [state.reshape(4, 256)]
    for _ in range(LANES.bit_length() - 1):
        movers.append(_moved(movers[-1].reshape(-1), movers[-1]).reshape(4, 256))
    return movers
