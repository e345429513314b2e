"""What examiners at their tablets are told: records, locks, photos, devices."""

from server.messages.marking import N_

# fmt: off
SCORING: dict[str, str] = {
    "device_key_wrong": N_("平板的密钥格式不正确，请刷新页面重试。"),
    "device_key_taken": N_("这台平板的密钥已属于另一位考评员，请刷新页面重试。"),
    "devices_too_many": N_("您登记的平板已达上限（%(limit)s 台）。请联系考务管理员。"),
    "device_not_yours": N_("这台平板没有登记在您名下。请刷新页面后重新登录。"),
    "device_revoked": N_("这台平板已停用，上面的评分不再接收。请改用其他平板，并联系主考处理尚未提交的评分。"),
    "records_too_many": N_("一次最多提交 %(limit)s 条评分记录。"),
    "sheet_not_yours": N_("这不是您的评分表。"),
    "sheet_journal_not_yours": N_("这份评分表没有交给这台平板填写。"),
    "record_broken": N_("评分记录已损坏，没有计入。请核对后重新填写。"),
    "sheet_record_unreadable": N_("评分记录不完整，没有计入。请重新填写。"),
    "record_forked": N_("服务器上同一位置已有另一条记录，两条都已保存，这一条没有计入。请核对后重新填写。"),
    "record_missing": N_("前面的评分记录还没有收到。"),
    "turn_not_started": N_("监考员还没有登记这位考生开始，记录保存在本机，登记后自动提交。"),
    "turn_not_done": N_("监考员还没有登记这位考生结束，结束后才能锁定评分。"),
    "not_on_panel": N_("您不在这位考生的考评小组中，记录已保存，没有计入。"),
    "sheet_full": N_("这份评分表的记录过多，没有计入。请联系主考。"),
    "sheet_locked": N_("评分表已锁定，锁定后的记录没有计入。"),
    "sheet_unfinished": N_("还有必评项目没有评分：%(items)s。"),
    "sheet_total_differs": N_("锁定时的总分与服务器计算的不一致，没有锁定。请核对后重新锁定。"),
    "lock_unsigned": N_("锁定没有有效的签名，没有锁定。请刷新页面后重试。"),
    "sheets_not_locked": N_("第 %(number)s 号考生还有考评员没有锁定评分，全部锁定后才能查看。"),
    "sheets_marked": N_("已有评分，不能重新抽签。"),
    "photo_not_announced": N_("评分表上没有这张照片的记录。"),
    "photos_too_many_here": N_("一份评分表最多 %(limit)s 张照片。"),
}
