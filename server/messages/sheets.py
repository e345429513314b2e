"""What is noted about, and wrong with, the rows and pictures of bank tables."""

from server.messages.marking import N_

# fmt: off
SHEETS: dict[str, str] = {
    "kind_inferred": N_("没有填写题型，按选项和答案识别为“%(kind)s”，请核对。"),
    "kinds_inferred": N_("表中没有题型列，题型按选项和答案识别，请核对。"),
    "sheet_hidden": N_("隐藏的工作表“%(sheet)s”也已读取，请核对。"),
    "characters_removed": N_("“%(column)s”中看不见的字符已去掉。"),
    "gap_answers_differ": N_("“%(column)s”的“%(value)s”与题干中的空数不一致；多个空的答案用分号分开。"),
    "uid_twice": N_("编号 %(uid)s 已用于另一道试题，这一题改用 %(given)s。"),
    "picture_not_in_file": N_("“%(column)s”指明了图片“%(value)s”，但文件中没有。请把表格和图片放进同一个 zip，或把图片插入表格。"),
    "picture_without_item": N_("这一行没有试题，行上的图片没有导入。"),
    "pictures_lost": N_("旧版工作簿中约有 %(count)s 张图片不能读取；请另存为 .xlsx 后再导入。"),
    "rows_after_quotes": N_("第 %(row)s 行的引号没有成对，或单元格过长；这一行及其后的内容没有导入。"),
    "row_cut_off": N_("文件在第 %(row)s 行中途断开，这一行没有导入。"),
    "cell_too_big": N_("有单元格超过 %(most)s 个字符，这一行没有导入。"),
    "kind_not_known": N_("“%(kind)s”不是本系统的题型，请重新指定题型代码的含义。"),
    "scripts_lost": N_("上标或下标“%(value)s”不能保留，已按普通文字读取，请核对。"),
    "page_picture_lost": N_("网页表格中的图片没有读取，请核对这一行；可另存为 .xlsx 后再导入。"),
    "rule_not_readable": N_("组题规则的这一行无法识别（%(value)s），没有读取。"),
    "kind_twice": N_("题型“%(value)s”出现了不止一次，只读取第一行。"),
    "not_in_sheets": N_("“%(field)s”不能写进表格，没有导出。"),
    "too_long_for_cell": N_("“%(column)s”超过表格一格的长度，没有导出。"),
}
# fmt: on
