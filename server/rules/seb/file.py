"""Files of Safe Exam Browser (.seb): gzip(prefix + payload), opened layer by layer under limits.

plnd: gzip(property list). pswd: the same sealed with a password. pwcc (settings of the program itself):
sealed with the lower-case hex SHA-256 of the password. pkhs and phsk: sealed for a certificate; they wrap
one of the others. A bare XML property list, gzipped or not, is a settings file too.
Source: safeexambrowser.org/developer/seb-file-format.html.
"""

import gzip
import hashlib
import zlib

from server.rules.seb.config import XML_MOST, Settings, looks_like_xml, read_plist, refused
from server.rules.seb.rncryptor import NotOpened, open_sealed, seal

FILE_MOST = 4 << 20
"""Bytes of a file; real ones have a few KB."""
LAYERS_MOST = 6
"""gzip, prefix, seal, gzip: more layers than that is a trap."""
_PREFIX = 4
_GZIP = b"\x1f\x8b"
_SEALED_FOR_A_CERTIFICATE = (b"pkhs", b"phsk")


def read_seb(data: bytes, password: str = "") -> Settings:
    """The settings in a file. Raises `Refused`; a password's fault stands at the field `password`."""
    if len(data) > FILE_MOST:
        raise refused("seb_file_too_large", megabytes=FILE_MOST >> 20)
    for _ in range(LAYERS_MOST):
        if looks_like_xml(data):
            return read_plist(data)
        data = _inner(data, password)
    raise refused("seb_file_broken")


def write_seb(plist: bytes, password: str = "") -> bytes:
    """The file of a property list of settings, sealed when a password is given."""
    packed = gzip.compress(plist, mtime=0)
    payload = b"pswd" + seal(packed, password) if password else b"plnd" + packed
    return gzip.compress(payload, mtime=0)


def _inner(data: bytes, password: str) -> bytes:
    """One layer taken off."""
    if data[: len(_GZIP)] == _GZIP:
        return _unzipped(data)
    prefix, payload = data[:_PREFIX], data[_PREFIX:]
    if prefix == b"plnd":
        return payload
    if prefix == b"pswd":
        return _opened(payload, password, password)
    if prefix == b"pwcc":
        # Without a password SEB seals with the empty text itself, not with its hash.
        hashed = hashlib.sha256(password.encode()).hexdigest() if password else ""
        return _opened(payload, password, hashed)
    if prefix in _SEALED_FOR_A_CERTIFICATE:
        raise refused("seb_needs_certificate")
    raise refused("seb_not_a_seb_file")


def _opened(payload: bytes, given: str, password: str) -> bytes:
    try:
        return open_sealed(payload, password)
    except NotOpened as fault:
        if not fault.wrong_password:
            raise refused("seb_file_broken") from fault
        raise refused("seb_password_wrong" if given else "seb_password_needed", "password") from fault


def _unzipped(data: bytes) -> bytes:
    """What a gzip file holds, read up to the limit and no further."""
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = reader.decompress(data, XML_MOST)
    except zlib.error as fault:
        raise refused("seb_file_broken") from fault
    if reader.unconsumed_tail:
        raise refused("seb_file_too_large", megabytes=XML_MOST >> 20)
    if not reader.eof:
        raise refused("seb_file_broken")
    return found
