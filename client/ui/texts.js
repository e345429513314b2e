// Every word of the page but the rules (rules.js) and the refusals (messages.js), screen by screen.
// Plain calls with plain literals, so that the catalogue's extractor finds them; `T` is rebuilt when the
// language changes, and screens read it while they draw.

import { challengeTexts } from "./challenge-texts.js";
import { consentText, keptTexts } from "./consent-texts.js";
import { sebTexts } from "./seb-texts.js";
import { toolTexts } from "./tool-texts.js";
import { _, ngettext } from "./words.js";

const frame = () => ({
  product: _("考试系统"),
  ticket: _("准考证号"),
  seat: _("座位"),
  seatShort: _("%(seat)s 号座位"),
  steps: [_("登录"), _("核对信息"), _("规则与承诺"), _("等待开考"), _("作答")],
  stepsLabel: _("考试步骤"),
  demo: _("DEMO · 演示考试，成绩无效"),
  rehearsal: _("考前演练 · 成绩无效"),
  linkUp: _("已连接考场服务器"),
  linkDown: _("与考场服务器的连接已中断"),
  agentDown: _("考试程序没有响应，正在重新连接。请不要关闭本页，并举手示意监考员。"),
  display: _("显示"),
  displayTitle: _("显示设置"),
  language: _("语言"),
  theme: _("配色"),
  themes: { "": _("标准"), contrast: _("高对比"), dark: _("深色") },
  textSize: _("文字大小"),
  sizes: { "": _("标准"), large: _("大"), huge: _("特大") },
  close: _("关闭"),
});

const signIn = () => ({
  title: _("考生登录"),
  lede: _("请对照准考证和身份证填写。"),
  ticket: _("准考证号"),
  ticketHint: _("印在准考证上，空格和短横可以省略。"),
  idNumber: _("身份证号"),
  idHint: _("18 位，末位可能是字母 X。"),
  ticketMissing: _("请填写准考证号。"),
  idMissing: _("请填写身份证号。"),
  go: _("登录"),
  busy: _("正在登录…"),
  help: _("填写有困难时，请举手示意监考员。"),
});

const identify = () => ({
  waitTitle: _("请稍候，监考员正在核验身份"),
  waitText: _("请把身份证和准考证放在桌面左上角，坐好等候。核验通过后，本页会自动进入下一步。"),
  title: _("这是您本人吗？"),
  lede: _("请核对照片、姓名和证件号码。如有不符，请选“不是我”，监考员会前来处理。"),
  photo: _("%(name)s 的报名照片"),
  noPhoto: _("没有报名照片"),
  name: _("姓名"),
  idNumber: _("证件号码"),
  employer: _("工作单位"),
  none: _("未填写"),
  exam: _("考试"),
  isMe: _("是本人"),
  notMe: _("不是我"),
});

const pledge = () => ({
  title: _("考场规则与诚信承诺"),
  region: _("考场规则与诚信承诺全文，可用上下键滚动"),
  version: _("版本 %(version)s"),
  readDone: _("已阅读到末尾。"),
  consentTitle: _("是否同意人脸比对？"),
  consentText: consentText(),
  consentSaid: _("这是您在签到台的选择，请核对；可以更改。"),
  consentFree: _("不同意没有任何不利：由两名工作人员人工核对，本机摄像头不分析、不保存；考场摄像头只看座位有无人，不辨认是谁。"),
  agree: _("同意"),
  disagree: _("不同意"),
  promise: _("我已阅读并遵守考场规则，作出以上诚信承诺。"),
  go: _("确认并继续"),
  missing: {
    read: _("请先把规则阅读到末尾。"),
    consent: _("请选择是否同意人脸比对。"),
    promise: _("请勾选承诺。"),
  },
  unknownVersion: _("本机没有版本 %(version)s 的考场规则，不能继续。请举手示意监考员更新考试程序。"),
});

const camera = () => ({
  sign: {
    manual: _("人工核验"),
    working: _("摄像头工作中"),
    enrolling: _("采集中"),
    lost: _("没有画面，请举手"),
    unavailable: _("摄像头检查不可用"),
    absent: _("没有摄像头"),
  },
  title: {
    manual: _("人工核验"),
    enrolling: _("请正对屏幕，正在采集"),
    done: _("采集完成"),
    lost: _("摄像头没有画面，请举手示意监考员"),
    unavailable: _("摄像头检查不可用"),
    absent: _("本座位没有摄像头画面"),
  },
  text: {
    manual: _("您选择了人工核验：由两名工作人员核对您的证件和照片。"),
    enrolling: _("请露出面部，保持坐姿，一般只需几秒钟。"),
    done: _("无需再操作。考试中请保持正常坐姿。"),
    lost: _("由监考员处理，不影响您考试。"),
    unavailable: _("由监考员人工核验，不影响您考试。"),
    absent: _("由监考员人工核验，不影响您考试。"),
  },
});

const warning = () => ({
  title: _("监考员警告"),
  goOn: _("考试时间照常计算，已答的题目不受影响。请阅读后确认，再继续作答。"),
  read: _("我已阅读"),
  busy: _("正在确认…"),
  late: _("警告已阅读，确认还没有送达考场服务器，正在重试。"),
});

const waiting = () => ({
  title: _("准备就绪，等待开考"),
  text: _("开考后试卷会自动打开，无需操作。请不要离开座位。"),
  serverClock: _("考场服务器时间"),
  startsAt: _("开考时间"),
  startsIn: _("距开考"),
  duration: _("考试时长"),
  hoursMinutes: _("%(hours)d 小时 %(minutes)d 分"),
  hours: _("%(hours)d 小时"),
  minutes: _("%(minutes)d 分"),
  dueNow: _("已到开考时间，请等待主考宣布开考。"),
  paperReady: _("试卷已密封送达本机"),
  paperComing: _("正在接收密封试卷"),
  opening: _("正在启封试卷…"),
  openingText: _("考试已经开始，试卷马上打开。您的作答时间以屏幕右上角为准。"),
  practise: _("练习作答"),
  practiseHint: _("四道练习题，熟悉选择、填写、标记和翻页。不计分，也不保存。"),
  practiceOn: _("练习题 · 不计分"),
  practiceEnd: _("结束练习"),
});

const practice = () => ({
  title: _("练习题"),
  sections: [_("单项选择题"), _("多项选择题"), _("判断题"), _("填空题")],
  single: _("单项选择题只有一个正确选项。练习：请选择 B，也可以按键盘上的 B 键或数字键 2。"),
  singleOptions: [_("第一个选项"), _("第二个选项，请选这里"), _("第三个选项"), _("第四个选项")],
  multiple: _("多项选择题有两个或两个以上正确选项。练习：请选择 A 和 C；再按一次可取消选择。"),
  multipleOptions: [_("请选这里"), _("不选这里"), _("也请选这里"), _("不选这里")],
  trueFalse: _("判断题请选择“正确”或“错误”。练习：按空格键给本题作标记，之后可从答题卡找到它。"),
  text: _("填空题在空格处填写。练习：请在这里填写“你好” [[1]]，停顿片刻即自动保存；按 Esc 键离开空格。"),
  right: _("正确"),
  wrong: _("错误"),
});

const paper = () => ({
  questionOf: _("第 %(number)s 题"),
  ofTotal: _("共 %(total)s 题"),
  points: (n) => ngettext("%(n)s 分", "%(n)s 分", n),
  kinds: {
    single: _("单项选择题"),
    multiple: _("多项选择题"),
    true_false: _("判断题"),
    text: _("填空题"),
    numeric: _("计算题"),
    inline_choice: _("选词填空题"),
    match: _("匹配题"),
    order: _("排序题"),
    hotspot: _("识图题"),
    essay: _("简答题"),
  },
  kindHints: {
    single: _("选一项"),
    multiple: _("选两项或两项以上"),
    true_false: _("选一项"),
    text: _("在空格处填写，停顿片刻即自动保存"),
    numeric: _("在空格处填写数值，不写单位"),
    inline_choice: _("在空格处选一项"),
    match: _("为左边每一项选出右边对应的一项"),
    order: _("用箭头按钮或拖动排出正确的先后顺序"),
    hotspot: _("在图上点选，也可以按区域的字母键"),
    essay: _("在下面书写，停顿片刻即自动保存"),
  },
  caseOf: _("材料（第 %(first)s–%(last)s 题）"),
  gap: _("第 %(number)s 空"),
  choose: _("请选择"),
  targets: _("可选的对应项"),
  area: _("区域 %(letter)s，距左边 %(x)s%%，距上边 %(y)s%%"),
  enlarge: _("放大图片"),
  enlargeOf: _("放大图片：%(alt)s"),
  shrink: _("恢复图片大小"),
  table: _("表格，可用方向键滚动"),
  moveUp: _("第 %(number)s 项上移"),
  moveDown: _("第 %(number)s 项下移"),
  movedTo: _("已移到第 %(number)s 位"),
  keepOrder: _("就按现在的顺序作答"),
  characters: _("%(count)s / %(most)s 字"),
  previous: _("上一题"),
  next: _("下一题"),
  mark: _("标记"),
  unmark: _("取消标记"),
  clear: _("清除作答"),
  card: _("答题卡"),
  cell: _("第 %(number)s 题，%(state)s"),
  answered: _("已答"),
  open: _("未答"),
  partAnswered: _("未答完"),
  marked: _("已标记"),
  current: _("当前题"),
  submit: _("交卷"),
  submitWait: _("%(clock)s 后可交卷"),
  left: _("剩余时间"),
  timeLeft: _("剩余时间不足 %(minutes)s 分钟。"),
  timeShort: _("剩余时间不足 %(minutes)s 分钟，请检查未答题目。"),
  chosen: _("已选 %(letter)s"),
  unchosen: _("已取消 %(letter)s"),
  strike: _("划去选项 %(letter)s"),
  unstrike: _("恢复选项 %(letter)s"),
  struck: _("已划去"),
  saidStruck: _("已划去 %(letter)s"),
  saidUnstruck: _("已恢复 %(letter)s"),
  credited: _("您的考试时间延长了 %(minutes)s 分钟。"),
  keys: _("快捷键"),
  keysTitle: _("快捷键"),
  keyList: [
    ["←  →", _("上一题、下一题")],
    ["A–H / 1–9", _("选择或取消选项，识图题为区域")],
    ["Shift + A–H", _("划去或恢复选项")],
    ["↑  ↓", _("在选项或区域之间移动，空格键选择")],
    [_("空格"), _("标记或取消标记本题")],
    ["N", _("打开或收起笔记")],
    ["Z", _("放大题目中的图片；放大后用 + − 0 缩放，方向键移动")],
    ["Ctrl + Enter", _("打开交卷页")],
    ["Tab / Shift + Tab", _("移到下一个、上一个按钮或空格")],
    ["Enter", _("排序题：在箭头按钮上，把该项移动一位")],
    ["↑  ↓", _("匹配题、选词填空题：在选择框中改选")],
    ["Esc", _("离开正在填写的空格，关闭对话框")],
  ],
  keySigns: _("使用字母和数字快捷键"),
  keySignsHint: _("关闭后，字母和数字键不再选择选项；方向键、空格键和 Tab 键照常使用。"),
});

const saving = () => ({
  all: {
    server: _("已保存到考场服务器"),
    here: _("已保存在本机，等待网络"),
    saving: _("正在保存…"),
    unsaved: _("未保存，请举手示意监考员"),
  },
  one: {
    server: _("本题已保存到考场服务器"),
    here: _("本题已保存在本机"),
    saving: _("正在保存本题…"),
    unsaved: _("本题未保存，正在重试"),
  },
  said: {
    here: _("与考场服务器的连接已中断，答案保存在本机，请继续作答。"),
    unsaved: _("答案没有保存成功，请举手示意监考员。"),
    server: _("连接已恢复，答案已保存到考场服务器。"),
  },
  cannot: _("本机无法保存作答，请举手示意监考员。"),
  faultTitle: _("答案没有保存成功"),
  faultText: _("系统正在重试。请不要关闭本页，立即举手示意监考员。"),
});

const submitting = () => ({
  title: _("交卷前检查"),
  answered: _("已答"),
  progress: _("%(answered)s / %(total)s 题"),
  open: (n) => ngettext("未答 %(n)s 题", "未答 %(n)s 题", n),
  marked: (n) => ngettext("已标记 %(n)s 题", "已标记 %(n)s 题", n),
  goTo: _("前往第 %(number)s 题"),
  allAnswered: _("全部题目均已作答。"),
  final: _("交卷后不能再修改答案。"),
  tooEarly: _("还不能交卷：%(clock)s 后可以交卷。"),
  offline: _("网络中断，答案都保存在本机。交卷后会在网络恢复时自动上传。"),
  unsaved: _("还有答案没有保存成功，请先举手示意监考员。"),
  back: _("返回检查"),
  submit: _("确认交卷"),
  submitAnyway: _("仍要交卷"),
  busy: _("正在交卷…"),
});

const privateMessage = () => ({
  title: _("监考员给您的消息"),
  read: _("知道了"),
  said: _("监考员：%(text)s"),
});

const frozen = () => ({
  identity: _("请等待监考员核对身份"),
  identityText: _("监考员会到您的座位核对证件与本人。请把证件放在桌面上，面向摄像头坐好。已作答的都已保存，考试时间照常计算。"),
  locked: _("监考员已锁定本机屏幕"),
  lockedText: _("已作答的都已保存，考试时间照常计算。监考员解锁后，本页会自动回到试卷。"),
  title: _("试卷已遮住"),
  text: _("考试机上有一个情况需要监考员看一眼。已作答的都已保存，考试时间照常计算。"),
  raise: _("请举手，等监考员到您的座位来。"),
  left: _("剩余时间"),
});

const ending = () => ({
  submitted: _("已交卷"),
  timeOver: _("考试时间到，系统已自动交卷"),
  timeOverText: _("您在时间到之前保存的答案全部有效，无需再操作。"),
  raise: _("请举手示意监考员，经同意后离场。"),
  at: _("交卷时间"),
  answered: _("已答"),
  ticket: _("准考证号"),
  code: _("回执码"),
  qr: _("交卷回执二维码"),
  qrHint: _("可抄录回执码留存，用于成绩复核时核对答卷。"),
  pending: _("答案已保存在本机，正在等待考场服务器确认。"),
  pendingText: _("确认后这里会显示交卷回执。请留在座位上，不要关机。"),
  waiting: (n) => ngettext("还有 %(n)s 条记录待上传", "还有 %(n)s 条记录待上传", n),
  locked: _("考试时间到"),
  lockedText: _("答卷已停止作答，正在收卷。您保存的答案都在，请留在座位上。"),
  ended: _("监考员已结束本座位的考试"),
  endedText: _("已保存的答案不会丢失。如有疑问，请举手向监考员说明。"),
  reason: _("原因"),
  moved: _("考试已转到其他座位"),
  movedText: _("请到监考员指定的新座位继续，已答的题目都会带过去，时间照常计算。"),
  paused: _("考试暂停"),
  pausedText: _("试卷已暂时隐藏，答案都已保存。请留在座位上，听从监考员安排。"),
  pausedLeft: _("剩余时间（暂停期间不计时）"),
  absent: _("本座位登记为缺考"),
  absentText: _("如果您已到场，请立即举手示意监考员。"),
});

const preview = () => ({
  title: _("预览 · %(title)s · %(form)s 卷"),
  back: _("返回"),
  example: _("示例考生"),
  keys: _("显示答案"),
  right: _("正确答案"),
  examiner: _("由考评员评阅"),
  gone: _("试卷不能预览。请返回后重试。"),
});

const idle = () => ({
  starting: _("正在启动…"),
  offline: _("正在连接考场服务器"),
  offlineText: _("连接成功后，本页会自动继续。长时间没有变化时，请举手示意监考员。"),
  unpaired: _("本机尚未配对座位"),
  unpairedText: _("请监考员在监考画面上为本座位生成配对码，并在本机完成配对。"),
  unassigned: _("本座位目前没有考试"),
  unassignedText: _("开放登录后，本页会自动显示登录画面。"),
  broken: _("页面显示出错"),
  brokenText: _("已保存的答案不受影响。请重新载入页面；仍不行时请举手示意监考员。"),
  reload: _("重新载入"),
  takenOver: _("考试页面已在另一个窗口打开"),
  takenOverText: _("请在新打开的窗口继续考试，已保存的答案都在。本窗口可以关闭。"),
  noToken: _("请从考试程序打开本页"),
  noTokenText: _("考试程序重新启动后会打开新的页面。没有出现时，请举手示意监考员，已保存的答案都在本机。"),
});

function build() {
  return {
    frame: frame(),
    signIn: signIn(),
    identify: identify(),
    pledge: pledge(),
    kept: keptTexts(),
    camera: camera(),
    challenge: challengeTexts(),
    warning: warning(),
    waiting: waiting(),
    practice: practice(),
    paper: paper(),
    ...toolTexts(),
    saving: saving(),
    submitting: submitting(),
    ending: ending(),
    frozen: frozen(),
    privateMessage: privateMessage(),
    preview: preview(),
    idle: idle(),
    seb: sebTexts(),
  };
}

/** The texts in the current language. */
export let T = build();

/** Reads the texts again after the catalogue changed. */
export function rebuildTexts() {
  T = build();
}
