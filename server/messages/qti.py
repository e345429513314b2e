"""What a report says about QTI files, and what an export could not carry."""

from server.messages.marking import N_

# fmt: off
QTI: dict[str, str] = {
    "key_from_weights": N_("原文件只写明各选项加减多少分，已把加分的选项作为正确答案，请核对。"),
    "scoring_not_supported": N_("文件里的评分规则不能自动执行，或没有给出正确答案，请核对答案与评分方式。"),
    "scoring_contradicts_answer": N_("评分规则与声明的正确答案不一致，已原样保留该题，请人工改写。"),
    "partial_answers_left_out": N_("只得部分分数的答案未收入，仅保留得满分的答案，请核对。"),
    "qti_href_outside": N_("引用“%(href)s”指向文件之外，未读取。"),
    "qti_part_missing": N_("清单列出的“%(href)s”不在文件中。"),
    "qti_media_missing": N_("图片或音像“%(href)s”不在文件中，请核对该题。"),
    "qti_media_elsewhere": N_("图片或音像“%(href)s”不在所指的位置，已用同名文件“%(name)s”代替，请核对该题。"),
    "qti_part_unknown": N_("清单把“%(name)s”列为试题，但其中没有可识别的试题。"),
    "qti_test_left_out": N_("这是试卷结构，未导入；组卷请使用细目表。"),
    "qti_feedback_left_out": N_("按作答显示的反馈未导入。"),
    "qti_title_as_stem": N_("该题没有题干文字，已用标题代替，请核对。"),
    "export_kind_left_out": N_("题型“%(kind)s”不能用此格式导出，该题未导出。"),
    "export_medium_missing": N_("该题的图片或音像缺失，未导出。"),
    "export_fact_left_out": N_("互斥组和预计用时不能用此格式导出。"),
    "export_wildcard_left_out": N_("答案中的通配符“*”不能用此格式导出，已作为普通字符写出。"),
    "export_gap_appended": N_("题干没有标出空的位置，导出时已加在题干末尾。"),
}
# fmt: on
