"""Papers on paper: why one is not printed, what does not add up in a register, which mark does not count."""

from server.messages.marking import N_

# fmt: off  # below: one sentence, one line, as translators read it
PRINTS: dict[str, str] = {
    # printing
    "fonts_missing": N_(
        "服务器上没有可以打印中文的字体，不能生成文件。请安装 Python 包 manimgx-fonts-cjk 或系统字体 fonts-noto-cjk。"
    ),
    "document_failed": N_("文件排版失败，可能是试题中的图片已损坏。"),
    "print_not_on_paper": N_(
        "本批次的等级政策没有安排纸笔考试。启封后如机考无法进行，请选择“应急”并写明原因。"
    ),
    "print_same_role": N_("打印试卷需要两名不同角色的保管人。"),
    "print_after_end": N_("本场考试没有启封或已经结束，不能再打印试卷和答题卡。"),
    "print_numbers_moved": N_(
        "打印期间，另一次打印用去了这些份号，本次没有登记，也没有交出文件。请重新打印。"
    ),
    "key_before_end": N_("考试结束之前不能打印答案。"),
    "print_unknown_form": N_("本考场没有使用 %(form)s 卷的座位。"),
    "print_seat_of_other_form": N_("座位 %(seat)s 不在本考场，或使用的不是 %(form)s 卷。"),
    "copies_out_of_range": N_("份数应为 1–%(limit)s。"),
    # the register
    "register_negative": N_("份数不能为负。"),
    "register_sum": N_("发出与备用合计 %(total)s 份，打印的是 %(copies)s 份。"),
    "register_too_many_back": N_("收回的份数不能多于打印的 %(copies)s 份。"),
    "register_missing": N_("少收回 %(missing)s 份，请在说明中写明原因。"),
    # entered marks
    "marks_before_end": N_("考试结束之后才能登记成绩。"),
    "mark_out_of_range": N_("成绩应在 0–%(most)s 之间，最多两位小数。"),
    "mark_note_missing": N_("已有确认的成绩或机考作答，改用此成绩须写明原因。"),
    "mark_settled": N_("该成绩已经确认，或已被新的登记替换。"),
    "mark_same_person": N_("登记人不能确认自己登记的成绩，请由另一人核对试卷后确认。"),
    "mark_differs": N_("与登记的成绩不一致，没有确认。请两人一起核对后重新登记。"),
    "mark_text_changed": N_("这份答卷在重新评分后有变化，请按现在的答卷重新登记。"),
    "mark_of_no_essay": N_("这不是需要人工评阅的试题。"),
}
# fmt: on
