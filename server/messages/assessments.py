"""Assessed rooms: stations, order, panel, calling, and the lines of their activity."""

from server.messages.marking import N_

# fmt: off
ASSESSMENTS: dict[str, str] = {
    # stations
    "station_number": N_("工位号须为 1 至 8 个字母、数字或汉字。"),
    "station_taken": N_("本考场已有 %(number)s 号工位。"),
    "station_equipment": N_("设备清单最多 %(most)s 行，每行不超过 %(limit)s 个字。"),
    "stations_most": N_("一个考场最多 %(most)s 个工位。"),
    "station_used": N_("%(number)s 号工位已经有考生抽到，不能删除，可以停用。"),
    "stations_all_there": N_("座位图上的普通座位都已有同号的工位。"),
    # order
    "order_called": N_("已经叫号，不能重新抽签。"),
    "order_not_drawn": N_("还没有抽签排定考核顺序。"),
    "order_without_some": N_("抽签后又加入了 %(count)s 名考生，请重新抽签。"),
    # panel
    "panel_begun": N_("考核已经开始，请用“替换考评员”调整，并写明原因。"),
    "panel_leader_missing": N_("请指定一名考评组长。"),
    "panel_leader_away": N_("考评组长%(name)s没有到岗。请先签到，或改由他人担任组长。"),
    "panel_other_duty": N_("%(name)s在本考场另有岗位，不能兼任考评员。"),
    "panel_member_already": N_("所选人员已在考评组中。"),
    "panel_not_member": N_("所选人员不在考评组中。"),
    "panel_not_in_turn": N_("所选人员不是这名考生的考评员。"),
    "panel_shortage": N_("可以担任考评员的只有 %(count)s 人，需要 %(needed)s 人。请先补充人员、证卡或调整其他安排。"),
    "panel_incomplete": N_("考评组安排 %(assigned)s 人，到岗 %(present)s 人，%(names)s没有到岗，不能开始。"),
    "panel_away": N_("%(names)s还没有签到上岗。"),
    "panel_runs_nothing": N_("考评员不叫号、不计时，也不能知道考生是谁，请由考务人员操作。"),
    "sheet_locked": N_("%(name)s的评分表已经锁定，不能替换。"),
    # the session
    "sitting_assessed": N_("本场次由考评组评分，请到“技能考核”操作。"),
    "template_not_chosen": N_("还没有选定评分表。"),
    "assessment_no_staff": N_("还没有安排叫号和计时的考务人员（主考或监考员）。"),
    "assessment_staff_away": N_("叫号和计时的考务人员还没有签到上岗。"),
    "assessment_early": N_("还没有到计划的开始时间。"),
    "assessment_begun": N_("考核已经开始。"),
    "assessment_not_begun": N_("考核还没有开始。"),
    "assessment_over": N_("考核已经结束。"),
    "assessment_not_ended": N_("考核没有结束，不需要重新开放。"),
    "turns_open": N_("还有 %(count)s 名考生没有考完（序号 %(numbers)s），不能结束。未到的请记为缺考。"),
    "names_not_yours": N_("考生姓名只对安排和操作本考场考核的考务人员显示，考评员不能查看。"),
    # turns
    "turn_not_waiting": N_("序号 %(number)s 不在候考，不能叫号。"),
    "turn_not_called": N_("序号 %(number)s 还没有叫号，不能开始。"),
    "turn_not_performing": N_("序号 %(number)s 不在考核中。"),
    "turn_begun": N_("序号 %(number)s 已经开始考核，不能记为缺考。"),
    "turn_not_begun": N_("序号 %(number)s 还没有开始考核，请在考评组中替换。"),
    "turn_nothing_to_undo": N_("序号 %(number)s 没有可以撤回的操作。"),
    "turn_has_marks": N_("考评员已经为序号 %(number)s 评分，不能撤回。"),
    "station_called": N_("这个工位已经叫了序号 %(number)s，请先开始、撤回或记为缺考。"),
    "station_occupied": N_("序号 %(number)s 还在这个工位考核，请先结束。"),
    "identity_unchecked": N_("请核对序号 %(number)s 的证件后勾选“已核对证件”，再开始。"),
    # lines of activity
    "line_order_drawn": N_("%(actor)s 抽签排定 %(candidates)s 名考生的考核顺序"),
    "line_order_redrawn": N_("%(actor)s 重新抽签排定 %(candidates)s 名考生的考核顺序：%(reason)s"),
    "line_panel_assigned": N_("%(actor)s 安排考评组 %(examiners)s 人，组长%(leader)s"),
    "line_panel_drawn": N_("%(actor)s 随机抽取考评员 %(examiners)s 人"),
    "line_panel_leader_named": N_("%(actor)s 指定%(person)s为考评组长：%(reason)s"),
    "line_panel_member_removed": N_("%(actor)s 把%(person)s移出考评组：%(reason)s"),
    "line_panel_member_replaced": N_("%(actor)s 由%(successor)s替换考评员%(person)s：%(reason)s"),
    "line_panel_replaced_in_turn": N_("%(actor)s 由%(successor)s替换序号 %(number)s 的考评员%(person)s（%(cosigned_by)s 复核）：%(reason)s"),
    "line_assessment_begun": N_("%(actor)s 开始考核"),
    "line_assessment_ended": N_("%(actor)s 结束考核：考完 %(done)s 人，缺考 %(absent)s 人"),
    "line_assessment_reopened": N_("%(actor)s 重新开放考核：%(reason)s"),
    "line_turn_called": N_("%(actor)s 叫号：序号 %(number)s（%(code)s）"),
    "line_turn_started": N_("%(actor)s 核对证件，序号 %(number)s（%(code)s）开始考核"),
    "line_turn_finished": N_("%(actor)s 结束序号 %(number)s（%(code)s），超时 %(overtime)s 秒"),
    "line_turn_absent": N_("%(actor)s 记序号 %(number)s（%(code)s）缺考"),
    "line_turn_taken_back": N_("%(actor)s 撤回序号 %(number)s（%(code)s）的上一步：%(reason)s"),
}
# fmt: on  # above: one sentence, one line
