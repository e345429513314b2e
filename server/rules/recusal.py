"""Who must stand back for whom (R16): links between staff and candidates; no ID number stands in clear."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class LinkKind(StrEnum):
    """Why a member of staff may not serve in a candidate's room."""

    KIN = "kin"  # 亲属
    SUPERIOR = "superior"  # 用人单位负责人或直接上级
    TEACHER = "teacher"  # 师生
    MASTER = "master"  # 师徒


@dataclass(frozen=True, slots=True)
class RecusalLink:
    """A link of one person with a candidate (`candidate`: blind index of the ID number) or an employer."""

    kind: str
    candidate: str = ""
    employer: str = ""


@dataclass(frozen=True, slots=True)
class Examinee:
    """A candidate as the rule looks at one: blind index of the ID number, name, employer."""

    index: str
    name: str
    employer: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A link that holds for a candidate."""

    kind: str
    candidate: str


def same_employer(one: str, other: str) -> bool:
    """Whether two names mean one employer: width, spaces and case of letters do not matter."""
    return bool(one.strip()) and _tidy(one) == _tidy(other)


def conflicts(links: Iterable[RecusalLink], examinees: Iterable[Examinee]) -> tuple[Conflict, ...]:
    """Every link that holds for one of the candidates, each candidate once, in the candidates' order."""
    given = list(links)
    found = []
    for examinee in examinees:
        link = next((each for each in given if _holds(each, examinee)), None)
        if link is not None:
            found.append(Conflict(link.kind, examinee.name))
    return tuple(found)


def _holds(link: RecusalLink, examinee: Examinee) -> bool:
    if link.candidate:
        return link.candidate == examinee.index
    return same_employer(link.employer, examinee.employer)


def _tidy(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()
