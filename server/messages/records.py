"""Sentences of the seat ledger, the room record and dossiers."""

from server.messages.marking import N_

RECORDS: dict[str, str] = {
    "ledger_no_seat": N_("这个考场没有 %(seat)s 号座位。"),
    "response_too_early": N_("考试结束后才能查看考生的作答内容。"),
    "response_none": N_("这一时刻这道题没有作答。"),
    "response_unreadable": N_("这条作答记录打不开。"),
    "chain_broken": N_("审计链 %(stream)s 不完整，不能签发检查点；请先在“审计”中验证并查明原因。"),
    "record_sealed": N_("考场情况记录单已经封存，不能再更改；可以补充附注。"),
    "record_not_sealed": N_("考场情况记录单还没有封存，请直接更正。"),
    "record_too_early": N_("考试结束后才能更正、签署考场情况记录单。"),
    "record_sums": N_(
        "应考 %(expected)s 人，其中 %(open)s 人既没有收齐也不是缺考，不能关闭考场情况记录单。座位或准考证号：%(seats)s。"
    ),
    "record_changed": N_("考场情况记录单的内容有了变化，请重新核对后再签名。"),
    "record_signed_before": N_("%(name)s已经签过名。"),
    "record_unsigned": N_("还缺签名，不能封存。"),
    "record_not_a_signer": N_("%(name)s不是这个考场的监考员、流动监考或主考，不能签名。"),
    "record_field_unknown": N_("考场情况记录单中没有这一项。"),
    "record_field_counted": N_(
        "应考、到考、交卷、终止、缺考由系统清点，不能更正；不同的情况请写在“其他说明”中。"
    ),
    "record_altered": N_(
        "%(room)s的考场情况记录单与审计链不符，可能被改动过，不能封存、打印。请保留数据，在“审计”中验证并查明原因。"
    ),
    "record_same_text": N_("与现在的内容相同，没有需要更正的。"),
    "record_text_missing": N_("请填写附注。"),
    "dossier_too_early": N_("有考场还没有结束考试，结束后才能制作档案。"),
}
