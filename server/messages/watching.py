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
}
# fmt: on  # above: one sentence, one line
