"""Safe Exam Browser: what is wrong with its settings, and what a seat behind it lacks."""

from server.messages.marking import N_

# fmt: off
SEB: dict[str, str] = {
    "seb_port": N_("端口须在 %(least)s 至 %(most)s 之间。"),
    "seb_password_length": N_("口令须为 %(least)s 至 %(most)s 个字符。"),
    "seb_password_plain": N_("口令只能用英文字母、数字和符号。"),
    "seb_password_needed": N_("这个配置文件是加密的，请填写文件口令。"),
    "seb_password_wrong": N_("文件口令不正确。"),
    "seb_needs_certificate": N_("这个配置文件用证书加密，不能在这里打开。请在 SEB 的配置工具中改用口令加密或不加密后重新保存。"),
    "seb_not_a_seb_file": N_("这不是 SEB 配置文件。"),
    "seb_file_broken": N_("配置文件已损坏，或不是 SEB 写出的格式。"),
    "seb_file_too_large": N_("配置文件过大：上限 %(megabytes)s MB。"),
    "seb_start_url": N_("配置中的开始地址须为 %(expected)s（端口可以不同），文件中是 %(found)s。"),
    "seb_sends_no_key": N_("配置没有允许发送配置密钥（sendBrowserExamKey）。请在 SEB 的配置工具中打开后重新保存。"),
    "seb_key_malformed": N_("密钥须为 64 位十六进制数字，“%(value)s”不是。"),
    "seb_keys_many": N_("最多 %(most)s 个浏览器考试密钥。"),
    "seb_key_doubtful": N_("设置项 %(keys)s 的值在不同版本的 SEB 中会算出不同的配置密钥。请先在一台考试机上试一次；如不符，请填写 SEB 显示的配置密钥后重新上传。"),
    "seb_required": N_("请从 Safe Exam Browser 打开考试页面。"),
    "seb_mismatch": N_("Safe Exam Browser 的设置与本考场不符。请监考员重新下载考场的 SEB 配置文件并重启 SEB。"),
    "incident_seb_mismatch": N_("%(seat)s 号座位的 SEB 设置与考场不符：请重新下载考场的 SEB 配置文件，重启 SEB"),
}
