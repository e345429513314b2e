"""Merkle roots as RFC 6962 makes them: leaves under 0x00, nodes under 0x01 (design D15)."""

import hashlib
from collections.abc import Sequence


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves in their order, 32 bytes; of no leaves the hash of nothing (RFC 6962, 2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    return _root([hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves])


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(hashes[:half]) + _root(hashes[half:])).digest()
