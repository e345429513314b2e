"""The first page after the sign-in: what this person does next."""

from flask import Blueprint, render_template
from flask_babel import gettext as _

from server.access import Permission
from server.messages import N_
from server.services import outlook
from server.web.guard import actor, current_host, requires

bp = Blueprint("home", __name__)

TASKS: dict[str, tuple[str, str]] = {
    # code -> (sentence, button)
    "make_own_key": (N_("您还没有保管人密钥，不能被指定为试卷保管人。"), N_("建立密钥")),
    "release_package": (N_("一份试卷包等待您参与启封。"), N_("查看试卷包")),
    "decide_doubts": (N_("%(count)d 名考生签到存疑，等待主考决定才能入场。"), N_("到签到台处理")),
    "decide_cases": (N_("%(count)d 件违纪处理等待决定。"), N_("去决定")),
    "aggregate_scores": (N_("%(count)d 名考生的评分等待统分。"), N_("去统分")),
    "arbitrate_scores": (N_("%(count)d 名考生的评分等待仲裁。"), N_("去仲裁")),
    "rule_vetoes": (N_("%(count)d 名考生的否定项等待认定。"), N_("去认定")),
    "confirm_scores": (N_("%(count)d 名考生的得分等待考评组长确认。"), N_("去确认")),
    "check_scores": (N_("%(count)d 名考生的得分等待核分。"), N_("去核分")),
    "approve_papers": (N_("%(count)d 份试卷等待审批。"), N_("去审批")),
    "approve_blueprints": (N_("%(count)d 份细目表草稿等待批准。"), N_("去核对")),
    "finish_imports": (N_("%(count)d 次题库导入等待确认。"), N_("去确认")),
    "first_bank": (N_("还没有题库。"), N_("导入题库")),
    "first_blueprint": (N_("还没有细目表。"), N_("新建细目表")),
    "first_paper": (N_("还没有试卷。"), N_("组卷")),
    "first_room": (N_("还没有考场。"), N_("导入考场")),
    "first_batch": (N_("还没有批次。"), N_("新建批次")),
}


@bp.get("/")
@requires(Permission.SEE_HOME)
def home() -> str:
    """Sittings ahead and work that waits."""
    host, who = current_host(), actor()
    with host.db.read() as session:
        duties = outlook.duties(session, who, now=host.now())
        tasks = [(task, *_words(task)) for task in outlook.tasks(session, who)]
    return render_template("home/home.html", duties=duties, tasks=tasks)


def _words(task: outlook.Task) -> tuple[str, str]:
    sentence, button = TASKS[task.code]
    return _(sentence, count=task.count), _(button)
