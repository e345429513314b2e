// Texts of the liveness check at sign-in.

import { _ } from "./words.js";

export const challengeTexts = () => ({
  heading: _("开考前请完成活体检测"),
  title: _("活体检测"),
  intro: _("请按屏幕提示做几个动作（例如转头、闭眼），用来确认座位上是考生本人，而不是照片或录像。约需半分钟。"),
  ready: _("请摘下口罩，正对屏幕坐好，然后开始。动作请慢一些。"),
  begin: _("开始"),
  again: _("再做一次"),
  cannot: _("我无法完成"),
  cannotHint: _("无法做这些动作，或不方便，都可以选择“我无法完成”：由监考员人工核对，不影响您考试。"),
  starting: _("正在准备，请正对屏幕…"),
  tries: _("还可以做 %(n)s 次"),
  step: _("第 %(number)s 个动作，共 %(steps)s 个"),
  left: _("剩余 %(n)s 秒"),
  ask: {
    centre: _("请正对屏幕"),
    turn_left: _("请慢慢向左转头"),
    turn_right: _("请慢慢向右转头"),
    look_up: _("请慢慢抬头"),
    blink: _("请闭上双眼，停一秒再睁开"),
  },
  why: {
    "": _("这次没有完成。"),
    timed_out: _("时间到了，这次没有完成。动作可以小一些，慢慢来。"),
    other_face: _("中途看到了另一张脸。请只让本人出现在画面中。"),
    flat: _("没有看清头部的转动。请面向摄像头，避开强光。"),
    wrong_step: _("做的动作与提示不同。请看清提示再做，左右以您自己为准。"),
    no_face: _("没有看到您的脸。请正对屏幕坐好。"),
  },
});
