"""What cameras say, in the reader's language: signs of the map, verdicts, numbers, what a picture shows."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from flask_babel import gettext as _

from exam_rooms.watch_messages import CameraReport
from exam_rooms.watching import ObservationNote
from server.messages import N_

CAMERAS: dict[str, tuple[str, str]] = {
    # word -> (state class, text); the same texts stand in static/js/seatmap.js
    "none": ("off", N_("没有摄像头")),
    "opening": ("off", N_("正在打开摄像头")),
    "live": ("info", N_("摄像头待命")),
    "enrolling": ("info", N_("正在采集人脸")),
    "watching": ("good", N_("摄像头工作中")),
    "no_identity": ("look", N_("不能比对人脸")),
    "manual": ("off", N_("人工核验")),
    "lost": ("act", N_("摄像头没有画面")),
    "stalled": ("act", N_("摄像头画面中断")),
    "unavailable": ("act", N_("无法检测")),
    "wrong": ("act", N_("摄像头不符")),
}
LIKENESS = {
    "match": ("good", N_("一致")),
    "unsure": ("look", N_("存疑")),
    "mismatch": ("act", N_("不一致")),
    "no_face": ("look", N_("没有找到人脸")),
    "no_photo": ("look", N_("没有报名照片可比")),
}
CHALLENGES = {
    "passed": ("good", N_("已通过")),
    "failed": ("act", N_("未通过")),
    "timed_out": ("act", N_("未在时限内完成")),
    "declined": ("look", N_("考生表示无法完成，请人工核对本人和证件")),
    "skipped": ("look", N_("开考前未完成，请人工核对本人和证件")),
    "unavailable": ("off", N_("考试机无法检测")),
}
"""How the liveness challenge at sign-in ended."""
CHALLENGE_REASONS = {
    "other_face": N_("中途出现另一张脸"),
    "flat": N_("画面像平面图片"),
    "wrong_step": N_("动作与提示不符"),
    "no_face": N_("没有看到人脸"),
}
QUALITY = {
    "good": N_("画面清晰"),
    "dark": N_("光线过暗"),
    "glare": N_("光线过强"),
    "blurred": N_("画面模糊"),
    "covered": N_("镜头被遮挡"),
}
CHECKS = {
    "detect": N_("人脸检测"),
    "verify": N_("人脸比对"),
    "mesh": N_("头部姿态"),
    "iris": N_("视线"),
    "liveness": N_("活体检测"),
    "objects": N_("物品识别"),
}
SCORES: dict[str, tuple[str, int]] = {
    # name -> (words, decimals)
    "similarity": (N_("相似度"), 2),
    "spread": (N_("采集画面之间的最低相似度"), 2),
    "persons": (N_("人数"), 0),
    "frames": (N_("比对画面数"), 0),
    "brightness": (N_("亮度"), 0),
    "sharpness": (N_("清晰度"), 0),
    "yaw": (N_("左右转头（度）"), 0),
    "bend": (N_("立体程度"), 2),
    "pitch": (N_("上下抬头（度）"), 0),
    "gaze": (N_("视线偏移"), 2),
    "mouth": (N_("张口程度"), 2),
    "liveness": (N_("活体得分"), 2),
    "score": (N_("检测得分"), 2),
    "votes": (N_("参加表决的次数"), 0),
    "usual_yaw": (N_("平时的左右朝向（度）"), 0),
    "usual_pitch": (N_("平时的上下朝向（度）"), 0),
    "usual_gaze": (N_("平时的视线"), 2),
    "moves": (N_("嘴部动作次数"), 0),
    "looks": (N_("观察次数"), 0),
    "again": (N_("间歇期内又出现次数"), 0),
    "seen_share": (N_("平时看得到的比例"), 2),
}
INCIDENTS = {
    "LINK_LOST": N_("断网"),
    "CHAIN_FORK": N_("作答记录出现两个版本"),
    "CHAIN_ERROR": N_("作答记录校验不符"),
    "CLOCK_STEP": N_("服务器时钟被改动"),
    "CLOCK_UNPROVEN": N_("服务器时间未经核对"),
    "LATE_RECORDS": N_("迟到的作答记录"),
    "WRONG_SEAT_SIGN_IN": N_("坐错座位登录"),
    "NOT_AT_SEAT": N_("签到后未到座位"),
    "IDENTITY_DENIED": N_("考生称信息不是本人"),
    "JOURNAL_FAILED": N_("考试机无法保存作答"),
    "WORKSTATION_CHANGED": N_("考试机被更换"),
    "NO_FACE": N_("座位无人"),
    "MULTI_FACE": N_("出现多人"),
    "FACE_MISMATCH": N_("人脸与登记不一致"),
    "CAMERA_COVERED": N_("摄像头被遮挡"),
    "DARK": N_("光线过暗或过强"),
    "FROZEN": N_("画面静止"),
    "CAMERA_LOST": N_("摄像头没有画面"),
    "CAMERA_STALLED": N_("摄像头画面中断"),
    "CAMERA_RESOLUTION": N_("摄像头分辨率不符"),
    "TURNED_AWAY": N_("长时间转头"),
    "GAZE_AWAY": N_("长时间看向别处"),
    "TALKING": N_("疑似说话"),
    "LIVENESS_DOUBT": N_("疑似翻拍画面"),
    "PHONE_HINT": N_("画面中疑似有手机"),
    "BOOK_HINT": N_("画面中疑似有书本"),
    "PERSON_HINT": N_("画面中疑似有他人"),
    "SEAT_SWAP": N_("疑似互换座位"),
    "LEFT_SEAT": N_("离开座位"),
    "TWO_AT_SEAT": N_("座位处有两人"),
    "CHANGED_SEAT": N_("换到别的座位"),
    "ROOM_CAMERA_LOST": N_("考场摄像头没有画面"),
    "ROOM_CAMERA_MOVED": N_("考场摄像头位置变动"),
    "AGENT_DISAGREES": N_("抓拍复核结果不符"),
    "ENROLMENT_DOUBT": N_("入场比对存疑"),
    "FOCUS_LOST": N_("离开答题页面"),
    "SECOND_PAGE": N_("打开第二个答题页面"),
    "FORBIDDEN_PROCESS": N_("运行了禁用程序"),
    "USB_DEVICE": N_("接入 USB 设备"),
    "SECOND_SCREEN": N_("接入第二块屏幕"),
    "VIRTUAL_MACHINE": N_("考试机是虚拟机"),
    "SEAT_CLOCK_STEP": N_("考试机时钟被改动"),
    "SEAT_SUSPENDED": N_("考试机曾休眠"),
    "SEAT_REBOOTED": N_("考试机曾重新启动"),
    "AGENT_RESTARTED": N_("考试端程序曾退出"),
    "BROWSER_RESTARTED": N_("考试浏览器曾重新启动"),
    "KIOSK_OPEN": N_("考试机锁定不完整"),
    "SEB_MISMATCH": N_("Safe Exam Browser 设置不符"),
    "HAND_RAISED": N_("考生举手"),
    "BOTH_WROTE": N_("两台考试机都有作答"),
    "SECOND_SIGN_IN": N_("准考证在另一座位再次登录"),
    "PHONE": N_("手机或电子设备"),
    "NOTES": N_("资料或纸条"),
    "PASSING": N_("传递物品"),
    "DISORDER": N_("扰乱秩序"),
    "ID_FORGED": N_("证件不符或疑似他人证件"),
    "LEAVE_ALLOWED": N_("经同意离场"),
    "ILLNESS": N_("身体不适"),
    "ITEM_QUERY": N_("试题疑问"),
    "SEAT_CHANGE": N_("座位调整"),
}
MOMENTS = {"before": N_("之前"), "at": N_("当时"), "after": N_("之后"), "": N_("画面")}
RECHECKS = {
    "": N_("未抽中"),
    "due": N_("等待复核"),
    "agrees": N_("复核一致"),
    "disagrees": N_("复核不符"),
    "failed": N_("无法复核"),
}


def incident_text(kind: str) -> str:
    """A kind of incident; an unknown one shows its code."""
    return _(INCIDENTS[kind]) if kind in INCIDENTS else kind


def camera_text(word: str) -> str:
    """How a camera does."""
    return _(CAMERAS[word][1]) if word in CAMERAS else ""


def camera_size(report: CameraReport) -> str:
    """The size of the pictures that a camera gives now: 640×480; "" before the first."""
    return f"{report.width}×{report.height}" if report.width and report.height else ""


def camera_list() -> tuple[str, ...]:
    """Every word of a camera, for the key of the map."""
    return tuple(CAMERAS)


def camera_class(word: str) -> str:
    """The state class of a camera's word."""
    return CAMERAS[word][0] if word in CAMERAS else "off"


def likeness_text(verdict: str) -> str:
    """What a comparison says."""
    return _(LIKENESS[verdict][1]) if verdict in LIKENESS else verdict


def likeness_class(verdict: str) -> str:
    """The state class of a comparison."""
    return LIKENESS[verdict][0] if verdict in LIKENESS else "off"


def check_text(check: str) -> str:
    """A check that a workstation can or cannot make."""
    return _(CHECKS[check]) if check in CHECKS else check


def challenge_text(result: str, reason: str = "") -> str:
    """How the liveness challenge ended, and why."""
    word = _(CHALLENGES[result][1]) if result in CHALLENGES else result
    why = _(CHALLENGE_REASONS[reason]) if reason in CHALLENGE_REASONS else ""
    return _("%(result)s（%(reason)s）", result=word, reason=why) if why else word


def challenge_class(result: str) -> str:
    """The state class of a challenge's result."""
    return CHALLENGES[result][0] if result in CHALLENGES else "off"


def moment_text(moment: str) -> str:
    """When a picture was taken, next to its alert."""
    return _(MOMENTS[moment]) if moment in MOMENTS else moment


def recheck_text(recheck: str) -> str:
    """What came of the server's second look at a capture."""
    return _(RECHECKS[recheck]) if recheck in RECHECKS else recheck


def score_text(name: str, value: object) -> str:
    """One number behind an alert: its name and value; what is not known is shown as it came."""
    words, decimals = SCORES.get(name, (name, 2))
    shown = f"{value:.{decimals}f}" if isinstance(value, int | float) else str(value)
    return f"{_(words)} {shown}"


def note_text(seen: ObservationNote | Mapping[str, Any] | None) -> str:
    """What was seen in a picture, in one line; also as it is stored (plain JSON values)."""
    if not seen:
        return ""
    note = asdict(seen) if isinstance(seen, ObservationNote) else seen
    unavailable = note.get("unavailable") or ()
    parts = []
    if "detect" in unavailable:
        parts.append(_("未能检测人脸"))
    else:
        parts.append(_("%(n)s 人", n=note.get("persons", 0)))
    quality = str(note.get("quality", ""))
    parts.append(_(QUALITY[quality]) if quality in QUALITY else quality)
    if note.get("similarity") is not None:
        words = likeness_text(str(note.get("likeness", "")))
        number = f"{float(note['similarity']):.2f}"
        parts.append(_("与登记%(likeness)s（相似度 %(number)s）", likeness=words, number=number))
    elif "verify" in unavailable:
        parts.append(_("未能比对人脸"))
    return str(_("，")).join(part for part in parts if part)


def seconds_text(seconds: float | None) -> str:
    """A short time: 8 秒, 2 分 05 秒."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return str(_("%(seconds)s 秒", seconds=whole))
    return str(_("%(minutes)s 分 %(seconds)s 秒", minutes=whole // 60, seconds=f"{whole % 60:02d}"))


GLOBALS: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        incident_text,
        camera_text,
        camera_size,
        camera_list,
        camera_class,
        likeness_text,
        likeness_class,
        check_text,
        challenge_text,
        challenge_class,
        moment_text,
        recheck_text,
        score_text,
        note_text,
        seconds_text,
    )
}
"""For every template."""


ROOM_SEAT = {
    "taken": N_("有人"),
    "empty": N_("无人"),
    "two": N_("有两人"),
    "unclear": N_("看不清"),
    "unseen": N_("不在画面中"),
    "unavailable": N_("不判断"),
}


ROOM_MAP = {
    "empty": N_("考场摄像头：无人"),
    "two": N_("考场摄像头：有两人"),
    "unclear": N_("考场摄像头：看不清"),
    "taken": N_("考场摄像头：有人"),
    "unseen": N_("考场摄像头：不在画面中"),
    "unavailable": N_("考场摄像头：不判断"),
}


def room_map_text(word: str) -> str:
    """The same with whose view it is, for the seat map; "" without a room camera."""
    return _(ROOM_MAP[word]) if word in ROOM_MAP else ""


ROOM_BLIND = {
    "lost": N_("没有画面"),
    "dark": N_("光线过暗"),
    "glare": N_("光线过强"),
    "covered": N_("镜头被遮挡"),
    "blurred": N_("画面模糊"),
    "unavailable": N_("人脸检测不可用"),
}


def room_blind_text(word: str) -> str:
    """Why the room's camera sees nobody; "" when it sees."""
    return _(ROOM_BLIND[word]) if word in ROOM_BLIND else ""


def room_seat_text(word: str) -> str:
    """How the room's camera sees a seat; "" without one, or before it knows."""
    return _(ROOM_SEAT[word]) if word in ROOM_SEAT else ""
