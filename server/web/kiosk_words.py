"""What is open at a locked workstation, in the reader's language."""

from flask_babel import gettext as _

from server.messages import N_

OPENINGS: dict[str, str] = {
    "starting": N_("正在启动"),
    "policy_missing": N_("没有浏览器策略文件"),
    "policy_differs": N_("浏览器策略文件被改动"),
    "policy_other": N_("另有冲突的浏览器策略文件"),
    "window_manager_keys_missing": N_("没有按键屏蔽文件"),
    "window_manager_keys_differs": N_("按键屏蔽文件被改动"),
    "window_manager_missing": N_("没有安装窗口管理器"),
    "window_manager_out": N_("屏幕不归锁定程序的窗口管理器管"),
    "xorg_missing": N_("没有禁止切换控制台的设置"),
    "xorg_differs": N_("禁止切换控制台的设置被改动"),
    "logind_missing": N_("没有关闭备用控制台的设置"),
    "logind_differs": N_("关闭备用控制台的设置被改动"),
    "sysrq_file_missing": N_("没有关闭内核按键的设置"),
    "sysrq_file_differs": N_("关闭内核按键的设置被改动"),
    "browser_missing": N_("没有安装浏览器"),
    "user_privileged": N_("锁定程序以管理员身份运行"),
    "display_missing": N_("没有显示器会话"),
    "home_unusable": N_("浏览器的文件夹不可用"),
    "kiosk_failed": N_("锁定程序没有启动"),
    "user_missing": N_("没有锁定程序专用的账户"),
    "screens_many": N_("有多块屏幕亮着"),
    "left_by_pin": N_("已用口令退出"),
    "left_by_order": N_("已按指令退出"),
    "pin_wrong": N_("有人输入了错误的退出口令"),
}
"""Codes of what a kiosk reports as open -> the words."""


def opening_text(code: str) -> str:
    """A code that a kiosk reports; an unknown one shows itself."""
    return str(_(OPENINGS[code])) if code in OPENINGS else code
