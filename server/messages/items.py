"""Why an item does not go where somebody wants to take it, or is not saved as it was written."""

from server.messages.marking import N_

# fmt: off
ITEMS: dict[str, str] = {
    # the life of an item
    "item_step_unknown": N_("试题 %(uid)s 不能从现在的状态转到所选的状态。"),
    "item_reviewer_is_author": N_("试题 %(uid)s 的这一版是您编写的，须由另一人审定。"),
    "item_incomplete": N_("试题 %(uid)s 资料不全，不能启用。请补充鉴定点和难度。"),
    "item_kind_not_delivered": N_("试题 %(uid)s 的题型不能用于理论知识考试。"),
    "item_changed_meanwhile": N_("试题 %(uid)s 在您打开之后又有改动，没有审定。请重新阅读后再处理。"),
    "items_changed_meanwhile": N_("筛选出的试题在您打开清单之后有改动，没有处理。请核对清单后再执行。"),
    "item_state_missing": N_("请选择要转到的状态。"),
    "items_missing": N_("请至少选择一道试题。"),
    "many_item_step_unknown": N_("现在的状态不能转到所选的状态。"),
    "many_item_reviewer_is_author": N_("是您自己编写或导入的，须由另一人审定。"),
    "many_item_incomplete": N_("缺少鉴定点或难度。"),
    "many_item_kind_not_delivered": N_("题型不能用于理论知识考试。"),
    "many_item_changed_meanwhile": N_("在您打开清单之后又有改动，请重新阅读后再处理。"),
    # versions
    "item_pending_already": N_("试题 %(uid)s 已有一个新版本等待审定，请先审定或退回它。"),
    "item_nothing_pending": N_("试题 %(uid)s 没有等待审定的版本。"),
    "item_id_fixed": N_("试题编号不能更改。"),
    "item_retired": N_("试题 %(uid)s 已停用，不能再改动。"),
    "no_fixed_answer": N_("文件没有给出固定的答案，不能自动评分。"),
    # search
    "search_words_missing": N_("请填写要查找的字词。"),
    "search_words_too_many": N_("一次最多查找 %(most)s 个词。"),
    # the editor
    "gap_not_in_stem": N_("题干中应有且只有一处 [[%(gap)s]]，表示第 %(gap)s 空的位置。"),
    "medium_not_in_bank": N_("题库中没有图片或音像 %(medium)s…，请先上传。"),
}
# fmt: on
