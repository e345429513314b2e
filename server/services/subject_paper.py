"""The answer to a candidate who asks what is kept, as a document: the same sentences as on the screens."""

from collections.abc import Sequence
from typing import Any

from exam_rooms.kept_messages import KeptSection
from server.services.paper_prints import content_mark
from server.services.printed_at import At
from server.services.site_facts import SiteFacts
from server.services.subject_file import SubjectFile


def document(file: SubjectFile, sections: Sequence[KeptSection], facts: SiteFacts, at: At) -> dict[str, Any]:
    """The payload of the typesetting job; `sections` in Chinese, as every document is."""
    body = [
        {"title": section.title, "rows": [[row.term, row.text] for row in section.rows]}
        for section in sections
    ]
    return {
        "document": "kept",
        "at": at.now.isoformat(),
        "head": {
            "title": "个人信息处理情况说明",
            "place": " · ".join(part for part in (file.title, file.room) if part),
            "printed": at.text(at.now),
            "hash": content_mark({"registration": file.registration, "sections": body}),
            "institution": facts.institution,
        },
        "data": {"subject": f"{file.name} · {file.ticket}", "sections": body},
    }
