"""What cameras see, what people do about it, and why something about them was refused."""

from server.messages.marking import N_

# fmt: off
WATCHING: dict[str, str] = {
    "incident_no_face": N_("%(seat)s 号座位无人"),
    "incident_multi_face": N_("%(seat)s 号座位出现多人"),
    "incident_face_mismatch": N_("%(seat)s 号人脸与登记不一致，请现场核对"),
    "incident_camera_covered": N_("%(seat)s 号摄像头被遮挡"),
    "incident_dark": N_("%(seat)s 号光线过暗，看不清人"),
    "incident_frozen": N_("%(seat)s 号摄像头画面静止"),
    "incident_camera_lost": N_("%(seat)s 号摄像头没有画面"),
    "incident_agent_disagrees": N_("%(seat)s 号抓拍复核与考试机结果不符"),
    "incident_enrolment_doubt": N_("%(seat)s 号入场比对存疑，请现场核对"),
    "line_candidate_warned": N_("%(actor)s 警告 %(seat)s 号：%(text)s"),
    "line_warning_read": N_("%(seat)s 号考生已阅读警告"),
    "line_enrolment_again": N_("%(actor)s 要求 %(seat)s 号重新采集人脸"),
    "room_without_cameras": N_("本场考试不使用座位摄像头。"),
    "no_face_consent": N_("考生没有同意使用摄像头核验，由监考人员人工核验，不保存任何画面。"),
    "seen_before_consent": N_("这是考生同意使用摄像头核验之前的画面，不接收。"),
    "seen_at_another_seat": N_("这是考生不在该座位时的画面，不接收。"),
    "enrolled_already": N_("该考生已经采集过人脸；需要重新采集时，由监考员发起。"),
    "enrolment_not_now": N_("现在不能采集人脸。"),
    "nothing_to_enrol_again": N_("该座位现在没有可以重新采集的人脸。"),
    "capture_not_now": N_("考生尚未开始作答，不接收抓拍。"),
    "alert_not_now": N_("考生尚未开始作答，不接收告警。"),
    "frame_too_large": N_("画面过大：上限 %(limit_kb)s KB。"),
    "frame_not_announced": N_("这张画面没有登记过，不接收。"),
    "frame_not_jpeg": N_("画面不是 JPEG 图片。"),
    "frame_differs": N_("画面与登记的校验值不符。"),
    "look_not_wanted": N_("没有人在等这张画面。"),
    "warning_text_length": N_("警告内容须为 1 至 %(most)s 个字。"),
    "warning_not_now": N_("考生不在候考或作答，不能警告。"),
}
# fmt: on  # above: one sentence, one line
