"""Every format that is read, the most telling content first."""

from itembank.importing.aiken import AikenFormat
from itembank.importing.docx import DocxFormat, OldWordFormat
from itembank.importing.drafts import Format
from itembank.importing.gift import GiftFormat
from itembank.importing.json_items import JsonFormat
from itembank.importing.moodle import MoodleXmlFormat
from itembank.importing.qti import QtiFormat
from itembank.importing.spreadsheet import SpreadsheetFormat
from itembank.importing.text_template import TextTemplateFormat

FORMATS: tuple[Format, ...] = (
    QtiFormat(),
    MoodleXmlFormat(),
    DocxFormat(),
    OldWordFormat(),
    JsonFormat(),
    GiftFormat(),
    AikenFormat(),
    TextTemplateFormat(),
    SpreadsheetFormat(),
)
