"""Why something about scans, scripts and their markers was refused."""

from server.messages.marking import N_

# fmt: off
SCRIPTS: dict[str, str] = {
    "scan_damaged": N_("文件“%(file)s”无法读取，可能已损坏。"),
    "scan_encrypted": N_("文件“%(file)s”设有密码，请去除密码后重新上传。"),
    "scan_too_many_pages": N_("文件“%(file)s”中没有可用的页面，或超过 %(limit)s 页。"),
    "scan_page_too_large": N_("文件“%(file)s”的页面过大。请按 A4 或 A3 原大扫描。"),
    "scan_not_readable": N_("文件“%(file)s”不是 PDF、JPEG、PNG，也不是它们的 ZIP 压缩包。"),
    "scan_again": N_("这个文件已经上传过。"),
    "scan_seat_unknown": N_("本考场没有 %(seat)s 号座位的答卷。"),
    "scan_order_count": N_("未归入的 %(pages)s 页不能平均分给 %(scripts)s 份没有扫描页的答卷，请逐页指定座位。"),
    "scan_order_coded": N_("未归入的页中有 %(pages)s 页的二维码写明座位或属于其他考场，不能按顺序归入，请逐页指定座位。"),
    "scan_not_loose": N_("这一页已经归入答卷或已经搁置。"),
    "scripts_before_end": N_("考试还没有结束，不能处理答卷。"),
    "script_in_marking": N_("这份答卷已经开始评阅或已经定分，不能再更改。"),
    "script_handed_in": N_("这份评分已经提交，不能再更改。"),
    "script_has_pages": N_("这份答卷已有扫描页，不能登记为无卷；如归错座位，请先移出。"),
    "script_not_yours": N_("这份答卷已不能由您评阅，请联系阅卷负责人收回。"),
    "script_points_missing": N_("还有题目没有给分。"),
    "script_markers_count": N_("请选择评卷人，每个考场最多 %(most)s 名。"),
    "script_marker_role": N_("%(name)s 不是考评员，不能评卷。"),
    "script_marker_apart": N_("%(name)s 兼有管理答卷或查看成绩的权限，不能评卷。"),
    "script_marker_was_here": N_("%(name)s 在本考场担任过工作，不能评本考场的卷。"),
    "script_too_few_markers": N_("评卷人不足：每份答卷需要两名（第三评另需一名）与考生没有回避关系的评卷人。还缺评卷人的答卷：%(codes)s。"),
    "script_typing_line": N_("第 %(line)s 行与前面的题号重复。"),
    "script_typing_number": N_("第 %(line)s 行的题号“%(number)s”不是本卷的客观题。"),
    "script_typed_by_you": N_("第二遍须由另一个人录入。"),
    "script_typing_differs": N_("两遍录入不一致，须重新录入。"),
    "mark_by_markers": N_("这份试卷正在双人评阅，不能另行登记成绩。"),
}
# fmt: on
