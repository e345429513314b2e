"""Western European text among Chinese text: which of the two an old 8-bit encoding is."""

import re

WINDOWS = "windows-1252"
# Characters of four bytes (minority scripts and rare hanzi) have high bytes that stand alone, too.
_FOUR_BYTES = re.compile(rb"[\x81-\xfe][0-9][\x81-\xfe][0-9]")
_HIGH = re.compile(rb"[\x80-\xff]+")


def is_western(data: bytes) -> bool:
    """Whether bytes that are not UTF-8 are rather windows-1252 than GB18030.

    Chinese text comes in runs of high bytes: hanzi have two, mostly both above A0. Accented letters stand
    alone among ASCII letters. So the text is western when most runs are a single byte.
    """
    runs = [len(run) for run in _HIGH.findall(_FOUR_BYTES.sub(b"", data))]
    if 2 * sum(length == 1 for length in runs) <= len(runs):
        return False
    try:
        data.decode(WINDOWS)
    except UnicodeDecodeError:
        return False
    return True
