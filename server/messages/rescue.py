"""Rescue files, merges after a change of seats, exports and proofs of attempts."""

from server.messages.marking import N_

# fmt: off
RESCUE: dict[str, str] = {
    "incident_both_wrote": N_("%(seat)s 号考生换座前后两台考试机都有作答（%(items)s 题），请确认"),
    "rescue_not_one": N_("这不是应急文件。"),
    "rescue_too_large": N_("应急文件过大，不会是考试机生成的。"),
    "rescue_broken": N_("应急文件已损坏或不完整，请从考试机重新导出。"),
    "rescue_not_signed": N_("应急文件的签名不对：不是本站配对过的考试机生成的，或者被改动过。"),
    "rescue_other_site": N_("应急文件是为另一个考点加密的，本站不能打开。"),
    "rescue_journal_unknown": N_("本站没有这份作答记录的登记"),
    "rescue_journal_of_another": N_("这份作答记录属于另一台考试机"),
    "rescue_other_room": N_("这份作答记录属于另一个考场"),
    "merges_open": N_("%(seats)s 号在换座前后两台考试机上都有作答，须由主考确认合并后才能评分。"),
    "merge_grown": N_("打开页面之后原座位又传来了记录，请看过新的清单再决定。"),
    "export_broken": N_("这不是作答导出文件，或者已损坏。"),
    "attempt_unknown": N_("没有找到准考证号或编号为“%(name)s”的考生作答。"),
    "export_nothing_chosen": N_("请写出准考证号、作答编号，或用 --room 指定场次。"),
    "receipt_unreadable": N_("读不出交卷回执：须是二维码中的文字，或含有这段文字的文件。"),
    "server_login_failed": N_("服务器没有接受这个账号，或者没有应答：%(why)s"),
    "line_rescue_imported": N_("%(actor)s 导入 %(seat)s 号的应急文件：新记录 %(taken)s 条，已有 %(known)s 条"),
    "line_merge_confirmed": N_("%(actor)s 确认 %(seat)s 号的合并（%(cosigned_by)s 复核）：%(reason)s"),
    "line_merge_left_out": N_("%(actor)s 决定 %(seat)s 号原座位的后到记录不计（%(cosigned_by)s 复核）：%(reason)s"),
}
# fmt: on  # above: one sentence, one line
