// Words about Safe Exam Browser.

import { _ } from "./words.js";

export const sebTexts = () => ({
  wanted: _("请从 Safe Exam Browser 打开考试页面"),
  wantedText: _("本考场使用 Safe Exam Browser（SEB）。请双击桌面上的考场配置文件打开考试页面；已经在 SEB 中时请稍候，本页会自动继续。"),
  wrong: _("Safe Exam Browser 的设置与本考场不符"),
  wrongText: _("请监考员重新下载考场的 SEB 配置文件并重启 SEB。"),
  leave: _("退出 Safe Exam Browser"),
});
