// What the candidate is asked about face comparison, and the words around what is kept. A change of what is asked
// is a new version: the server keeps with each answer which text was shown.

import { _ } from "./words.js";

/** Which text `consentText` is; `exam_rooms.consent_text.VERSION` names the same. */
export const CONSENT_VERSION = "2026-12";

export const consentText = () => [
  _("开考前采集画面与报名照片比对，可能请您转头、眨眼。"),
  _("考试中看座位上是否只有您、头部或视线是否长时间移开、是否像有手机或书本；有情况时保存前后画面，另存少量随机画面和数值。"),
  _("人脸明显不一致时，与同场其他同意者比较是否换座。"),
  _("提示只用来请监考员过来看一看，不作任何判定。"),
  _("画面和人脸特征只在考场局域网内处理，加密保存 %(days)s 天，记录在案的保存到处理完毕。随时可以举手撤回同意。"),
];

export const keptTexts = () => ({
  open: _("查看保存了我的哪些信息"),
  title: _("保存了我的哪些信息"),
  busy: _("正在向考场服务器查询…"),
  failed: _("暂时查不到，请稍后再试，或举手询问监考员。"),
  close: _("关闭"),
});
