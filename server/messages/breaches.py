"""What seats tell of their workstations, covered papers, and why something about them was refused."""

from server.messages.marking import N_

# fmt: off
BREACHES: dict[str, str] = {
    "incident_focus_lost": N_("%(seat)s 号座位离开了答题页面"),
    "incident_second_page": N_("%(seat)s 号座位打开了第二个答题页面"),
    "incident_forbidden_process": N_("%(seat)s 号考试机运行了禁用程序 %(detail)s"),
    "incident_usb_device": N_("%(seat)s 号考试机接入了 USB 设备"),
    "incident_second_screen": N_("%(seat)s 号考试机接入了第二块屏幕"),
    "incident_virtual_machine": N_("%(seat)s 号考试机是虚拟机"),
    "incident_seat_clock_step": N_("%(seat)s 号考试机的时钟被改动 %(detail)s，考试时间不受影响"),
    "incident_seat_suspended": N_("%(seat)s 号考试机休眠了 %(detail)s，考试时间照常计算"),
    "incident_seat_rebooted": N_("%(seat)s 号考试机在考试中重新启动"),
    "incident_agent_restarted": N_("%(seat)s 号考试端程序在考试中退出并重新启动"),
    "incident_browser_restarted": N_("%(seat)s 号考试浏览器重新启动"),
    "incident_kiosk_open": N_("%(seat)s 号考试机锁定不完整"),
    "incident_second_sign_in": N_("准考证在 %(seat)s 号与 %(other)s 号两个座位登录，请现场核对"),
    "line_seat_frozen": N_("%(seat)s 号的试卷已遮住"),
    "line_seat_unfrozen": N_("%(actor)s 显示 %(seat)s 号的试卷（遮住了 %(seconds)s 秒）：%(reason)s"),
    "line_seat_unfrozen_by_pin": N_("%(seat)s 号座位用退出口令显示了试卷（遮住了 %(seconds)s 秒）"),
    "not_frozen": N_("该座位的试卷没有遮住，或已经显示。"),
    "pattern_too_wide": N_("%(place)s：“%(value)s”会匹配任何程序，请写明程序名。"),
}
# fmt: on  # above: one sentence, one line
