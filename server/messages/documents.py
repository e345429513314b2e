"""What is noted about, and wrong with, question banks in Word files, plain text and JSON."""

from server.messages.marking import N_

# fmt: off
DOCUMENTS: dict[str, str] = {
    "options_incomplete": N_("有的选项是空的或相同（可能原来是图片），原文已保留，补全后才能使用。"),
    "split_unsure": N_("这道题的“%(part)s”不能确定地拆分，请对照原文核对。"),
    "gaps_unlike_answers": N_("题干有 %(gaps)s 处空白，答案不能分成同样的份数；请用分号隔开各空的答案。"),
    "key_without_question": N_("答案表中第 %(number)s 题的答案找不到唯一对应的试题，未采用。"),
    "answer_key_unreadable": N_("答案表中的“%(text)s”无法识别，未采用。"),
    "control_removed": N_("文字中有不能显示的控制字符，已去掉；原处可能缺字，请核对。"),
    "file_old_word": N_("文件“%(name)s”是旧版 Word 或 RTF 格式，请另存为 .docx 后再导入。"),
    "too_many_paragraphs": N_("文件“%(name)s”过长：最多 %(limit)s 段。"),
    "text_too_rich": N_("文件“%(name)s”中的图片、公式和上下标过多，请分成几个文件导入。"),
    "media_outside": N_("此处的图片不在文件之内（只有链接或已丢失），不会到外部读取；请把图片插入文件后再导入。"),
    "object_as_picture": N_("此处嵌入的对象（如旧版公式）只按图片读取，请核对。"),
    "formula_partly_read": N_("公式中有不能识别的部分，只保留了文字，请核对。"),
    "symbol_unknown": N_("特殊字体的符号（%(symbol)s）不能识别，已用“□”代替，请核对。"),
    "footnote_left_out": N_("脚注或尾注没有读取。"),
    "text_box_read": N_("文本框的文字读在所在段落之后，请核对其位置。"),
    "text_struck_out": N_("此处有带删除线或隐藏的文字，没有读取，请核对。"),
    "answer_struck_out": N_("答案中有带删除线或隐藏的文字，不能确定以哪一个为准；请在文件中接受修改后再导入。"),
    "text_without_question": N_("“%(text)s”等文字在题号之前，不属于任何试题，没有读取。"),
    "question_without_number": N_("“%(text)s”像是试题的一部分，但前面没有题号，没有读取；请补上题号。"),
    "table_row_not_plain": N_("表格的这一行有合并的单元格、图片或公式，不能按列读取；请拆分，或不用表格书写这道题。"),
    "option_letters": N_("选项的字母有缺、重复或与顺序不符，不能确定哪个字母指哪个选项。"),
    "sub_questions_left_out": N_("这道题之内还有 %(count)s 道小题，没有读取；请把它们与各自的材料分别列出。"),
    "points_ignored": N_("评分要点的分值“%(value)s”无效，没有采用。"),
    "json_too_deep": N_("文件“%(name)s”的层次超过 %(limit)s 层，已拒绝。"),
    "json_key_twice": N_("文件“%(name)s”的同一条记录中有两个“%(key)s”，不能确定以哪一个为准。"),
    "json_broken": N_("文件“%(name)s”不是完整的 JSON（第 %(line)s 行附近）。"),
    "json_unknown_shape": N_("在 JSON 文件“%(name)s”中没有找到试题，只有这些项目：%(keys)s。"),
}
# fmt: on
