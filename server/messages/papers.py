"""Sentences about assemblies as runs, and about paper sets as they come into use and go out of it."""

from server.messages.marking import N_

# fmt: off
PAPERS: dict[str, str] = {
    "assembly_mode_unknown": N_("请选择组卷方式。"),
    "room_not_chosen": N_("请选择考场。"),
    "spares_out_of_range": N_("备用卷数应为 0–%(limit)s，并且至少要有一份正式试卷。"),
    "too_many_uids": N_("最多可以指定 %(limit)s 道试题。"),
    "uid_not_active": N_("题库中没有使用中的试题 %(uid)s。"),
    "uid_fixed_and_forbidden": N_("试题 %(uid)s 不能既必选又禁用。"),
    "papers_of_other_room": N_("试卷“%(title)s”不是按考场“%(room)s”现在的座位组成的（一座一卷），请为该考场重新组卷。"),
    "pool_changed": N_("组卷期间，选中的试题在题库里被修改、暂停或停用，没有保存。请重新组卷。"),
    "papers_not_rebuildable": N_("试卷“%(title)s”没有保存题库快照或没有组成，不能重建核对。"),
    "rebuild_running": N_("正在重建核对，请等它结束。"),
    "snapshot_broken": N_("试卷“%(title)s”保存的题库快照已损坏，不能重建核对。"),
    "papers_not_in_use": N_("试卷“%(title)s”没有组成或已经停用。"),
    "paper_has_suspended_items": N_("试卷“%(title)s”中有 %(count)s 道试题（%(uid)s 等）已暂停或停用，不能批准，也不能封装。请恢复这些试题，或者重新组卷。"),
    "preview_kept_back": N_("试卷“%(title)s”已批准或已选定用于场次，不再预览；收卷并停用后可以再看。"),
    "papers_awaited": N_("还有 %(count)s 个考场的场次选定了试卷“%(title)s”且没有结束，请先为这些场次改选试卷。"),
}
# fmt: on
