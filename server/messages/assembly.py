"""Sentences about assembly: what a blueprint or a plain table says wrongly, and what demands clash."""

from server.messages.marking import N_

ASSEMBLY: dict[str, str] = {
    "kind_not_on_paper": N_("题型“%(kind)s”不能出现在理论知识试卷中。"),
    "facts_not_readable": N_("无法读取：%(detail)s"),
    "facts_without_rows": N_("表头下面没有试题。"),
    "heading_twice": N_("“%(column)s”列重复。"),
    "row_length": N_("该行有 %(cells)s 列，应为 %(expected)s 列。"),
    "item_twice": N_("“%(column)s”列：试题编号“%(value)s”重复。"),
    "lists_differ": N_("数值个数 %(values)s 与列数 %(columns)s 不同。"),
    "assembly_rules": N_("组卷的卷数、重题上限、必选与禁用试题或座位不合理。"),
    "seats_not_readable": N_("座位应为 [[x, y], …]，每份试卷一个。"),
    "shortage_row": N_(
        "约束无法同时满足：%(name)s %(of)s 要求 %(required)s，最多只能做到 %(reached)s，相差 %(missing)s。"
    ),
    "shortage_stray": N_(
        "指定必选的试题 %(of)s 不能用于本细目表：不在题库中、已停用，或题型、鉴定范围不符。"
    ),
    "shortage_fixed": N_("必选的 %(overlap)s 题在每份试卷中都有，已超过允许的重题数。"),
}
