"""What is wrong with files that people send, whatever the format: archives, XML, media, kinds of items."""

from server.messages.marking import N_

# fmt: off
IMPORTING: dict[str, str] = {
    "unknown_format": N_("“%(name)s”不是可识别的题库文件。"),
    "archive_broken": N_("压缩文件“%(name)s”不完整或已损坏。"),
    "archive_bomb": N_("压缩文件“%(name)s”展开后超过 %(limit_mb)s MB 或压缩比异常，已拒绝。"),
    "archive_too_many": N_("压缩文件“%(name)s”中的文件超过 %(most)s 个。"),
    "archive_path_outside": N_("压缩文件“%(name)s”含有指向文件夹之外的路径或链接（%(entry)s），已拒绝。"),
    "archive_name_twice": N_("压缩文件“%(name)s”中有两个同名文件（%(entry)s），无法确定用哪一个。"),
    "xml_broken": N_("“%(name)s”不是完整的 XML。"),
    "xml_encoding": N_("“%(name)s”的字符编码不受支持，请改用 UTF-8。"),
    "duplicate_other_answer": N_("与 %(first)s 的试题相同，但答案不同，两道题都没有导入，请核对后重新导入。"),
    "item_medium_missing": N_("题中引用的 %(count)s 个图片或音像没有随文件提供，该题没有导入。"),
    "xml_entities": N_("“%(name)s”含有不允许的实体声明，已拒绝。"),
    "media_svg": N_("SVG 图片不予采用，请改为 PNG 或 JPEG。"),
    "media_not_readable": N_("图片或音像无法识别，没有采用。"),
    "media_too_large": N_("图片或音像过大，没有采用。"),
    "media_too_many": N_("文件中的图片和音像合计过大，其余的没有采用。"),
    "kind_not_supported": N_("题型“%(kind)s”不能用于考试，原文已保留。"),
    "picture_missing": N_("热点题缺少图片。"),
    "most_below_answer": N_("正确答案有 %(count)s 个，却只许选 %(most)s 个，考生无法答对。"),
    "bad_area": N_("热点区域 %(key)s 的形状或坐标无效。"),
    "gap_count": N_("填空应有 1 至 %(most)s 处，现有 %(count)s 处。"),
    "gap_keys": N_("填空的序号不连续。"),
    "gap_of_other_kind": N_("第 %(gap)s 空与题型不符。"),
    "part_count": N_("案例题应有 1 至 %(most)s 个小题，现有 %(count)s 个。"),
    "bad_part": N_("案例题的小题“%(part)s”题型或分值无效。"),
    "order_incomplete": N_("排序题的答案应包含每个选项各一次。"),
    "raw_missing": N_("没有保留原文。"),
}
# fmt: on
