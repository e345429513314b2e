"""Why something about results, exemptions or make-up sittings was refused."""

from server.messages.marking import N_

# fmt: off
RESULTS: dict[str, str] = {
    "rehearsal_no_results": N_("演练批次不产生成绩。"),
    "results_nothing_to_check": N_("没有待核的成绩。"),
    "check_needs_another": N_("核分人不能核对自己汇总的成绩。"),
    "results_stale": N_("有 %(count)s 项成绩与现有依据不一致，请先重新汇总。"),
    "correction_needs_two": N_("更正成绩须由提出人以外的 %(needed)s 人批准。"),
    "correction_not_a_result": N_("更正后的成绩不成立：分数须在满分以内，合格须达到合格线；免试和无效各有程序，不能用更正得到。"),
    "correction_of_void": N_("这项成绩已由违纪处理决定宣布无效，不能更正。"),
    "correction_of_pending": N_("这一科目还没有成绩，无从更正；请先完成评分和汇总。"),
    "correction_changes_nothing": N_("更正后的成绩与现有成绩相同。"),
    "licence_number_shape": N_("请填写保安员证编号：4 至 40 个字母、数字或汉字。"),
    "licence_from_the_future": N_("发证日期不能晚于今天。"),
    "licence_from_the_future_in_row": N_("%(place)s：发证日期晚于今天。"),
    "licence_incomplete": N_("保安员证编号和发证日期须同时填写，日期如 2024-01-15。"),
    "licence_state_unknown": N_("请选择证件有效或已吊销。"),
    "exemption_not_in_policy": N_("本批次的等级政策没有规定这一科目可以免试（规则 R10）。"),
    "exemption_no_exam_day": N_("本批次还没有安排场次，无法按考试日期核对证件。"),
    "exemption_there": N_("这名考生已获准免试。"),
    "exemption_has_seat": N_("这名考生已编排座位（准考证号 %(ticket)s），不能再办理免试。"),
    "exemption_no_licence": N_("没有登记这名考生的保安员证（规则 R10）。"),
    "exemption_licence_revoked": N_("登记的保安员证已吊销，不能作为免试依据（规则 R10）。"),
    "exemption_too_old": N_("保安员证于 %(issued)s 签发，到考试日 %(anchor)s 已超过 %(years)s 年，不能免试（规则 R10）。"),
    "exemption_issued_later": N_("保安员证于 %(issued)s 签发，晚于考试日 %(anchor)s，不能免试（规则 R10）。"),
    "exemption_revoked_already": N_("这项免试已经撤销。"),
    "candidate_exempt": N_("%(place)s %(name)s 已获准免试这一科目，不能编入名单。如需参加考试，请先撤销免试。"),
    "result_there_already": N_("%(place)s %(name)s 在本批次已有这一科目的成绩，再次参加只能编入补考场次。"),
    "retake_without_result": N_("%(place)s %(name)s 在本批次还没有这一科目的成绩，不能编入补考。"),
    "retake_not_failed": N_("%(place)s %(name)s 这一科目不是不合格或缺考，不能编入补考。"),
    "retakes_used_up": N_("%(place)s %(name)s 的补考次数已用完：本批次每人每科最多 %(most)s 次。"),
    "date_missing": N_("请填写日期（年-月-日）。"),
    "result_not_found": N_("没有查到成绩。请核对准考证号和证件号码；成绩在公示后才能查询。"),
    "result_form_empty": N_("请填写准考证号和证件号码。"),
}
# fmt: on
