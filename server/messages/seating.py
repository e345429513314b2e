"""Drawing rooms and seats, what could not be kept, and the lock of a room's seats."""

from server.messages.marking import N_

# fmt: off
SEATING: dict[str, str] = {
    "arrange_nothing_chosen": N_("请至少选择一个场次。"),
    "arrange_other_start": N_("一起编排的场次须同时开考。"),
    "arrange_inputs_changed": N_("编排期间考生或考场有改动，没有保存。请再编排一次。"),
    "draw_locked": N_("考场“%(room)s”的座位已锁定，不能重新编排。确需重排的，先由主考说明原因解除锁定。"),
    "draw_released": N_("考场“%(room)s”的试卷包已启封或考试已开始，座位不能再编排。"),
    "draw_too_late": N_("已有考生登录，或座位上已有其他记录，座位不能再编排。个别考生请在监考画面更换座位。"),
    "draw_after_printing": N_("已按现在的座位印制试卷，座位不能再编排。"),
    "seating_nobody": N_("没有需要编排的考生。"),
    "seating_room_unknown": N_("名册指定的考场不在所选考场中，请一并选择。"),
    "seating_rooms_not_enough": N_("考生 %(people)s 人，所选考场共 %(seats)s 个普通座位。一个考场只安排一个批次，按批次分配后座位不够，请增加考场。"),
    "seating_shared_sat_before": N_("%(a)s 座是该考生以前坐过的座位"),
    "seating_locked": N_("座位已锁定。"),
    "line_seating_locked": N_("%(actor)s 锁定座位"),
    "line_seating_unlocked": N_("%(actor)s 解除座位锁定：%(reason)s"),
    "seating_already_locked": N_("该考场的座位已经锁定。"),
    "seating_not_locked": N_("该考场的座位没有锁定，不需要解除。"),
    "lock_people_without_seat": N_("还有 %(count)s 名考生没有座位，请先编排。"),
    "lock_findings_open": N_("考场还有 %(count)s 个问题，请先解决，或由主考说明原因并复核后锁定。"),
    "lock_seat_out_of_use": N_("%(seats)s 号座位编排后被设为备用或停用，仍有考生。"),
    "lock_camera_of_other": N_("%(seat)s 号考试机上接的是 %(owner)s 号座位的摄像头（%(found)s）。"),
    "lock_camera_not_own": N_("%(seat)s 号考试机上接的不是本座位的摄像头（%(found)s）。"),
}
