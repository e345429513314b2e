"""A comprehensive review by a panel of three: theses made here, defences of half an hour."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from server.access import Actor
from server.db.sittings import Batch
from server.host import Host
from server.jobs.works import read_work
from server.rules.policy import LevelPolicy
from server.rules.policy_components import Component, Method
from server.services import theses
from server.services.theses import Handed
from tests.server.assessing_kit import Stage, make_assessment

LEAST = 15
"""Minutes that a defence lasts at least here."""


def make_review(host: Host, person_as: Callable[..., Actor], *, characters: int = 0, **wanted: Any) -> Stage:
    """The stage of a level 2 review; its policy asks for `LEAST` minutes and so many characters."""
    plan = {
        "component": Component.REVIEW,
        "method": Method.DEFENCE,
        "level": 2,
        "stations": 1,
        "candidates": 3,
    }
    stage = make_assessment(host, person_as, **{**plan, **wanted})

    def terms(session: Session) -> None:
        batch = session.get_one(Batch, stage.batch)
        policy = LevelPolicy.from_json(batch.policy)
        components = tuple(
            replace(each, min_minutes=LEAST, least_characters=characters)
            if each.component == Component.REVIEW
            else each
            for each in policy.components
        )
        batch.policy = replace(policy, components=components).to_json()

    host.db.write(terms)
    return stage


def docx(text: str, pages: int | None = 3, **more: bytes) -> bytes:
    """A document of one paragraph, as word processors save one."""
    main = (
        '<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w='
        '"http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
        f"<w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    )
    about = (
        '<?xml version="1.0"?><Properties xmlns='
        f'"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"><Pages>{pages}</Pages></Properties>'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        parts = {
            "word/document.xml": main.encode(),
            **({"docProps/app.xml": about.encode()} if pages else {}),
        }
        for name, data in {**parts, **more}.items():
            # without the time of day: the same text is the same file
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def hand_in(stage: Stage, place: int = 0, text: str = "保卫工作论文", kind: str = theses.THESIS) -> int:
    """The candidate at that place of the roster hands a document in; the id of the version."""
    data = docx(text)
    found = read_work({"data": data}, lambda *_: None)
    handed = Handed(kind, data, found["mime"], found["pages"], found["characters"])
    number: int = stage.write(theses.add, stage.administrator, stage.registrations[place], handed)
    return number
