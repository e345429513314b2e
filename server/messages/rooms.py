"""Plans of rooms: what the rules say of one, and why one is not saved."""

from server.messages.marking import N_

# fmt: off  # below: one sentence, one line, as translators read it
ROOMS: dict[str, str] = {
    "too_many_stations": N_("考场“%(room)s”有 %(seats)s 个工位，实操考场最多 %(most)s 个（规则 %(rule)s）。"),
    "seat_named_twice": N_("座位号 %(name)s 用了不止一次。"),
    "seat_place_shared": N_("座位 %(seats)s 的行、列相同（%(name)s）。"),
    "camera_named_twice": N_("摄像头 %(name)s 属于不止一个座位：%(seats)s。"),
    "video_not_said": N_("考场“%(room)s”没有登记监控摄像头，无法确认全程录像覆盖（规则 %(rule)s）。"),
    "seats_without_video": N_("考场“%(room)s”有 %(n)s 个座位不在监控范围内：%(seats)s（规则 %(rule)s）。"),
    "partition_unknown": N_("“%(column)s”的“%(value)s”应为有或无。"),
    "plan_unreadable": N_("座位图数据不完整（%(part)s），没有保存。请刷新页面后重试。"),
    "plan_too_many_seats": N_("一个考场最多 %(most)s 个座位。"),
    "plan_changed": N_("%(name)s在此期间被别人修改过，没有保存。请刷新页面，再做一次修改。"),
    "plan_not_allowed": N_("座位图不符合规则，没有保存：%(text)s"),
    "seat_has_history": N_("座位 %(seat)s 有考试或配对记录，不能删除，请改为停用。"),
    "seat_in_sitting": N_(
        "座位 %(seat)s 已编排考生（%(held_from)s 的场次），位置、座位号和停用状态不能更改。"
    ),
    "seat_out_of_order": N_("座位 %(seat)s 已停用，请另选座位。"),
    "room_kind_in_sitting": N_("考场已编排考生，考试结束前不能更改类型。"),
    "room_name_needed": N_("请填写考场名称（最多 80 个字）。"),
    "room_size_range": N_("行数和列数应为 1–40，座位间距应为 0.3–5 米。"),
}
# fmt: on
