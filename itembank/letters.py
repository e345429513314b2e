"""What only one addressee can open: HPKE to an X25519 key (RFC 9180, base mode).

For files that strangers carry, where the sender holds nothing but the addressee's public key.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from itembank.sealing import SealBroken

_HPKE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def new_letter_key() -> tuple[bytes, bytes]:
    """A fresh X25519 key pair as raw bytes: private, public."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal_letter(public_key: bytes, data: bytes, about: bytes) -> bytes:
    """Seals data to a raw public key; `about` is bound to it. Raises ValueError for what is no key."""
    return _HPKE.encrypt(data, X25519PublicKey.from_public_bytes(public_key), about)


def open_letter(private_key: bytes, letter: bytes, about: bytes) -> bytes:
    """The inverse; raises `SealBroken` for another key, another `about` and changed bytes."""
    try:
        return _HPKE.decrypt(letter, X25519PrivateKey.from_private_bytes(private_key), about)
    except (InvalidTag, ValueError) as fault:
        raise SealBroken from fault
