"""Raised hands, announcements, accommodations, being on duty; and why something about them was refused."""

from server.messages.marking import N_

# fmt: off
CALLS: dict[str, str] = {
    "incident_hand_raised": N_("%(seat)s 号座位的考生举手"),
    "line_hand_raised": N_("%(seat)s 号举手"),
    "line_hand_lowered": N_("%(seat)s 号的考生放下手"),
    "line_hand_answered": N_("%(actor)s 已到 %(seat)s 号座位（考生等了 %(seconds)s 秒）"),
    "line_announced": N_("%(actor)s 全场通知：%(text)s"),
    "line_announced_everywhere": N_("%(actor)s 通知本场所有考场：%(text)s"),
    "line_accommodation_set": N_("%(actor)s 更改准考证 %(ticket)s 的便利安排：加时 %(before)s → %(after)s，大字版 %(print_before)s → %(print_after)s（%(cosigned_by)s 复核）"),
    "line_chief_stood_in": N_("%(actor)s 不在本考场的监考安排中，以主考身份处理"),
    "not_on_duty": N_("您没有被安排在本考场监考，只能查看。请由本考场的监考员或主考处理。"),
    "call_reason_unknown": N_("无法识别的举手原因。"),
    "call_not_now": N_("登录之后才能举手。"),
    "call_too_often": N_("请稍等 %(seconds)s 秒再举手。"),
    "hand_not_raised": N_("考生没有举手，或已有人处理。"),
    "announcement_length": N_("通知须为 1 至 %(most)s 个字。"),
    "announcement_not_now": N_("座位编排之后、考试结束之前才能通知。"),
    "accommodation_too_late": N_("本考场已经开考，便利安排不能再改；需要延长时由主考补时。"),
    "approval_missing": N_("有加时或大字版时须填写批准依据。"),
    "approval_missing_in_row": N_("有加时或大字版，但“%(column)s”是空的。"),
    "extra_time_shape": N_("“%(column)s”的“%(value)s”无法识别，请写成“30%%”或“27分钟”，单元格设为文本。"),
    "extra_time_twice": N_("加时按百分比或按分钟填写一种。"),
    "extra_time_range": N_("加时须在 0 至 100%% 之间，按分钟填写时不超过考试时间。"),
    "extra_time_range_in_row": N_("%(place)s：加时超过考试时间。"),
    "too_many_time_warnings": N_("时间提醒最多 %(limit)s 次。"),
}
# fmt: on  # above: one sentence, one line
