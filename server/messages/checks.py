"""Self-checks before the start, as invigilators and seats read of them."""

from server.messages.marking import N_

# fmt: off
CHECKS: dict[str, str] = {
    "seats_not_checked": N_("%(seats)s 号（共 %(count)s 个座位）没有通过开考前自检，请先处理，或由主考在“座位自检”中说明原因后放行。"),
    "no_check_blocks": N_("现在没有因自检而不能开考的座位，不需要放行。"),
    "check_not_asked": N_("座位还没有开始自检，不能放行。请先启封试卷包，或要求座位自检。"),
    "no_check_chosen": N_("请勾选要放行的座位。"),
    "check_changed": N_("%(seats)s 号的自检结果刚刚有变，请重新查看后再放行。"),
    "check_outdated": N_("这次自检已经过时，请按新的要求重新自检。"),
    "line_checks_asked": N_("%(actor)s 要求 %(count)s 个座位重新自检"),
    "line_checks_overruled": N_("%(actor)s 放行自检未通过的 %(seats)s 号：%(reason)s"),
}
# fmt: on  # above: one sentence, one line
