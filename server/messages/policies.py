"""What is wrong with a level policy, with working days, a panel, or the plan of a sitting's component."""

from server.messages.marking import N_

# fmt: off
POLICIES: dict[str, str] = {
    "level_without_method": N_("%(level)s 级没有可用的考核方式。"),
    "level_without_component": N_("该等级没有任何考核科目。"),
    "panel_minimum_even": N_("考评小组人数应为单数，%(value)s 是双数。"),
    "practical_too_short": N_("技能考核不得少于 %(least)s 分钟，现为 %(minutes)s 分钟。"),
    "review_too_short": N_("综合评审每人不得少于 %(least)s 分钟，现为 %(minutes)s 分钟。"),
    "component_not_in_level": N_("%(level)s不考这一科目。"),
    "method_not_in_policy": N_("%(level)s的等级政策没有这种考核方式。"),
    "retake_not_foreseen": N_("等级政策没有安排补考。"),
    "retake_without_first": N_("本批次还没有这一科目的正式考试，不能安排补考。"),
    "papers_not_needed": N_("由考评小组评分的场次使用评分表，不选定试卷。"),
    "template_not_needed": N_("在座位上作答的场次使用试卷，不选定评分表。"),
    "template_not_approved": N_("评分表“%(title)s”尚未由第二人批准。"),
    "template_of_other_level": N_("评分表“%(title)s”不是本批次的职业、等级或科目的。"),
    "template_already_open": N_("已有考场启封评分表，不能更换。"),
    "panel_too_small": N_("考评员至少 %(needed)s 人，现有 %(count)s 人（规则 %(rule)s）。"),
    "panel_even": N_("考评员应为单数，现有 %(count)s 人（规则 %(rule)s）。"),
    "panel_grade": N_("%(name)s 没有考评员证卡，不能担任考评员（规则 %(rule)s）。"),
    "panel_grade_senior": N_("本等级须持高级考评员证卡，%(name)s 没有（规则 %(rule)s）。"),
    "panel_card_expired": N_("%(name)s 的证卡有效期至 %(valid_to)s，已过期。"),
    "panel_again": N_("%(name)s 将连续第 %(count)s 次在本机构考评，一般不超过 %(most)s 次（规则 %(rule)s）。"),
    "panel_unchanged": N_("%(count)s 名考评员中只有 %(new)s 人与上次不同，一般每 %(one_in)s 人至少更换 1 人（规则 %(rule)s）。"),
    "calendar_year_missing": N_("工作日历没有 %(year)s 年，不能计算跨入该年的期限。请先在“工作日历”中补充。"),
    "calendar_other_year": N_("%(day)s 不在 %(year)s 年内。"),
    "calendar_both": N_("%(day)s 既写为放假又写为上班。"),
    "calendar_worked_anyway": N_("%(day)s 不是周末，本来就上班，请检查。"),
    "calendar_no_days_off": N_("%(year)s 年没有一个放假的工作日，请按通知填写完整。"),
    "calendar_not_days": N_("“%(value)s”不是日期或起止日期。请写成 2026-10-01 或 2026-10-01/2026-10-07，一段不超过 %(most)s 天。"),
    "calendar_too_many": N_("行数过多，最多 %(limit)s 行。"),
    "calendar_source_missing": N_("请写明依据的通知。"),
    "calendar_unchanged": N_("与现行的 %(year)s 年日历相同，没有改动。"),
    "calendar_not_own": N_("%(year)s 年没有本机构填写的日历。"),
}
