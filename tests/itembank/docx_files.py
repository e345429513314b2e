"""Word files made for the tests, part by part."""

import io
import zipfile
from collections.abc import Mapping

from PIL import Image

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMESPACES = (
    f'xmlns:w="{W}" xmlns:r="{R}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
)


def run(text: str, properties: str = "") -> str:
    """One run of text."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*content: str, properties: str = "") -> str:
    """One paragraph: plain texts become runs, XML stays."""
    runs = "".join(each if each.startswith("<") else run(each) for each in content)
    return f"<w:p><w:pPr>{properties}</w:pPr>{runs}</w:p>"


def listed(text: str, number: int, level: int = 0) -> str:
    """A paragraph with an automatic number."""
    return paragraph(
        text, properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    )


def picture(relation: str, attribute: str = "embed") -> str:
    """A drawing in a run."""
    return f'<w:r><w:drawing><wp:inline><wp:docPr id="1" name="p" descr="平面图"/><a:blip r:{attribute}="{relation}"/></wp:inline></w:drawing></w:r>'


def table(*rows: tuple[str, ...]) -> str:
    """A table of one paragraph a cell."""
    cells = ("".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{each}</w:tr>' for each in cells)}</w:tbl>"


def docx(*blocks: str, relations: str = "", parts: Mapping[str, bytes] | None = None) -> bytes:
    """A Word file whose body is `blocks`."""
    document = f"<w:document {NAMESPACES}><w:body>{''.join(blocks)}</w:body></w:document>"
    related = f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>'
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", document)
        archive.writestr("word/_rels/document.xml.rels", related)
        for name, data in (parts or {}).items():
            archive.writestr(name, data)
    return memory.getvalue()


def png(colour: str = "red") -> bytes:
    """A small picture."""
    memory = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(memory, "PNG")
    return memory.getvalue()
