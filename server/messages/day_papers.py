"""Papers of the day: why one cannot be made."""

from server.messages.marking import N_

DAY_PAPERS: dict[str, str] = {
    "paper_kind_unknown": N_("没有这种考务资料。"),
    "seats_not_drawn_in": N_("%(room)s还没有编排座位，不能打印。"),
    "print_gone": N_("文件已过保存时间，请重新生成。"),
}
