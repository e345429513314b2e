"""Why an import or an export of a bank was refused, and what a report says about doubles."""

from server.messages.marking import N_

# fmt: off
BANKING: dict[str, str] = {
    "same_stem_in_bank": N_("题库中已有题干相同、选项不同的试题（%(uid)s），请核对是否重复。"),
    "code_undeclared": N_("请说明代码“%(value)s”表示什么题型。"),
    "field_unknown": N_("没有名为“%(value)s”的列。"),
    "export_format_unknown": N_("不能导出格式“%(value)s”。"),
    "export_is_empty": N_("没有可以导出的试题。"),
    "import_interrupted": N_("读取中断，文件还在（已加密）。请再次读取，或放弃。"),
    "export_there": N_("%(path)s 已存在，不会覆盖。"),
    "bank_missing": N_("没有题库“%(name)s”。"),
}
# fmt: on
