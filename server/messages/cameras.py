"""Cameras as invigilators handle them: the check before the start, looks, and lines of the activity list."""

from server.messages.marking import N_

# fmt: off
CAMERAS: dict[str, str] = {
    "cameras_wrong": N_("%(seats)s 号的摄像头不是该座位的，请先接好，或由主考在“摄像头检查”中说明原因后放行。"),
    "no_camera_wrong": N_("现在没有接错的摄像头，不需要放行。"),
    "seat_not_linked": N_("考试机没有连接，取不到画面。"),
    "look_without_picture": N_("没有画面"),
    "line_cameras_overruled": N_("%(actor)s 放行 %(seats)s 号不符的摄像头：%(reason)s"),
    "line_enrolled": N_("%(seat)s 号完成人脸采集"),
}
# fmt: on  # above: one sentence, one line
