"""Sealed packages: why one stays closed, is not issued, swapped or destroyed; lines of the activity list."""

from server.messages.marking import N_

# fmt: off  # below: one sentence, one line, as translators read it
PACKAGES: dict[str, str] = {
    # sealing
    "paper_breaks_blueprint": N_("试卷“%(title)s”有 %(count)s 项必须满足的要求没有达到，不能密封。"),
    "package_swapped_in": N_("该考场已经换用备用卷，不能重新密封或再次更换。"),
    # release
    "package_destroyed": N_("试卷包已按规定销毁，只保留记录。"),
    "package_damaged": N_("服务器上“%(room)s”的试卷包已损坏，请重新密封。"),
    "release_wrong_code": N_("启封码不是本试卷包的，请核对考场和试卷包。"),
    "release_older_version": N_("试卷包要求程序版本不低于 %(needed)s，本机是 %(own)s。请先升级。"),
    "room_code_needed": N_("本机没有保存启封密钥，请输入启封码。"),
    "room_code_length": N_("启封码应有 %(wanted)s 个字符，收到 %(typed)s 个。"),
    "room_code_sign": N_("启封码中不会出现“%(sign)s”，请核对。"),
    "room_code_group": N_("启封码第 %(group)s 组有误，请核对后重新输入。"),
    "room_code_wrong": N_("启封码有多处错误，请核对后重新输入。"),
    "room_code_too_early": N_("尚未到启封时间，%(not_before)s 起才能签发启封码。"),
    "room_code_again": N_("启封码已经签发过，再次签发须写明原因。"),
    "room_code_not_here": N_("本机没有保存该试卷包的启封密钥，不能签发启封码。"),
    # two people
    "cosign_without_chief": N_("两人中须有一名主考或考务管理员。"),
    # proofs
    "no_share_held": N_("您目前没有保管任何待启封的试卷包。"),
    "proof_missing": N_("48 小时内没有保管人验证过口令"),
    "proof_of_one_role": N_("48 小时内只有一种角色的保管人验证过口令"),
    # the spare paper
    "swap_after_start": N_("“%(room)s”已经开考，不能再换用备用卷。"),
    "spare_missing": N_("“%(room)s”没有密封的备用卷。"),
    # destruction
    "destroy_before_marking": N_(
        "该考场尚未评分，或还有待评阅、待确认、未计入的成绩或评分后到达的作答记录，试卷包还不能销毁。"
    ),
    "destroy_too_early": N_("试卷包须保存到 %(not_before)s，到期后才能销毁。"),
    # the command line
    "package_unknown": N_("本机没有这个试卷包的记录。"),
    "package_not_in_force": N_("这个试卷包已不使用，请用考场现在的试卷包。"),
    "package_file_broken": N_("文件“%(file)s”不是试卷包，或已损坏、被改动，或不是由该机构签发的。"),
    "key_unreadable": N_("“%(file)s”中没有可用的公钥。"),
    "keyfile_of_nobody": N_("“%(file)s”不是导出的保管人密钥。"),
    "file_there": N_("文件“%(file)s”已存在，不会覆盖。"),
    # activity
    "line_package_swapped": N_("%(actor)s 换用备用卷（%(cosigned_by)s 复核）：%(reason)s"),
}
# fmt: on
