"""The formats in which a bank can be taken out. No database here: the child that writes reads it too."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType

from server.messages import N_


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format: what it is called, the file it gives, and the function of `itembank.exporting`."""

    name: str
    suffix: str
    mime: str
    module: str
    function: str


FORMATS: Mapping[str, ExportFormat] = MappingProxyType(
    {
        "guobiao": ExportFormat(
            N_("国标 17 列 xlsx"),
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "itembank.exporting.guobiao_xlsx",
            "export_guobiao_xlsx",
        ),
        "gift": ExportFormat(
            "GIFT", "gift", "text/plain; charset=utf-8", "itembank.exporting.gift", "export_gift"
        ),
        "moodle": ExportFormat(
            "Moodle XML", "xml", "application/xml", "itembank.exporting.moodle", "export_moodle"
        ),
        "qti21": ExportFormat("QTI 2.1", "zip", "application/zip", "itembank.exporting.qti", "export_qti21"),
        "qti30": ExportFormat("QTI 3.0", "zip", "application/zip", "itembank.exporting.qti", "export_qti30"),
    }
)


def available() -> dict[str, ExportFormat]:
    """The formats that this installation can write."""
    return {key: form for key, form in FORMATS.items() if find_spec(form.module) is not None}
