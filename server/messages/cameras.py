"""Cameras as invigilators handle them: the check before the start, looks, and lines of the activity list."""

from server.messages.marking import N_

# fmt: off
CAMERAS: dict[str, str] = {
    "cameras_wrong": N_("%(seats)s 号的摄像头不是该座位的，请先接好，或由主考在“摄像头检查”中说明原因后放行。"),
    "no_camera_wrong": N_("现在没有接错的摄像头，不需要放行。"),
    "seat_not_linked": N_("考试机没有连接，取不到画面。"),
    "look_without_picture": N_("没有画面"),
    "room_camera_missing": N_("考场 %(room)s 没有已配对的考场摄像头。"),
    "not_calibrated": N_("还没有标定，不判断座位。"),
    "plan_changed_since": N_("标定以后座位图改动过，请重新标定；在此之前不判断座位。"),
    "camera_changed": N_("换过摄像头，请重新标定；在此之前不判断座位。"),
    "picture_changed": N_("画面的宽高比例与标定时不同，请重新标定；在此之前不判断座位。"),
    "calibration_too_few": N_("至少标出 %(least)s 个座位，现在只有 %(have)s 个。"),
    "calibration_seat_twice": N_("%(seat)s 号座位标了两次。"),
    "calibration_seat_unknown": N_("座位图上没有 %(seat)s 号。"),
    "calibration_same_point": N_("%(seat)s 号和 %(other)s 号标在同一点上。"),
    "calibration_outside": N_("%(seat)s 号的点不在画面之内。"),
    "calibration_in_line": N_("标出的座位都在一条线上，请再标其他排、其他列的座位，最好包括四角。"),
    "calibration_mixed_up": N_("标出的点不可能同时成立：多半有两个座位标反了，请逐个核对座位号。"),
    "calibration_disagrees": N_("超过三分之一的点与其余的点不符（%(seats)s 号），请核对座位号和座位图上的位置。"),
    "calibration_residual": N_("平均误差 %(residual)s 厘米，超过允许的 %(most)s 厘米。请核对座位号，并把点标在人头的正中。"),
    "line_cameras_overruled": N_("%(actor)s 放行 %(seats)s 号不符的摄像头：%(reason)s"),
    "line_enrolled": N_("%(seat)s 号完成人脸采集"),
}
# fmt: on  # above: one sentence, one line
