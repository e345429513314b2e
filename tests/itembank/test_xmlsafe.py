"""Entities never pass, whatever encoding hides their declaration."""

import pytest

from itembank.importing.xmlsafe import XmlRefused, parse_xml

DECLARED = '<!DOCTYPE a [<!ENTITY n "not ">]>'


def refused(data: bytes) -> str:
    with pytest.raises(XmlRefused) as caught:
        parse_xml(data, "a.xml")
    return caught.value.problems[0].code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (f"{DECLARED}<a>&n;</a>".encode(), "xml_entities"),
        (f"{DECLARED}<a>&n;</a>".encode("utf-16"), "xml_entities"),
        (
            f'<?xml version="1.0" encoding="UTF-16LE"?>{DECLARED}<a>&n;</a>'.encode("utf-16-le"),
            "xml_encoding",
        ),
        (
            f'<?xml version="1.0" encoding="UTF-16BE"?>{DECLARED}<a>&n;</a>'.encode("utf-16-be"),
            "xml_encoding",
        ),
        (f'<?xml version="1.0" encoding="UTF-8"?>{DECLARED}<a>&n;</a>'.encode("utf-32-le"), "xml_encoding"),
        (
            b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a [+ADwAIQ-ENTITY n "not ">]><a>&n;</a>',
            "xml_encoding",
        ),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "xml_encoding"),
        (b'<!DOCTYPE a SYSTEM "a.dtd"><a>&nbsp;</a>', "xml_entities"),
        (b"<a>&nbsp;</a>", "xml_broken"),
    ],
)
def test_entities_and_encodings_that_hide_them_are_refused(data: bytes, code: str) -> None:
    assert refused(data) == code


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "gb18030", "GB2312", "utf-16"])
def test_usual_encodings_are_read(encoding: str) -> None:
    data = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a SYSTEM "a.dtd"><a>警察&lt;</a>'.encode(
        encoding
    )
    assert parse_xml(data, "a.xml").text == "警察<"


def test_western_encodings_are_read() -> None:
    for name in ("iso-8859-1", "windows-1252", "us-ascii"):
        letters = "é" if name != "us-ascii" else "e"
        data = f'<?xml version="1.0" encoding="{name}"?><a>{letters}</a>'.encode(name)
        assert parse_xml(data, "a.xml").text == letters
