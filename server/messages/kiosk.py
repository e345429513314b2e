"""Locked workstations: who let people out of them, and why something about them was refused."""

from server.messages.marking import N_

# fmt: off
KIOSK: dict[str, str] = {
    "line_kiosk_pin_seen": N_("%(actor)s 查看了考试机的退出口令"),
    "line_kiosk_pin_renewed": N_("%(actor)s 更换了考试机的退出口令"),
    "line_kiosk_quit_ordered": N_("%(actor)s 下令 %(seats)s 号考试机退出锁定：%(reason)s"),
    "line_kiosk_quit_ordered_room": N_("%(actor)s 下令全场 %(count)s 台考试机退出锁定：%(reason)s"),
    "no_kiosk_to_quit": N_("所选座位没有配对的考试机。"),
}
# fmt: on  # above: one sentence, one line
