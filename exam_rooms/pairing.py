"""The pairing code an operator types at a workstation: a one-time secret plus the site CA's fingerprint.

24 characters of Crockford's base32 (no I, L, O, U) in groups of four: 5 bytes of secret, then the first
10 bytes of the SHA-256 of the site CA certificate (DER). The fingerprint is checked before the secret
leaves the workstation, so a stranger who answers in the server's place learns nothing.
"""

import hashlib
import hmac

SECRET_BYTES = 5
FINGERPRINT_BYTES = 10
GROUP = 4
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
LONGEST = 64
"""Characters that anybody may have typed for a code: it has 24, with room for blanks and dashes."""
_SEPARATORS = " \t\r\n-–—_."


def spell(data: bytes) -> str:
    """Bytes as base32 text without padding, upper case. `PairRequest.secret` is `spell(secret)`."""
    bits = len(data) * 8
    length = -(-bits // 5)
    number = int.from_bytes(data, "big") << (length * 5 - bits)
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(length)))


def unspell(text: str) -> bytes:
    """The bytes of base32 text, tolerant of case, blanks, dashes and misread O, I, L.

    Raises ValueError for any other character, for bits left over at the end and for text longer than
    `LONGEST`: the work grows with the square of the length, and strangers send what they like.
    """
    if len(text) > LONGEST:
        raise ValueError("not a pairing code: too long")
    plain = tidy(text)
    number = 0
    for character in plain:
        value = ALPHABET.find(character)
        if value < 0:
            raise ValueError("not a pairing code: strange character")
        number = number << 5 | value
    size, rest = divmod(len(plain) * 5, 8)
    if rest >= 5 or number & ((1 << rest) - 1):
        raise ValueError("not a pairing code: bits left over")
    return (number >> rest).to_bytes(size, "big")


def tidy(text: str) -> str:
    """What was typed without blanks and dashes, upper case, misread letters put right."""
    return "".join(sign for sign in text.upper() if sign not in _SEPARATORS).translate(_MISREAD)


def fingerprint(ca_der: bytes) -> bytes:
    """The 10 bytes of a certificate (DER) that stand in a code."""
    return hashlib.sha256(ca_der).digest()[:FINGERPRINT_BYTES]


def matches(ca_der: bytes, expected: bytes) -> bool:
    """Whether a certificate is the one a code was made for."""
    return hmac.compare_digest(fingerprint(ca_der), expected)


def encode_code(secret: bytes, fingerprint: bytes) -> str:
    """`XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`. Raises ValueError unless 5 and 10 bytes are given."""
    if len(secret) != SECRET_BYTES or len(fingerprint) != FINGERPRINT_BYTES:
        raise ValueError("a pairing code takes 5 bytes of secret and 10 of fingerprint")
    text = spell(secret + fingerprint)
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def decode_code(text: str) -> tuple[bytes, bytes]:
    """(secret, fingerprint) of a code as typed. Raises ValueError when it cannot be one."""
    data = unspell(text)
    if len(data) != SECRET_BYTES + FINGERPRINT_BYTES:
        raise ValueError("not a pairing code: wrong length")
    return data[:SECRET_BYTES], data[SECRET_BYTES:]
