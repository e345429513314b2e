"""Why something about theses, materials and defences was refused."""

from server.messages.marking import N_

# fmt: off
REVIEWS: dict[str, str] = {
    "work_not_readable": N_("文件不是 PDF 或 DOCX（材料还可以是 JPEG、PNG）。"),
    "work_damaged": N_("文件已损坏，无法读取。"),
    "work_encrypted": N_("文件设有密码，请去除密码后重新提交。"),
    "work_active": N_("文件含有宏、脚本、附件、嵌入的表格或外部引用，请去除或另存为 PDF 后重新提交。"),
    "work_too_long": N_("文件过长：最多 %(limit)s 页。"),
    "work_too_large": N_("文件过大：上限 %(megabytes)s MB。"),
    "work_kind_unknown": N_("请选择材料种类。"),
    "work_again": N_("同样的文件已经提交过。"),
    "work_versions_most": N_("同一种材料最多提交 %(limit)s 版。"),
    "work_after_turn": N_("考生的评审已经开始，不能再提交、更改或撤回材料。"),
    "work_withdrawn_already": N_("这一版已经撤回。"),
    "work_counts_already": N_("这一版不需要接受。"),
    "work_title_missing": N_("请填写题目。"),
    "work_due_too_late": N_("截止时间须在场次开始之前。"),
    "similarity_out_of_range": N_("相似比例须在 0 与 100 之间。"),
    "similarity_source_missing": N_("请填写查重系统。"),
    "similarity_hash_form": N_("报告校验值须为 64 位小写十六进制数（SHA-256），没有报告可不填。"),
    "schedule_no_order": N_("还没有抽签排定顺序，或已没有等候的考生。"),
    "schedule_too_short": N_("每人的时间不能少于政策规定的 %(least)s 分钟，间隔不能为负。"),
    "schedule_too_early": N_("第一位的时间不能早于场次开始时间。"),
    "schedule_too_long": N_("按这个安排超过一天的工作时间，请缩短时间或增加评审组。"),
    "defence_too_short": N_("答辩进行了 %(minutes)s 分钟，少于政策规定的 %(least)s 分钟。确需提前结束的，由组长填写原因、另一名成员签字后再结束。"),
    "defence_leader_only": N_("只有组长可以允许提前结束。"),
    "defence_second_member": N_("签字的须是本考生评审组的另一名成员。"),
    "question_missing": N_("请填写问题。"),
    "question_of_nobody": N_("请选择提问的评审组成员。"),
    "question_changed": N_("这条提问已被更改，请刷新页面。"),
    "questions_most": N_("一次答辩最多记录 %(limit)s 个问题。"),
}
# fmt: on
