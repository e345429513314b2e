"""What every page shows: navigation by work, the person, the ribbon; names of roles and states."""

from dataclasses import dataclass

from flask import Flask, request
from flask_babel import gettext as _

from server.access import Permission, Role
from server.messages import N_
from server.services.peers import peers_of
from server.web.acts import act_word, actor_word
from server.web.breach_words import GLOBALS as BREACH_GLOBALS
from server.web.camera_words import GLOBALS
from server.web.guard import actor_or_none, current_host, may, say
from server.web.language import HTML_LANG, language
from server.web.role_gate import here
from server.web.work import work_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation: shown to who holds the permission, current under the path."""

    path: str
    label: str
    icon: str
    permission: Permission


NAVIGATION = (
    Entry("/batches", N_("批次管理"), "calendar", Permission.SEE_BATCHES),
    Entry("/policies", N_("等级政策"), "list", Permission.SEE_BATCHES),
    Entry("/assessments", N_("技能考核"), "clock", Permission.SEE_BATCHES),
    Entry("/duties", N_("我的岗位"), "check", Permission.SIGN_DUTY),
    Entry("/scoring", N_("考评评分"), "edit", Permission.SCORE_SHEETS),
    Entry("/panels", N_("统分与核分"), "results", Permission.SEE_PANELS),
    Entry("/panels/own", N_("考评报告"), "paper", Permission.SCORE_SHEETS),
    Entry("/banks", N_("题库"), "bank", Permission.SEE_BANKS),
    Entry("/blueprints", N_("细目表"), "list", Permission.MANAGE_BLUEPRINTS),
    Entry("/templates", N_("评分表"), "list", Permission.SEE_TEMPLATES),
    Entry("/papers", N_("试卷"), "paper", Permission.SEE_PAPERS),
    Entry("/rooms", N_("考场管理"), "room", Permission.SEE_ROOMS),
    Entry("/sites", N_("考点管理"), "room", Permission.SEE_SITES),
    Entry("/staff", N_("人员"), "user", Permission.MANAGE_STAFF),
    Entry("/staff/custody", N_("我的密钥"), "key", Permission.HOLD_KEY),
    Entry("/vault", N_("密钥库"), "lock", Permission.MANAGE_VAULT),
    Entry("/reviews", N_("综合评审"), "flag", Permission.MANAGE_REVIEWS),
    Entry("/reviews", N_("综合评审"), "flag", Permission.SCORE_SHEETS),
    Entry("/scripts", N_("阅卷"), "paper", Permission.MANAGE_SCRIPTS),
    Entry("/scripts", N_("阅卷"), "paper", Permission.MARK_SCRIPTS),
    Entry("/results", N_("成绩"), "results", Permission.SEE_RESULTS),
    Entry("/cases", N_("违纪处理"), "flag", Permission.SEE_CASES),
    Entry("/ledger", N_("座位台账"), "search", Permission.SEE_LEDGER),
    Entry("/privacy", N_("个人信息"), "user", Permission.MANAGE_BATCHES),
    Entry("/audit", N_("审计"), "shield", Permission.SEE_AUDIT),
    Entry("/settings", N_("设置"), "settings", Permission.SEE_HEALTH),
)
ROLE_NAMES: dict[Role, str] = {
    Role.ADMINISTRATOR: N_("考务管理员"),
    Role.BANK_KEEPER: N_("题库管理员"),
    Role.CUSTODIAN: N_("试卷保管人"),
    Role.CHIEF_INVIGILATOR: N_("主考"),
    Role.INVIGILATOR: N_("监考员"),
    Role.ROVER: N_("流动监考"),
    Role.SYSTEM_ADMINISTRATOR: N_("系统管理员"),
    Role.SUPERVISOR: N_("内部质量督导员"),
    Role.EXAMINER: N_("考评员"),
    Role.SCORER: N_("统分人"),
    Role.MARK_CHECKER: N_("核分人"),
    Role.INSTITUTION_HEAD: N_("机构负责人"),
    Role.AUDITOR: N_("审计员"),
}
STATES: dict[str, tuple[str, str]] = {
    # state -> (colour class of the badge, word). One word for one state everywhere.
    "running": ("info", N_("进行中")),
    "done": ("good", N_("已完成")),
    "failed": ("act", N_("失败")),
    "cancelled": ("off", N_("已取消")),
    "active": ("good", N_("使用中")),
    "closed": ("off", N_("已停用")),
    "draft": ("off", N_("草稿")),
    "filed": ("good", N_("已建档")),
    "retired": ("off", N_("已停用")),
    "reviewed": ("info", N_("已审定")),
    "trial": ("info", N_("试用")),
    "suspended": ("act", N_("已暂停")),
    # a version of an item
    "in_force": ("info", N_("当前版")),
    "waiting": ("look", N_("待审定")),
    "rejected": ("off", N_("已退回")),
    "past": ("off", N_("已被替换")),
    "reading": ("info", N_("读取中")),
    "checked": ("look", N_("待确认")),
    "mapping": ("look", N_("待说明列和题型")),
    "committed": ("good", N_("已入库")),
    "discarded": ("off", N_("已放弃")),
    "assembling": ("info", N_("组卷中")),
    "assembled": ("look", N_("待审批")),
    "infeasible": ("act", N_("无法组卷")),
    "approved": ("good", N_("已批准")),
    "sealed": ("info", N_("已密封")),
    "released": ("good", N_("已启封")),
    "superseded": ("off", N_("已替换")),
    "destroyed": ("off", N_("已销毁")),
    "planned": ("off", N_("未编排")),
    "arranged": ("info", N_("已编排")),
    "ended": ("look", N_("已结束")),
    "collected": ("info", N_("已收卷")),
    "marked": ("good", N_("已评分")),
    "scored": ("good", N_("已评分")),
    "pending": ("look", N_("待评阅")),
    "absent": ("off", N_("缺考")),
    "void": ("act", N_("无效")),
    # a candidate before a panel
    "turn_waiting": ("off", N_("候考")),
    "turn_called": ("look", N_("已叫号")),
    "turn_performing": ("info", N_("考核中")),
    "turn_done": ("good", N_("已考完")),
    "turn_absent": ("off", N_("缺考")),
    "defence_waiting": ("off", N_("待答辩")),
    "defence_called": ("look", N_("已叫号")),
    "defence_performing": ("info", N_("答辩中")),
    "defence_done": ("good", N_("已答辩")),
    "defence_absent": ("off", N_("缺考")),
    "materials_waiting": ("off", N_("待评审")),
    "materials_called": ("look", N_("已叫号")),
    "materials_performing": ("info", N_("评审中")),
    "materials_done": ("good", N_("已评审")),
    "materials_absent": ("off", N_("缺考")),
    # the score of a candidate before a panel
    "panel_running": ("off", N_("未考完")),
    "panel_scoring": ("off", N_("待锁定")),
    "panel_locked": ("info", N_("待统分")),
    "panel_arbitration": ("act", N_("待仲裁")),
    "panel_veto": ("act", N_("待督导员认定")),
    "panel_second": ("look", N_("待增请评分")),
    "panel_aggregated": ("look", N_("待组长确认")),
    "panel_confirmed": ("info", N_("待核分")),
    "panel_checked": ("good", N_("已核分")),
    # a written paper that is marked twice
    "script_waiting": ("off", N_("待分配")),
    "script_marking": ("info", N_("评阅中")),
    "script_third": ("look", N_("第三人评阅")),
    "script_settled": ("good", N_("已定分")),
    "script_none": ("off", N_("无卷")),
    # a case of a violation
    "case_opened": ("look", N_("待写明事实")),
    # files between authority and sites
    "made": ("info", N_("待送达")),
    "confirmed": ("good", N_("已送达")),
    "replaced": ("off", N_("已替换")),
    "coming": ("look", N_("传送中")),
    "whole": ("look", N_("待收下")),
    "taken": ("good", N_("已收下")),
    "refused": ("act", N_("不符")),
    "case_stated": ("look", N_("待告知考生")),
    "case_told": ("look", N_("待签名")),
    "case_signed": ("look", N_("待负责人签字")),
    "case_confirmed": ("look", N_("待送达告知书")),
    "case_notified": ("info", N_("陈述申辩期")),
    "case_heard": ("look", N_("待决定")),
    "case_decided": ("look", N_("待送达决定")),
    "case_served": ("info", N_("复查期")),
    "case_recheck": ("look", N_("复查中")),
    "case_withdrawn": ("off", N_("已撤回")),
    "case_dropped": ("off", N_("不予处理")),
    "case_closed": ("good", N_("已结案")),
    # an incident
    "raised": ("look", N_("待处理")),
    "acknowledged": ("info", N_("已有人知晓")),
    "dismissed": ("off", N_("不属实")),
    "recorded": ("info", N_("已记录")),
    "cleared": ("off", N_("已自行恢复")),
}
JOBS: dict[str, str] = {
    "echo": N_("自检"),
    "open_site_files": N_("打开考点与机构之间的文件"),
    "read_medium": N_("读取图片或音像"),
    "read_bank": N_("读取题库文件"),
    "export_bank": N_("导出题库"),
    "assemble": N_("组卷"),
    "rebuild": N_("重建核对试卷"),
    "assemble_tables": N_("组卷（按考生分配试卷）"),
    "read_template": N_("读取评分表文件"),
    "template_xlsx": N_("导出评分表"),
    "read_roster": N_("读取考生名单"),
    "read_room": N_("读取考场文件"),
    "arrange_seats": N_("编排座位"),
    "read_photos": N_("读取照片"),
    "read_report_photos": N_("读取现场照片"),
    "read_scans": N_("读取扫描件"),
    "read_work": N_("读取论文或材料"),
    "results_xlsx": N_("生成成绩表"),
    "mark": N_("评分"),
    "compare_at_desk": N_("签到比对"),
    "document_pdf": N_("生成 PDF"),
    "dossier": N_("制作考试档案"),
    "day_papers": N_("制作考务用纸"),
    "read_seb": N_("读取 SEB 配置文件"),
    "recheck_frames": N_("复核现场画面"),
}


def init_layout(app: Flask) -> None:
    """Gives templates their common names."""
    app.jinja_env.globals.update(
        may=may,
        say=say,
        state_word=state_word,
        state_class=state_class,
        job_word=job_word,
        act_word=act_word,
        actor_word=actor_word,
        work_of=work_of,
        **GLOBALS,
        **BREACH_GLOBALS,
    )
    app.jinja_env.filters["role_name"] = role_name
    app.context_processor(frame)


def frame() -> dict[str, object]:
    """Values that `layout.html` needs."""
    host = current_host()
    return {
        "demo": host.demo,
        "fenced": host.epoch.fenced,
        "successors": peers_of(host).addresses,
        "me": actor_or_none,
        "navigation": navigation,
        "language": language(),
        "html_lang": HTML_LANG[language()],
        "site_now": host.now(),
    }


def navigation() -> list[tuple[Entry, bool]]:
    """The entries for this person, each with whether it is the current one: the longest that fits."""
    shown = list(
        {entry.path: entry for entry in NAVIGATION if may(entry.permission) and here(entry.path)}.values()
    )
    path = request.path + "/"
    fitting = [entry.path for entry in shown if path.startswith(entry.path + "/")]
    current = max(fitting, key=len, default="")
    return [(entry, entry.path == current) for entry in shown]


def role_name(role: Role | str) -> str:
    """A role in the reader's language."""
    return str(_(ROLE_NAMES[Role(role)]))


def job_word(kind: str) -> str:
    """A kind of job in the reader's language."""
    return _(JOBS[kind]) if kind in JOBS else kind


def state_word(state: str) -> str:
    """A state in the reader's language; an unknown one shows itself."""
    return _(STATES[state][1]) if state in STATES else state


def state_class(state: str) -> str:
    """The badge's colour class of a state."""
    return STATES[state][0] if state in STATES else ""
