"""The words of the sign-in desk: what a comparison says, how a sign-in came out, where one stands."""

from flask_babel import gettext as _

from exam_rooms.desk import COMPARED, Face
from server.messages import N_

FACES: dict[str, str] = {
    Face.NOT_USED: N_("本批次不比对人脸，人工核对证件和照片"),
    Face.NOT_ASKED: N_("尚未询问"),
    Face.DECLINED: N_("考生不同意人脸比对，由两名工作人员核验"),
    Face.UNAVAILABLE: N_("无法比对，由两名工作人员核验"),
    Face.NO_PHOTO: N_("没有可比对的报名照片，由两名工作人员核验"),
    Face.NO_FACE: N_("画面中没有找到人脸，请重拍，或由两名工作人员核验"),
    Face.UNCLEAR: N_("画面过暗、模糊或人脸太小，请重拍，或由两名工作人员核验"),
    Face.SEVERAL: N_("画面中不止一人，请重拍，或由两名工作人员核验"),
    Face.MATCH: N_("一致"),
    Face.UNSURE: N_("不能确定，请重拍，或由两名工作人员核验"),
    Face.MISMATCH: N_("不一致，请重拍，或记为存疑由主考决定"),
}
SHADES: dict[str, str] = {
    Face.MATCH: "good",
    Face.MISMATCH: "act",
    Face.NOT_USED: "info",
    Face.DECLINED: "info",
}
MARKS: dict[str, tuple[str, str]] = {
    # `desk_marks.mark_of` -> (colour class, word)
    "": ("off", N_("未签到")),
    "passed": ("good", N_("已签到")),
    "no_compare": ("good", N_("已签到，不比对人脸")),
    "paper": ("good", N_("纸质签到")),
    "doubt": ("act", N_("存疑，待主考决定")),
    "refused": ("act", N_("不准入场")),
    "late": ("look", N_("迟到，未入场")),
    "differs": ("act", N_("人脸比对不一致")),
    "taken_back": ("off", N_("已撤销")),
}
METHODS: dict[str, str] = {
    "ticket": N_("扫描准考证"),
    "number": N_("输入准考证号"),
    "id": N_("证件号码"),
    "paper": N_("纸质签到，后补录"),
}
DECISIONS: dict[str, str] = {"admitted": N_("准许入场"), "refused": N_("不准入场")}


def face_text(face: str) -> str:
    """What is known of a face, as a sentence."""
    return str(_(FACES[face])) if face in FACES else face


def face_shade(face: str) -> str:
    """The colour class of it."""
    return SHADES.get(face, "look")


def score_text(face: str, similarity: float | None) -> str:
    """How like, in words with the number; "" where nothing was compared."""
    if similarity is None or face not in COMPARED:
        return ""
    return str(_("相似度 %(score)s（满分 1.00）", score=f"{max(similarity, 0.0):.2f}"))


def desk_mark_text(mark: str) -> str:
    """How a candidate stands at the desk, in the reader's language."""
    return str(_(MARKS[mark][1])) if mark in MARKS else mark


def desk_mark_class(mark: str) -> str:
    """The badge's colour class of it."""
    return MARKS[mark][0] if mark in MARKS else ""


def method_text(method: str) -> str:
    """How the candidate was found."""
    return str(_(METHODS[method])) if method in METHODS else method


def decision_text(decision: str) -> str:
    """What was decided on a doubt."""
    return str(_(DECISIONS[decision])) if decision in DECISIONS else decision


GLOBALS = {
    "desk_face_text": face_text,
    "desk_face_shade": face_shade,
    "desk_score_text": score_text,
    "desk_mark_text": desk_mark_text,
    "desk_mark_class": desk_mark_class,
    "desk_method_text": method_text,
    "desk_decision_text": decision_text,
}
