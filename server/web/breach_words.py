"""What a breach is about, in the reader's language: kinds of devices, and how well a kiosk is closed."""

from collections.abc import Callable

from flask_babel import gettext as _

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import Lockdown
from server.messages import N_
from server.services.incident_views import IncidentView
from server.web.kiosk_words import opening_text

DEVICES = {
    "storage": N_("存储设备"),
    "input": N_("键盘、鼠标等输入设备"),
    "imaging": N_("手机或相机"),
    "network": N_("网络设备"),
    "wireless": N_("无线设备"),
}
LOCKDOWNS: dict[str, tuple[str, str]] = {
    # lockdown -> (state class, word)
    Lockdown.NONE: ("off", N_("没有锁定程序")),
    Lockdown.LOCKED: ("good", N_("已锁定")),
    Lockdown.OPEN: ("act", N_("锁定不完整")),
    Lockdown.SEB: ("good", N_("由 Safe Exam Browser 锁定")),
}


ENDS = {"ended": N_("已退出"), "hung": N_("没有响应")}


def breach_detail(view: IncidentView) -> str:
    """The device, program or amount that an incident is about, "" for none."""
    detail = str(view.details.get("detail", ""))
    if view.kind == IncidentKind.USB_DEVICE:
        use, _blank, ids = detail.partition(" ")
        return f"{_(DEVICES[use])} {ids}".strip() if use in DEVICES else detail
    if view.kind == IncidentKind.SECOND_SIGN_IN:
        return str(_("另一座位 %(seat)s 号", seat=view.details.get("other", "")))
    if view.kind == IncidentKind.KIOSK_OPEN:
        return opening_text(detail)
    if view.kind == IncidentKind.BROWSER_RESTARTED:
        return str(_(ENDS[detail])) if detail in ENDS else detail
    return "" if view.kind == IncidentKind.SECOND_SCREEN else detail


def lockdown_text(lockdown: str) -> str:
    """How a kiosk is closed."""
    return _(LOCKDOWNS[lockdown][1]) if lockdown in LOCKDOWNS else lockdown


def lockdown_class(lockdown: str) -> str:
    """The state class of that word."""
    return LOCKDOWNS[lockdown][0] if lockdown in LOCKDOWNS else "off"


GLOBALS: dict[str, Callable[..., object]] = {
    function.__name__: function for function in (breach_detail, lockdown_text, lockdown_class, opening_text)
}
"""For every template."""
