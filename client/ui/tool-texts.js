// Words of what a candidate works with beside the answers: the hand, announcements, notes, enlarged pictures.

import { _ } from "./words.js";

const hand = () => ({
  raise: _("举手"),
  isUp: _("已举手"),
  isDown: _("已放下"),
  title: _("举手示意监考员"),
  text: _("监考员的监考画面上会显示您的座位。请选择原因，可以继续作答，监考员会过来。"),
  reasons: {
    question: _("题目显示不清或有疑问"),
    technical: _("设备或网络有问题"),
    unwell: _("身体不适或需要离座"),
    "": _("其他，请监考员过来"),
  },
  upTitle: _("已举手，请等候监考员"),
  upText: _("您在 %(at)s 举手，监考画面已经显示。等候时可以继续作答。"),
  lower: _("放下手"),
  goOn: _("继续等候"),
  cancel: _("取消"),
  noLink: _("现在连不上考场服务器，请直接举手示意。"),
});

const announcements = () => ({
  button: _("通知"),
  title: _("监考员通知"),
  from: _("监考员通知："),
  said: _("监考员通知：%(text)s"),
  open: _("查看全文"),
  unread: _("，%(count)s 条未读"),
});

const note = () => ({
  button: _("笔记"),
  there: _("（有）"),
  label: _("本题笔记"),
  hint: _("只有您能看到，不计分，收卷后清除。按 Esc 键回到题目。"),
});

const zoom = () => ({
  title: _("查看图片"),
  view: _("图片，方向键移动，加号和减号缩放"),
  smaller: _("缩小"),
  larger: _("放大"),
});

/** All of them, by part, in the current language. */
export const toolTexts = () => ({ hand: hand(), announcements: announcements(), note: note(), zoom: zoom() });
