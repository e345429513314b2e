"""Width and height that a JPEG or PNG file declares, read before any memory is taken for its pixels."""

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
JPEG_END, PNG_END = b"\xff\xd9", b"IEND"
SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, all codings
BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})  # without a length
SCAN = 0xDA


def declared_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels by the header; None when it says nothing or the file's end is missing."""
    if data.startswith(PNG_START):
        return _png(data)
    if data.startswith(JPEG_START):
        return _jpeg(data)
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or PNG_END not in data:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walks the segments up to the picture's own scan: an embedded thumbnail lies inside of one of them."""
    size, place = None, 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == SCAN:
            return size if JPEG_END in data[place:] else None
        if marker == 0xFF or marker in BARE_MARKERS:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in SIZE_MARKERS:
            size = (
                int.from_bytes(data[place + 7 : place + 9], "big"),
                int.from_bytes(data[place + 5 : place + 7], "big"),
            )
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
