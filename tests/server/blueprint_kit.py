"""Blueprints for tests: the sample as a text, a short one, and a bank whose blueprints two people handle."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from itembank.problems import InputRefused
from server.access import Actor
from server.db.bank import BlueprintRow
from server.db.record import AuditEntry
from server.errors import Refused
from server.host import Host
from server.services import blueprint_drafts, blueprints
from server.services.blueprint_drafts import Edit

SAMPLE = """\
# a remark that stays
title: 保卫管理员三级理论知识细目表（示例）
occupation: baowei
level: 3
size: 100
sample: true
kinds:
  single: {count: 60, points: 1}
  multiple: {count: 20, points: 1}
  true_false: {count: 20, points: 1}
bands:
  2: [6, 18]
  3: [50, 75]
scopes:
  - code: A
    name: 组织防范
    weight: 20
    children:
      - code: A-A
        name: 治安保卫组织与责任
        weight: 16
        points:
          - {code: A-A-001, name: 治安保卫工作的方针与责任}
          - {code: A-A-002, name: 治安保卫机构和人员的设置}
          - {code: A-A-003, name: 治安保卫重点单位}
      - code: A-C
        name: 群防群治与用工
        weight: 4
        children:
          - code: A-C-A
            name: 群众性防范与劳动用工
            weight: 4
  - code: B
    name: 技术防范
    weight: 80
"""
SHORT = (
    SAMPLE.replace("weight: 20\n", "weight: 19\n", 1)
    .replace("群防群治与用工\n        weight: 4", "群防群治与用工\n        weight: 3")
    .replace("劳动用工\n            weight: 4", "劳动用工\n            weight: 3")
)
"""A top scope of 19 and so a sum of 99."""


class Shelf:
    """Acts on blueprints, one transaction each."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def store(self, who: Actor, text: str = SAMPLE) -> int:
        return self.host.db.write(blueprints.store, who, text, now=self.host.now())

    def approve(self, who: Actor, number: int, **seen: str) -> None:
        self.host.db.write(blueprint_drafts.approve, who, number, now=self.host.now(), **seen)

    def change(self, who: Actor, number: int) -> int:
        return self.host.db.write(blueprint_drafts.change, who, number, now=self.host.now())

    def save(self, who: Actor, number: int, text: str, base: str | None = None) -> None:
        edit = Edit(text, blueprints.digest(self.row(number).text) if base is None else base)
        self.host.db.write(blueprint_drafts.save, who, number, edit, now=self.host.now())

    def do(self, act: Callable[..., Any], who: Actor, number: int) -> None:
        self.host.db.write(act, who, number, now=self.host.now())

    def row(self, number: int) -> BlueprintRow:
        with self.host.db.read() as session:
            row = blueprints.get(session, number)
            session.expunge(row)
            return row

    def states(self) -> list[tuple[int, str]]:
        with self.host.db.read() as session:
            rows = session.scalars(select(BlueprintRow).order_by(BlueprintRow.id))
            return [(row.version, row.state) for row in rows]

    def active(self) -> list[int]:
        with self.host.db.read() as session:
            return [row.id for row in blueprints.active(session)]

    def acts(self) -> list[tuple[str, str]]:
        with self.host.db.read() as session:
            rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
            return [(row.act, row.object) for row in rows if row.act.startswith("blueprint_")]


def refusal(act: Callable[..., Any], *given: Any, **named: Any) -> str:
    with pytest.raises((Refused, InputRefused)) as raised:
        act(*given, **named)
    fault = raised.value
    return fault.code if isinstance(fault, Refused) else fault.problems[0].code
