"""`examhall proctoring trial`: a centre's own labelled photos; nothing is stored or sent."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from exam_rooms.watching import WatchRules
from proctoring import models
from proctoring.accuracy import Errors, GroupErrors
from proctoring.measure import Rate
from proctoring.observe import Eyes, one_core
from proctoring.trial import FAR, Seen, Separation, Trial, look, summed
from proctoring.trial_index import Fault, Index, read_index
from server.cli.words import _, say
from server.errors import Refused
from server.services import batches
from server.settings import Settings

DIRECTORY = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(help=_("用本机构自己标注的照片检验人脸检测、比对与活体，给出误识率、门限和分组误差。"))
@click.argument("folder", metavar="DIR", type=DIRECTORY)
@click.option("--models", "extra", type=DIRECTORY, help=_("先用这个文件夹中的模型"))
@click.option("--profile", default="national", help=_("按哪个等级政策的门限"))
@click.option("--json", "as_json", is_flag=True)
def trial(folder: Path, extra: Path | None, profile: str, as_json: bool) -> None:
    """Exit status 1 when a row or a picture could not be used."""
    rules = batches.read_profile(profile).terms.watching or WatchRules()
    index = read_index(folder)
    one_core()
    installed = models.places(Settings.of_process().models)
    eyes = Eyes((extra, *installed) if extra is not None else installed)
    seen, faults = _looked(eyes, index, rules)
    found = summed(eyes, seen, index.groups, rules)
    click.echo(_json(found, faults, rules) if as_json else _text(found, faults))
    if faults:
        sys.exit(1)


def _looked(eyes: Eyes, index: Index, rules: WatchRules) -> tuple[list[Seen], list[Fault]]:
    seen: list[Seen] = []
    faults = list(index.faults)
    # On a terminal one line that moves; elsewhere click writes the label alone.
    with click.progressbar(index.rows, label=_("逐张检验"), file=sys.stderr) as rows:
        for row in rows:
            found = look(eyes, row, rules)
            if isinstance(found, Fault):
                faults.append(found)
            else:
                seen.append(found)
    return seen, sorted(faults, key=lambda fault: fault.row)


# --- as JSON -----------------------------------------------------------------------------------------


def _json(found: Trial, faults: list[Fault], rules: WatchRules) -> str:
    told = _rounded(asdict(found))
    told["thresholds"] = {
        "match_from": rules.match_from,
        "mismatch_below": rules.mismatch_below,
        "liveness_below": rules.hints.liveness_below,
    }
    told["faults"] = [{**asdict(fault), "message": _message(fault)} for fault in faults]
    return json.dumps(told, ensure_ascii=False)


def _rounded(value: Any) -> Any:  # noqa: ANN401 - plain JSON values of any depth
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, 5) if isinstance(value, float) else value


def _message(fault: Fault) -> str:
    return say(Refused(fault.code, 422, **fault.params))


# --- for people --------------------------------------------------------------------------------------


def _text(found: Trial, faults: list[Fault]) -> str:
    counts = {"pictures": found.pictures, "people": found.people, "compared": found.compared}
    parts = [
        _("可用照片 %(pictures)d 张；可比对 %(compared)d 张，%(people)d 人", **counts),
        _("认识的人但画面不足以比对（不作判断）：%(n)d 张", n=found.not_comparable),
    ]
    if found.unavailable:
        parts.append(_("缺模型，没有检验：%(names)s", names="、".join(found.unavailable)))
    if found.detection is not None:
        parts.append(_("有人的画面找到人脸：%(share)s", share=_share(found.detection.found)))
        parts.append(_("无人的画面误认有人：%(share)s", share=_share(found.detection.false)))
    if found.identity is not None:
        parts += _separation(_("人脸比对"), found.identity)
    if found.liveness is not None:
        parts += _separation(_("活体"), found.liveness)
    parts += [_group(one) for one in found.groups]
    parts += [
        _("第 %(row)d 行 %(column)s %(file)s：%(why)s", row=each.row, column=each.column,
          file=each.file, why=_message(each))
        for each in faults
    ]  # fmt: skip
    if faults:
        parts.append(_("不能使用的行：%(n)d", n=len(faults)))
    return "\n".join(parts)


def _separation(title: str, found: Separation) -> list[str]:
    counts = {"title": title, "positives": found.positives, "negatives": found.negatives}
    parts = [_("%(title)s：应接受 %(positives)d 对（张），应拒绝 %(negatives)d 对（张）", **counts)]
    if found.auc is None:
        return [*parts, _("两类缺一，没有 ROC。")]
    parts.append(f"AUC {found.auc:.4f}")
    parts.append("\t".join((_("门限"), "FAR", "FRR")))
    parts += [f"{point.threshold:.3f}\t{point.far:.4f}\t{point.frr:.4f}" for point in found.roc]
    parts += [f"{name} {_errors(errors)}" for name, errors in found.at.items()]
    if found.recommended is not None:
        best = found.recommended
        parts.append(
            _("FAR 不超过 %(far)s 的最低门限：%(errors)s", far=f"{FAR:.1%}", errors=_errors(best.errors))
        )
        if not best.sure:
            parts.append(_("应拒绝的对数太少，不足以说明这样小的误识率。"))
    return parts


def _errors(errors: Errors) -> str:
    accepts, rejects = _share(errors.false_accepts), _share(errors.false_rejects)
    return f"{errors.threshold:.3f}: FAR {accepts}, FRR {rejects}"


def _group(one: GroupErrors) -> str:
    place = f"{one.column}={one.value or '—'}"
    if not one.enough:
        counts = {"place": place, "positives": one.positives, "negatives": one.negatives}
        return _("%(place)s：%(positives)d 对同人、%(negatives)d 对不同人，太少，不能下结论", **counts)
    return f"{place}: {_errors(one.errors)}"


def _share(rate: Rate | None) -> str:
    return "—" if rate is None else f"{rate.share:.2%} ({rate.low:.2%}–{rate.high:.2%}, n={rate.of})"
