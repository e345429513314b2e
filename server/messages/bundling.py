"""The offline bundle: why none was made."""

from server.messages.marking import N_

# fmt: off
BUNDLING: dict[str, str] = {
    "bundle_key_in_project": N_("签名私钥不能放在项目文件夹内：%(path)s。"),
    "bundle_key_not_private": N_("签名私钥 %(path)s 可被其他用户读取，须为 0600。"),
    "bundle_key_broken": N_("%(path)s 不是未加密的 Ed25519 私钥 (PEM)。"),
    "bundle_incomplete": N_("缺少安装时取得的文件，请先运行 make setup：%(files)s。"),
    "bundle_pip_failed": N_("pip %(command)s 没有成功，安装包没有做成。"),
}
