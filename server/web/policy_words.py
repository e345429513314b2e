"""A level policy in words: one list of facts for each component, one for the day, one for what follows."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Blueprint
from flask_babel import gettext as _

from server.messages import N_
from server.rules.policy import LevelPolicy
from server.rules.policy_components import (
    Combine,
    Component,
    ComponentTerms,
    ExemptionRule,
    Method,
    PanelRules,
    RetakeCounts,
    Rounding,
    Scale,
    ThirdMark,
    VetoBy,
    VoidItem,
)
from server.rules.policy_values import Source
from server.web.guard import current_host

bp = Blueprint("policy_words", __name__)

COMPONENTS: Mapping[str, str] = {
    Component.THEORY: N_("理论知识考试"),
    Component.PRACTICAL: N_("技能考核"),
    Component.REVIEW: N_("综合评审"),
}
METHODS: Mapping[str, str] = {
    Method.COMPUTER: N_("机考"),
    Method.PAPER: N_("纸笔"),
    Method.HANDS_ON: N_("现场操作"),
    Method.SIMULATED: N_("模拟操作"),
    Method.MATERIALS: N_("审阅材料"),
    Method.DEFENCE: N_("论文答辩"),
}
EVIDENCE: Mapping[str, str] = {"guard_licence": N_("保安员证")}
GRADES: Mapping[str, str] = {"examiner": N_("考评员"), "senior_examiner": N_("高级考评员")}
_PASS: Mapping[tuple[bool, Rounding], str] = {
    (True, Rounding.NONE): N_("满分 %(max)s 分，%(mark)s 分及以上合格，不四舍五入（%(near)s 分不合格）"),
    (True, Rounding.HALF_UP): N_(
        "满分 %(max)s 分，先四舍五入到整数，%(mark)s 分及以上合格（%(near)s 分合格）"
    ),
    (False, Rounding.NONE): N_("满分 %(max)s 分，高于 %(mark)s 分合格（%(mark)s 分不合格），不四舍五入"),
    (False, Rounding.HALF_UP): N_(
        "满分 %(max)s 分，先四舍五入到整数，高于 %(mark)s 分合格（%(mark)s 分不合格）"
    ),
}
_COMBINE: Mapping[Combine, str] = {
    Combine.MEAN: N_("各考评员总分的平均"),
    Combine.TRIMMED: N_("多于三人时去掉一个最高、一个最低总分后平均，否则各总分的平均"),
    Combine.PER_ITEM: N_("逐项取各考评员得分的平均后相加"),
}
_VETO: Mapping[VetoBy, str] = {
    VetoBy.MAJORITY: N_("多数考评员判定即成立"),
    VetoBy.ANY: N_("任一考评员判定即成立"),
}
_VOID: Mapping[VoidItem, str] = {
    VoidItem.CREDIT: N_("考后作废的试题，所有考生得该题满分"),
    VoidItem.DROP: N_("考后作废的试题不计分，其余按比例折算"),
}
_RETAKES: Mapping[RetakeCounts, str] = {
    RetakeCounts.LATEST: N_("以最近一次成绩为准"),
    RetakeCounts.BEST: N_("以最好成绩为准"),
}
_THIRD: Mapping[ThirdMark, str] = {ThirdMark.MEDIAN: N_("取三者的中位数"), ThirdMark.MEAN: N_("取三者的平均")}
Fact = tuple[str, str]
"""A label and what it says."""


@bp.app_template_global("component_name")
def component_name(component: str) -> str:
    """A component in the reader's language."""
    return str(_(COMPONENTS[component])) if component in COMPONENTS else component


@bp.app_template_global("method_name")
def method_name(method: str) -> str:
    """A method in the reader's language."""
    return str(_(METHODS[method])) if method in METHODS else method


@bp.app_template_global("method_names")
def method_names(methods: tuple[str, ...]) -> str:
    """Several methods in one line."""
    return str(_("、")).join(method_name(method) for method in methods)


@bp.app_template_global("source_expired")
def source_expired(source: Source) -> bool:
    """Whether a text is no longer in force today at the site."""
    host = current_host()
    return source.expired(host.now().astimezone(ZoneInfo(host.settings.timezone)).date())


@bp.app_template_global("expired_titles")
def expired_titles(sources: tuple[Source, ...]) -> list[str]:
    """The texts among them that are no longer in force."""
    return [source.title for source in sources if source_expired(source)]


@bp.app_template_global("source_days")
def source_days(source: Source) -> str:
    """Between which days a text is in force; empty when the profile does not say."""
    if source.effective and source.expires:
        return str(_("%(first)s 至 %(last)s", first=source.effective, last=source.expires))
    if source.expires:
        return str(_("至 %(last)s", last=source.expires))
    return str(_("%(first)s 起", first=source.effective)) if source.effective else ""


@bp.app_template_global("component_facts")
def component_facts(policy: LevelPolicy, terms: ComponentTerms) -> list[Fact]:
    """What a policy asks of one component: how, how long, when it is passed, by whom, who is exempt."""
    facts = [
        (_("方式"), method_names(terms.methods)),
        (_("时间"), _minutes(terms)),
        (_("合格"), pass_words(terms.scale)),
    ]
    if terms.delivered:
        facts.append((_("监考"), _invigilators(policy, terms)))
    if Method.PAPER in terms.methods:
        facts.append((_("纸笔阅卷"), _double(policy)))
    if terms.assessed:
        facts.extend(_panel(terms.panel))
    if terms.component == Component.REVIEW and terms.least_characters:
        facts.append((_("论文"), _("不少于 %(n)s 字", n=terms.least_characters)))
    rules = [rule for rule in policy.exemptions if rule.component == terms.component]
    facts.append((_("免试规定"), _("；").join(_exempt(rule) for rule in rules) if rules else _("没有")))
    return [(str(label), str(text)) for label, text in facts]


@bp.app_template_global("day_facts")
def day_facts(policy: LevelPolicy) -> list[Fact]:
    """What holds for tests that are sat at a seat."""
    if policy.earliest_submit_minutes is None:
        submit = _("考试结束才能交卷")
    else:
        submit = _("开考 %(n)s 分钟后可以交卷", n=policy.earliest_submit_minutes)
    entry = _(
        "开考前 %(before)s 分钟起登录，开考 %(after)s 分钟后不得入场",
        before=policy.entry_opens_minutes,
        after=policy.late_entry_minutes,
    )
    release = _(
        "开考前 %(minutes)s 分钟内，由 %(persons)s 名不同角色的保管人启封",
        minutes=policy.release.minutes_before,
        persons=policy.release.persons,
    )
    facts = [
        (_("入场规定"), entry),
        (_("交卷规定"), submit),
        (_("启封"), release),
        (_("答题页工具"), _tools(policy)),
    ]
    return [(str(label), str(text)) for label, text in facts]


@bp.app_template_global("result_facts")
def result_facts(policy: LevelPolicy) -> list[Fact]:
    """What follows the marks: overall result, publicity, recheck, retakes, void questions."""
    rules = policy.results
    names = _("、").join(component_name(component) for component in policy.required)
    publicity = _(
        "公示 %(n)s 个工作日，无异议的到期生效；之后 %(report)s 个工作日内上报",
        n=rules.publicity_days,
        report=rules.report_days,
    )
    recheck = _(
        "公布后 %(n)s 个工作日内可以申请，%(reply)s 个工作日内答复；只查漏评、漏统、合计差错",
        n=rules.recheck_days,
        reply=rules.reply_days,
    )
    retake = _("没有")
    if rules.retakes_most:
        counts = _(_RETAKES[rules.retake_counts])
        retake = _("不合格的科目可以补考 %(n)s 次，%(counts)s", n=rules.retakes_most, counts=counts)
    facts = [
        (_("总评"), _("%(names)s各科合格（或免试）为合格，科目之间不互相抵补", names=names)),
        (_("公示"), publicity),
        (_("复核"), recheck),
        (_("补考"), retake),
        (_("作废试题"), _(_VOID[rules.void_item])),
    ]
    return [(str(label), str(text)) for label, text in facts]


@bp.app_template_global("minutes_hint")
def minutes_hint(policy: LevelPolicy) -> str:
    """The least minutes of each component, and what to enter where a panel scores."""
    said = [
        str(_("%(component)s：%(said)s", component=component_name(terms.component), said=_minutes(terms)))
        for terms in policy.components
        if terms.min_minutes
    ]
    if any(terms.assessed for terms in policy.components):
        said.append(str(_("由考评小组评分的填整场时间")))
    return str(_("；")).join(said)


def pass_words(scale: Scale) -> str:
    """When a score passes, with the nearest score that tells the rules apart."""
    sentence = _PASS[scale.inclusive, scale.rounding]
    near = scale.pass_mark - Decimal("0.5")
    return str(_(sentence, max=_number(scale.max), mark=_number(scale.pass_mark), near=_number(near)))


def _minutes(terms: ComponentTerms) -> str:
    if not terms.min_minutes:
        return str(_("不设下限") if terms.component == Component.THEORY else _("以试题和评分表为准"))
    if terms.component == Component.REVIEW:
        return str(_("每人不少于 %(n)s 分钟", n=terms.min_minutes))
    return str(_("不少于 %(n)s 分钟", n=terms.min_minutes))


def _invigilators(policy: LevelPolicy, terms: ComponentTerms) -> str:
    rules = policy.invigilators
    said = _(
        "每个考场不少于 %(least)s 人，每 %(per)s 名考生不少于 1 人",
        least=rules.minimum,
        per=rules.candidates_per,
    )
    if not terms.assessed:
        return str(said)
    return str(_("%(methods)s：%(said)s", methods=method_names(terms.delivered), said=said))


def _double(policy: LevelPolicy) -> str:
    rules = policy.results
    third = _(_THIRD[rules.third_mark])
    return str(
        _(
            "两人分别评阅，相差超过 %(n)s 分的由第三人评阅，%(third)s",
            n=_number(rules.double_tolerance),
            third=third,
        )
    )


def _panel(rules: PanelRules) -> Iterator[Fact]:
    yield _("考评小组"), _("；").join(_members(rules))
    grades = _("、").join(_(GRADES[grade]) for grade in rules.card_grades if grade in GRADES)
    yield _("证卡"), _("须持%(grades)s证卡", grades=grades) if grades else _("不限证卡类别")
    yield _("计分"), _("%(how)s，保留 %(n)s 位小数", how=_(_COMBINE[rules.combine]), n=rules.decimals)
    spread = rules.spread_most
    yield (
        _("仲裁"),
        _("没有") if spread is None else _("最高与最低总分之差超过 %(n)s 分的", n=_number(spread)),
    )
    yield _("否定项"), _(_VETO[rules.veto_by])


def _members(rules: PanelRules) -> Iterator[str]:
    yield _("不少于 %(n)s 人", n=rules.minimum)
    if rules.odd:
        yield _("人数为单数")
    if rules.candidates_per:
        yield _("每名考评员最多对应 %(n)s 名同时考核的考生", n=rules.candidates_per)
    if rules.consecutive_most:
        yield _("连续考评一般不超过 %(n)s 次", n=rules.consecutive_most)
    if rules.renew_one_in:
        yield _("一般每 %(n)s 人至少更换 1 人", n=rules.renew_one_in)


def _exempt(rule: ExemptionRule) -> str:
    evidence = _(EVIDENCE[rule.evidence]) if rule.evidence in EVIDENCE else rule.evidence
    return str(
        _(
            "取得%(evidence)s %(n)s 年以内的免试，以考试当日计，满期当日有效",
            evidence=evidence,
            n=rule.within_years,
        )
    )


def _tools(policy: LevelPolicy) -> str:
    tools = policy.tools
    named = [_("划去选项")] * tools.eliminate + [_("记笔记")] * tools.notes
    said = _("、").join(named) or _("没有")
    if tools.warn_minutes:
        minutes = _("、").join(str(each) for each in tools.warn_minutes)
        said += _("；") + _("剩余 %(n)s 分钟时提醒", n=minutes)
    return str(said)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
