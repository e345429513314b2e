"""QTI files for tests: built here, in the words of 2.1 or 3.0."""

import io
import re
import zipfile
from collections.abc import Mapping

from PIL import Image

from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading, Placed

NS21 = "http://www.imsglobal.org/xsd/imsqti_v2p1"
NS30 = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
_HTML = "p|div|b|br|img|span|table|tr|td|object|math|mi|strong|h1|audio|source|i|em|a|script|ul|li"


def png(width: int = 8, height: int = 6, colour: str = "red") -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(memory, "PNG", optimize=False)
    return memory.getvalue()


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return memory.getvalue()


def manifest(*hrefs: str, kind: str = "imsqti_item_xmlv2p1", metadata: str = "") -> str:
    resources = "".join(
        f'<resource identifier="R{n}" type="{kind}" href="{href}">{metadata}<file href="{href}"/></resource>'
        for n, href in enumerate(hrefs)
    )
    return f'<manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1" identifier="M"><organizations/><resources>{resources}</resources></manifest>'


def declaration(
    *values: str, name: str = "RESPONSE", form: str = "single identifier", mapping: str = ""
) -> str:
    cardinality, base = form.split()
    listed = "".join(f"<value>{value}</value>" for value in values)
    correct = f"<correctResponse>{listed}</correctResponse>" if values else ""
    mapped = f'<mapping defaultValue="0">{mapping}</mapping>' if mapping else ""
    return f'<responseDeclaration identifier="{name}" cardinality="{cardinality}" baseType="{base}">{correct}{mapped}</responseDeclaration>'


def entry(key: str, value: str, case: str = "false") -> str:
    return f'<mapEntry mapKey="{key}" mappedValue="{value}" caseSensitive="{case}"/>'


def choice(*texts: str, many: str = "1", prompt: str = "选哪一个？", name: str = "RESPONSE") -> str:
    listed = "".join(
        f'<simpleChoice identifier="C{n}">{text}</simpleChoice>' for n, text in enumerate(texts, 1)
    )
    return f'<choiceInteraction responseIdentifier="{name}" shuffle="true" maxChoices="{many}"><prompt>{prompt}</prompt>{listed}</choiceInteraction>'


def processing(name: str = "match_correct") -> str:
    return f'<responseProcessing template="http://www.imsglobal.org/question/qti_v2p1/rptemplates/{name}"/>'


def item(
    body: str,
    before: str = "",
    after: str = "",
    uid: str = "I1",
    more: str = "",
    title: str = "t",
    ns: str = NS21,
) -> str:
    return (
        f'<assessmentItem xmlns="{ns}" identifier="{uid}" title="{title}" adaptive="false" timeDependent="false"{more}>'
        f"{before}<itemBody>{body}</itemBody>{after}</assessmentItem>"
    )


def modern(xml: str) -> str:
    """The same item in the words of 3.0: `qti-` before its own elements, hyphens in names and attributes."""

    def hyphened(name: str) -> str:
        return re.sub(r"[A-Z]", lambda found: "-" + found[0].lower(), name)

    def tag(found: re.Match[str]) -> str:
        slash, name, attributes = found[1], found[2], found[3]
        if re.fullmatch(_HTML, name):
            return found[0]
        spelled = re.sub(r" ([A-Za-z]+)=", lambda a: f" {hyphened(a[1])}=", attributes)
        return f"<{slash}qti-{hyphened(name)}{spelled}>"

    return re.sub(r"<(/?)([A-Za-z]+)([^<>]*)>", tag, xml).replace(NS21, NS30)


def read(xml: str, files: Mapping[str, bytes] | None = None) -> BankReading:
    """The reading of one item, in a package when files come along."""
    if files is None:
        return read_bank(xml.encode(), "item.xml")
    return read_bank(
        zipped({"imsmanifest.xml": manifest("items/i.xml"), "items/i.xml": xml, **files}), "p.zip"
    )


def only(reading: BankReading) -> Placed:
    """The one item of a reading."""
    assert reading.rejected == ()
    (placed,) = reading.items
    return placed


def codes(reading: BankReading) -> list[str]:
    return [problem.code for problem in reading.warnings]
