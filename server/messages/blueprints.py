"""Sentences about blueprints as they come into use, and what no editor's form sends."""

from server.messages.marking import N_

# fmt: off
BLUEPRINTS: dict[str, str] = {
    "blueprint_not_draft": N_("细目表“%(title)s”第 %(version)s 版不是草稿，不能修改或批准。如需改动，请先“修改”为新的草稿。"),
    "blueprint_not_active": N_("细目表“%(title)s”没有在使用中：须先由第二人批准，且没有被停用。"),
    "blueprint_changed_meanwhile": N_("第 %(version)s 版草稿在您打开之后已被改动，没有保存。请复制您的改动，重新打开草稿后再填入。"),
    "blueprint_approver_must_differ": N_("这份草稿有您写的内容，不能由您批准，请由另一人批准。"),
    "blueprint_newer_in_use": N_("第 %(version)s 版已在使用中，不能再批准更早的草稿。"),
    "blueprint_has_faults": N_("细目表“%(title)s”第 %(version)s 版草稿还有 %(count)s 处需要改正，不能使用。"),
    "blueprint_title_in_use": N_("另一份名为“%(title)s”的细目表正在使用中。请改名，或先停用那一份。"),
    "blueprint_form_broken": N_("编辑页面提交的内容不完整，没有保存。请重新打开草稿后再试。"),
    "blueprint_not_added": N_("系统中没有内容与此文件相同的细目表。请先运行 examhall blueprint add %(path)s --as 账号，再由另一人运行 examhall blueprint approve。"),
    "blueprint_not_approved": N_("此文件对应的细目表（编号 %(id)s）没有在使用中。请由另一人运行 examhall blueprint approve %(id)s --as 账号。"),
    "blueprint_out_of_use": N_("此文件对应的细目表（编号 %(id)s）已停用或放弃。请使用现行版本的文件，或用 examhall blueprint add %(path)s --as 账号 重新提交。"),
}
# fmt: on
