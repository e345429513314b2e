"""Words for the acts of the audit record; the codes stand in the services that record them."""

from flask_babel import gettext as _

from server.access import SYSTEM
from server.messages import N_

ACTS: dict[str, str] = {
    "person_added": N_("新增人员"),
    "roles_set": N_("更改角色"),
    "account_opened": N_("启用账号"),
    "account_closed": N_("停用账号"),
    "password_reset": N_("重设密码"),
    "password_changed": N_("更改密码"),
    "custodian_key_made": N_("建立保管人密钥"),
    "custodian_key_dropped": N_("删除演练的保管人密钥"),
    "staff_signed_in": N_("登录"),
    "staff_signed_out": N_("退出"),
    "sign_in_blocked": N_("登录被暂停"),
    "site_secret_made": N_("建立本站密钥"),
    "certificate_issued": N_("签发服务器证书"),
    "bank_created": N_("新建题库"),
    "bank_imported": N_("导入题目"),
    "import_discarded": N_("放弃导入"),
    "item_read": N_("查看题目"),
    "blueprint_stored": N_("保存细目表"),
    "assembly_begun": N_("开始组卷"),
    "papers_approved": N_("批准试卷"),
    "papers_chosen": N_("选定试卷"),
    "package_sealed": N_("密封试卷包"),
    "package_superseded": N_("作废试卷包"),
    "package_released": N_("启封试卷包"),
    "batch_filed": N_("建立批次"),
    "sitting_planned": N_("安排场次"),
    "room_added": N_("新增考场"),
    "room_deleted": N_("删除考场"),
    "roster_imported": N_("导入考生名单"),
    "photos_imported": N_("导入照片"),
    "seats_drawn": N_("编排座位"),
    "staff_assigned": N_("安排考务人员"),
    "pairing_code_issued": N_("签发配对码"),
    "workstation_paired": N_("配对座位电脑"),
    "workstation_released": N_("解除座位配对"),
    "signed_in": N_("考生登录"),
    "admitted": N_("准许入场"),
    "admission_refused": N_("退回登录"),
    "identity_confirmed": N_("考生确认身份"),
    "identity_denied": N_("考生否认身份"),
    "rules_accepted": N_("考生接受考场规则"),
    "journal_opened": N_("开始记录作答"),
    "room_started": N_("开考"),
    "time_added": N_("补时"),
    "time_added_room": N_("全场补时"),
    "seat_ended": N_("结束座位"),
    "seat_resumed": N_("恢复作答"),
    "seat_moved": N_("更换座位"),
    "submitted": N_("交卷"),
    "time_over": N_("到时收卷"),
    "absent": N_("记为缺考"),
    "room_ended": N_("结束考试"),
    "closed_without_rest": N_("放弃未到的记录"),
    "room_collected": N_("收卷完成"),
    "room_marked": N_("评分"),
    "incident_acknowledged": N_("确认告警"),
    "incident_dismissed": N_("告警不属实"),
    "incident_recorded": N_("记录告警"),
    "cameras_overruled": N_("放行不符的摄像头"),
    "seat_looked_at": N_("查看座位画面"),
    "frame_viewed": N_("查看告警或抓拍画面"),
    "enrolled": N_("采集人脸"),
    "enrolment_again": N_("要求重新采集人脸"),
    "captures_drawn": N_("抽定抓拍时刻"),
    "candidate_warned": N_("警告考生"),
    "warning_read": N_("考生阅读警告"),
    "evidence_purged": N_("清除到期画面"),
}


def act_word(act: str) -> str:
    """An act in the reader's language; an unknown one shows its code."""
    return _(ACTS[act]) if act in ACTS else act


def actor_word(name: str) -> str:
    """Who acted; the server itself by its word."""
    return _("系统") if name == SYSTEM.name else name
