// What a refusal or a notice means, for the person in front of the screen: what happened, what to do.

import { _, fill } from "./words.js";

const sentences = () => ({
  agent_silent: _("考试程序没有响应。请稍候再试；仍不行时请举手示意监考员。"),
  challenge_not_now: _("活体检测已经结束或还没有开始。请稍候，本页会自动更新。"),
  no_link: _("现在连不上考场服务器。请稍候再试；仍不行时请举手示意监考员。"),
  seb_required: _("请从 Safe Exam Browser 打开考试页面。"),
  seb_mismatch: _("Safe Exam Browser 的设置与本考场不符。请监考员重新下载考场的 SEB 配置文件并重启 SEB。"),
  seat_not_paired: _("本座位的考试机还没有配对。请举手示意监考员。"),
  unknown_ticket: _("没有找到这个准考证号。请对照准考证检查后重新填写。"),
  ticket_of_other_sitting: _("这个准考证号不属于本场考试。请核对准考证上的日期和时间，或举手示意监考员。"),
  id_does_not_match: _("身份证号与准考证号不符。请对照身份证检查后重新填写。"),
  wrong_seat: _("您的座位是 %(seat)s 号，请到该座位登录。"),
  signed_in_elsewhere: _("您已在 %(seat)s 号座位登录。请回到该座位，或举手示意监考员。"),
  attempt_closed: _("您的考试已经结束，不能再次登录。如有疑问，请举手示意监考员。"),
  already_signed_in: _("您已经登录。请稍候，本页会自动继续。"),
  sign_in_not_open: _("还没有开放登录。请在座位上等候。"),
  late_entry_closed: _("已超过迟到入场时限，不能再登录。请举手示意监考员。"),
  room_closed: _("本场考试已经结束。"),
  marked_absent: _("您已被登记为缺考。请立即举手示意监考员。"),
  too_many_tries: _("登录失败次数过多，请 %(minutes)s 分钟后再试，或举手示意监考员。"),
  attempt_not_here: _("您的考试不在本座位。请举手示意监考员。"),
  not_found: _("这项内容已经不在。请稍候，本页会自动更新。"),
  act_not_possible: _("考试状态刚有变化，请稍候，本页会自动更新。"),
  store_unavailable: _("考场服务器暂时不能保存。请稍候再试。"),
  too_early_to_submit: _("还没有到可以交卷的时间。请继续检查。"),
  submit_too_early: _("还没有到可以交卷的时间。请继续检查。"),
  submit_too_late: _("考试时间已到，系统正在自动收卷。"),
  time_over: _("考试时间已到，最后这次操作没有计入。"),
  not_answering: _("现在不能作答，最后这次操作没有计入。"),
  bad_response: _("这次作答没有被接受，也没有保存。请修改；仍不行时请举手示意监考员。"),
  journal_not_open: _("答卷还没有准备好，正在重试。"),
  disk_full: _("本机磁盘已满，不能写入答案。"),
  read_only: _("本机磁盘不可写，不能写入答案。"),
  disk_error: _("本机磁盘出错，不能写入答案。"),
  journal_in_use: _("答卷被另一个程序占用，不能写入。"),
  journal_exists: _("本机已有同一份答卷，不能另开一份。请举手示意监考员。"),
  journal_broken: _("本机的答卷文件有损坏，能读出的记录都会上传。请举手示意监考员。"),
  wrong_device_key: _("答卷属于另一台考试机，不能写入。"),
  unpaired: _("本机尚未配对座位。请举手示意监考员。"),
  room_ended: _("本场考试已由监考员结束。"),
  rescheduled: _("本场考试因故中断，将另行安排。新的准考证由考点通知。"),
  wrong_certificate: _("连接的不是本考场的服务器，考试程序已拒绝连接。请举手示意监考员。"),
  workstation_not_paired: _("本机的配对已失效。请举手示意监考员重新配对。"),
  package_broken: _("收到的试卷文件不完整，正在重新接收。长时间没有变化时，请举手示意监考员。"),
  package_needs_newer: _("试卷要求更新的考试程序，本机的程序版本过旧。请举手示意监考员。"),
  paper_sealed: _("试卷还没有启封。请稍候，本页会自动更新。"),
  paper_unopened: _("试卷没有打开，正在重试。请举手示意监考员。"),
  receipt_not_genuine: _("收到的交卷回执没有通过核验，正在重新获取。请举手示意监考员。"),
  call_not_now: _("现在不能用本机举手，请直接举手示意。"),
  call_reason_unknown: _("这个举手原因没有被接受，请另选一项，或直接举手示意。"),
  call_too_often: _("刚刚举过手，请稍候 %(seconds)s 秒再试，或直接举手示意。"),
  no_face_consent: _("您没有同意人脸比对，这项操作没有进行。"),
  quit_no_pin: _("本机没有锁定，或还没有收到本场的退出口令。"),
  quit_wrong_pin: _("退出口令不正确。这次尝试已记录。"),
  paused: _("考试暂停，现在不能作答。"),
  not_frozen: _("试卷没有遮住，或已经显示。"),
  rescue_no_stick: _("没有找到可以写入的 U 盘。"),
  rescue_nothing: _("本机没有需要取出的作答记录。"),
  rescue_not_written: _("应急文件没有写成，请换一个 U 盘再试。"),
  quit_wait: _("尝试次数过多，请 %(seconds)s 秒后再试。"),
  protocol_version: _("考试程序的版本与考场服务器不符。请举手示意监考员更新考试程序。"),
});

/** The sentence of a refusal; an unknown code is named, so that a technician can look it up. */
export function sentence(code, params = {}) {
  const known = sentences()[code];
  if (known) return fill(known, params);
  return _("操作没有成功（%(code)s）。请再试一次；仍不行时请举手示意监考员。", { code });
}

/** A closing reason: a code's sentence, or the words of the person who closed it. */
export function reasonText(notice) {
  return sentences()[notice] || notice;
}
