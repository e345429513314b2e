"""Password hashes: Argon2id. Checking one takes tens of milliseconds, so callers use a native pool."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from server.errors import Refused

SHORTEST = 10
LONGEST = 128
# The smallest setting that the OWASP password storage sheet recommends for Argon2id: 19 MiB, 2 passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def acceptable(password: str, field: str = "password") -> str:
    """The password when it may be used; raises `Refused` naming the form's field."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused("password_length", 422, field=field, least=SHORTEST, most=LONGEST)
    return password


def hash_password(password: str) -> str:
    """The Argon2id hash to store."""
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password fits; for an unknown account (None) it takes as long and says no."""
    try:
        return _HASHER.verify(stored or _nobody(), password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return hash_password("nobody has this password")
