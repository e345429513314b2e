"""A file to import: its bytes, and lazily its text or the parts of its archive."""

from functools import cached_property

from itembank.importing.archive import Archive, open_archive
from itembank.importing.tables import MAX_FILE_BYTES, decode_text
from itembank.problems import InputRefused, Problem

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")


class Source:
    """`name` only names the file in messages; what it is follows from `data`."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name

    @property
    def is_zip(self) -> bool:
        """Whether it is an archive (xlsx, docx, QTI package)."""
        return self.data.startswith(b"PK")

    @property
    def is_ole(self) -> bool:
        """Whether it is an old Office file (xls, doc), or a new one behind a password."""
        return self.data.startswith(_OLE_MAGIC)

    @cached_property
    def archive(self) -> Archive:
        """The parts of the archive, checked against limits; `InputRefused` when they break them."""
        return open_archive(self.data, self.name)

    @cached_property
    def decoded(self) -> tuple[str, str]:
        """(text, encoding) as `tables.decode_text` finds it; `InputRefused` for anything that is no text."""
        return decode_text(self.data, self.name)

    @property
    def text(self) -> str:
        """The text; `InputRefused` when the file is none."""
        return self.decoded[0]

    @property
    def head(self) -> bytes:
        """The first bytes in lower case without BOM and blanks, for sniffing."""
        return self.data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()

    def refuse_unreadable(self) -> None:
        """Raises `InputRefused` for what no format can read: empty, too large, behind a password."""
        if not self.data.strip():
            raise refusal("file_empty", self.name)
        if len(self.data) > MAX_FILE_BYTES:
            raise refusal("file_too_large", self.name, limit_mb=MAX_FILE_BYTES // (1024 * 1024))
        if self.is_ole and _ENCRYPTED_STREAM in self.data:
            raise refusal("file_password", self.name)


def refusal(code: str, name: str, **params: str | float) -> InputRefused:
    """The refusal of a whole file."""
    return InputRefused(Problem(code, name, {"name": name, **params}))
