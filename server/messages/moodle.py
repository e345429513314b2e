"""What a report says about Moodle XML, GIFT and Aiken files, and what an export to them could not carry."""

from server.messages.marking import N_

# fmt: off
MOODLE: dict[str, str] = {
    "text_is_no_question": N_("这段文字没有答案，不是试题，未导入（%(text)s）。"),
    "category_without_items": N_("文件只有类别“%(category)s”，没有试题。"),
    "feedback_left_out": N_("有 %(count)s 处针对单个选项的反馈，未导入；总反馈已作为解析导入。"),
    "encoding_guessed": N_("文件“%(name)s”的编码像是西文（%(encoding)s），已按此读取；请核对带重音的字母。"),
    "brace_open": N_("答案的花括号没有成对，这道题没有导入（%(text)s）。"),
    "braces_twice": N_("这道题有两处花括号。题干中的花括号前要加反斜杠，两题之间要空一行。"),
    "number_unreadable": N_("“%(value)s”不是数值、误差或范围，应如 3.14、3.14:0.01 或 3..4。"),
    "several_right_as_multiple": N_("有几个选项都标为正确，已作为多选题导入，请核对。"),
    "multiple_with_one_answer": N_("标为多选，但只有一个正确选项，已作为单选题导入，请核对。"),
    "fractions_not_100": N_("正确选项的分值之和是 %(total)s%%，不是 100%%，请核对。"),
    "fractions_unclear": N_("选项分值之和是 %(total)s%%，看不出哪些是正确答案。"),
    "id_not_used": N_("文件中的编号“%(value)s”不能用作试题编号，已另行编号。"),
    "gap_worths_left_out": N_("各空的分值不同，未导入；组卷时各空同分。"),
    "units_left_out": N_("数值题的单位未导入，请核对题干。"),
    "answer_lower_case": N_("答案“%(value)s”是小写字母，已按大写读取。"),
    "answer_letter_twice": N_("答案“%(value)s”中有重复的字母，该题没有导入，请核对。"),
    "pair_open": N_("配对题左边的“%(text)s”没有对应的右边，该题没有导入。"),
    "plugin_file_missing": N_("题中的图片或音像“%(name)s”不在文件里，请核对该题。"),
    "export_fixed_left_out": N_("选项位置固定的要求不能用此格式导出。"),
    "export_gaps_left_out": N_("题干中空的标记重复或次序不对，或有文字会被 Moodle 当作填空，该题未导出。"),
    "export_pairs_left_out": N_("左边的每一项须正好对应右边的一项才能用此格式导出，该题未导出。"),
    "export_markup_shown": N_("配对题右边的格式在 Moodle 中会显示为代码。"),
    "export_text_changed": N_("文字中有此格式不能保留的字符，导出时已改动，请核对。"),
    "export_media_left_out": N_("此格式不能带图片或音像，该题未导出。"),
    "export_text_not_in_gift": N_("题目的空或文字不能写成 GIFT，该题未导出。"),
    "export_criteria_left_out": N_("评分要点不能用此格式导出。"),
    "export_case_left_out": N_("区分大小写的要求不能用此格式导出。"),
}
# fmt: on
