"""The proof of a paper set as a printed page says it: the same words as on the screen."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.db.papers import PaperSet
from server.rules.proof_tables import proof_lines
from server.services import blueprints, papers, staff
from server.services.paper_prints import content_mark
from server.web.guard import current_host
from server.web.words import level_name, occupation_name, proof_name, proof_of


def proof_document(session: Session, row: PaperSet, now: datetime) -> dict[str, Any]:
    """The payload of the typesetting job for a set's proof; words are in the language of the request."""
    bank, blueprint = papers.sources(session, row)
    letters = papers.form_letters(session, row.id)
    scopes = {scope.code: scope.name for scope in blueprints.read(blueprint).walk()}
    unmet = len(papers.unmet(row))
    data = {
        "facts": [
            ["职业", occupation_name(bank.occupation)],
            ["等级", level_name(bank.occupation, bank.level)],
            ["题库", bank.name],
            ["细目表", f"{blueprint.title} 第 {blueprint.version} 版"],
            ["平行卷数", str(row.forms)],
            ["种子", row.seed],
            ["可用试题", str(row.outcome.get("pool", ""))],
            ["题库快照", row.snapshot[:32]],
            *_people(session, row),
        ],
        "letters": letters,
        "lines": [_line(line, cells, scopes) for line, cells in proof_lines(row.outcome.get("proof", []))],
        "summary": f"有 {unmet} 项没有达到。" if unmet else "必须满足的各项全部达到。",
    }
    return {"document": "proof", "at": now.isoformat(), "head": _head(row, data, now), "data": data}


def _people(session: Session, row: PaperSet) -> list[list[str]]:
    names = staff.names(session, [row.created_by, row.approved_by])
    return [
        ["组卷人", f"{names.get(row.created_by or 0, '')} {_moment(row.created_at)}"],
        ["批准人", f"{names.get(row.approved_by or 0, '')} {_moment(row.approved_at)}"],
    ]


def _line(line: dict[str, Any], cells: list[dict[str, Any] | None], scopes: dict[str, str]) -> dict[str, Any]:
    return {
        "name": proof_name(line["name"]),
        "of": proof_of(line, scopes),
        "required": str(line["required"]),
        "binding": line["binding"],
        "cells": [_cell(cell) for cell in cells],
    }


def _cell(cell: dict[str, Any] | None) -> dict[str, Any]:
    return {"reached": str(cell["reached"]), "met": cell["met"]} if cell else {"reached": "—", "met": True}


def _head(row: PaperSet, data: dict[str, Any], now: datetime) -> dict[str, str]:
    mark = content_mark(data)
    return {"title": row.title, "place": row.title, "printed": _moment(now), "hash": mark}


def _moment(value: datetime | None) -> str:
    zone = ZoneInfo(current_host().settings.timezone)
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if value else ""
