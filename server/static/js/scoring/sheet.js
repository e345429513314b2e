/* One candidate's sheet: items by task, vetoes, what does not count, and the bar that locks. */

import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { _ } from '../words.js';
import { Item } from './item.js';
import { LockBar } from './lock.js';
import { Dialog, Icon, TURN_LOOK, clock, turnWord, useSeconds } from './parts.js';
import { T } from './texts.js';
import { sheetView } from './view.js';

/** How long the turn has gone on, by the server's time. */
function Timer({ state, place }) {
  useSeconds();
  const { turn, room } = place;
  if (!turn.started_at) return null;
  const passed = (performance.now() - state.fresh) / 1000;
  const now = Date.parse(state.picture.now) / 1000 + passed;
  const end = turn.ended_at ? Date.parse(turn.ended_at) / 1000 : now;
  const spent = end - Date.parse(turn.started_at) / 1000;
  return html`<span class="score-time num">${T.timeSpent({ spent: clock(spent), whole: clock(Number(room.template.minutes) * 60) })}</span>`;
}

function Head({ store, state, place }) {
  const { turn } = place;
  const code = useRef(null);
  useEffect(() => {
    scrollTo(0, 0);
    code.current.focus({ preventScroll: true });
  }, [turn.id]);
  return html`<div class="score-head">
    <button class="btn" onClick=${() => store.choose(null)}><${Icon} name="left" />${T.order()}</button>
    <h1 ref=${code} class="score-code" tabindex="-1">${turn.code}</h1>
    <div class="score-facts">
      <span>${T.numbered({ number: turn.number })}${turn.station ? ` · ${_('%(station)s 号工位', { station: turn.station })}` : ''}</span>
      <span class=${`badge ${TURN_LOOK[turn.state] || 'off'}`}>${turnWord(turn.state)}</span>
      <${Timer} state=${state} place=${place} />
      ${turn.overtime_seconds > 0 && html`<span class="badge look">${_('超时 %(time)s', { time: clock(turn.overtime_seconds) })}</span>`}
    </div>
  </div>`;
}

function Veto({ veto, on, disabled, onPut }) {
  const [asking, setAsking] = useState(false);
  const effects = { item_zero: _('该项记 0 分'), task_zero: _('该试题记 0 分'), fail: _('技能考核不合格') };
  const put = (value) => {
    setAsking(false);
    onPut({ act: 'veto', code: veto.code, on: value });
  };
  return html`<li class="veto" data-veto=${veto.code} data-on=${on ? 'yes' : 'no'}>
    <div><p>${veto.text}</p><p class="hint">${_('经考评小组认定后：%(effect)s', { effect: effects[veto.effect] || veto.effect })}</p></div>
    ${on
      ? html`<div class="veto-on"><span class="badge act">${T.vetoOn()}</span><button class="btn" disabled=${disabled} onClick=${() => put(false)}>${T.undo()}</button></div>`
      : html`<button class="btn btn-danger" disabled=${disabled} onClick=${() => setAsking(true)}>${T.markVeto()}</button>`}
    ${asking && html`<${Dialog} title=${_('确认勾选否定项')} onClose=${() => setAsking(false)} foot=${html`
      <button class="btn" onClick=${() => setAsking(false)}>${T.back()}</button>
      <button class="btn btn-danger btn-primary" onClick=${() => put(true)}>${T.confirmVeto()}</button>`}>
      <p>${veto.text}</p><p>${_('经考评小组认定后：%(effect)s', { effect: effects[veto.effect] || veto.effect })}</p>
    <//>`}
  </li>`;
}

const REFUSED = () => ({
  fork: _('服务器上同一位置已有另一条记录，这一条没有计入'),
  sheet_locked: _('在锁定之后到达，没有计入'),
  sheet_total_differs: _('锁定时的总分与服务器计算的不一致，没有锁定；请核对后重新锁定'),
  sheet_unfinished: _('还有必评项目没有评分，没有锁定'),
  not_on_panel: _('您不在这位考生的考评小组中，没有计入'),
});

const ACTS = () => ({ deduct: _('扣分'), points: _('给分'), veto: T.vetoes(), note: T.note(), photo: T.photo(), lock: _('锁定评分') });

/** Records that do not count: nothing that was tapped disappears. */
function Refused({ records }) {
  if (!records.length) return null;
  return html`<details class="alert act score-refused" open><summary>${T.notCounted({ count: records.length })}</summary>
    <ul>${records.map((one) => html`<li key=${one.key}>${ACTS()[one.action.act] || one.action.act} ${one.action.item || ''} ${one.action.points || one.action.text || ''}：${one.message || REFUSED()[one.code] || T.notTaken()}</li>`)}</ul>
  </details>`;
}

/** Why nothing may be entered now, or "". `begun`: the examiner said offline that the candidate has begun. */
function barred(state, place, view, begun) {
  const { turn } = place;
  if (view.state === 'locked') return _('评分表已锁定，不能再修改。');
  if (view.state === 'locking') return _('锁定等待提交到服务器，不能再修改。');
  if (!turn.mine) return _('这位考生不由您考评。');
  if (!turn.sheet.journal) return _('服务器正在为这份评分表换一条记录链，请连接网络后继续。');
  if (!turn.started_at && !begun && !view.begun) return _('这位考生还没有开始，开始后才能评分。');
  return '';
}

const waitingCode = (view) => (view.waiting.find((record) => record.code) || {}).message || '';

/** One sheet. */
export function Sheet({ store, state, place }) {
  const [begun, setBegun] = useState(false);
  const { room, turn } = place;
  const view = sheetView(state.picture, state.local, place);
  const bar = barred(state, place, view, begun);
  const put = (action) => store.put(turn.sheet.uid, action);
  const mayBegin = !turn.started_at && !begun && !view.begun && !state.online && turn.mine && turn.sheet.journal;
  const parts = { store, state, sheet: turn.sheet, marks: view.marks, score: view.score, disabled: Boolean(bar), put };
  return html`<${Head} store=${store} state=${state} place=${place} />
    ${bar && html`<div class=${`alert ${view.state === 'locked' ? 'good' : 'off'}`} role="status"><div><p>${bar}</p>
      ${mayBegin && html`<div class="actions"><button class="btn" onClick=${() => setBegun(true)}>${T.beginOffline()}</button></div>`}</div></div>`}
    ${waitingCode(view) && html`<div class="alert look" role="status"><div>${waitingCode(view)}</div></div>`}
    <${Refused} records=${view.refused} />
    ${room.template.sample && html`<p><span class="badge info">${T.sample()}</span></p>`}
    ${room.template.tasks.map((task) => html`<section class="score-task" key=${task.number}>
      <div class="section-head"><h2>${task.number} ${task.title}</h2><p class="muted num">${_('占 %(weight)s%，得 %(points)s / %(full)s 分', { weight: task.weight, points: view.score.tasks[task.number], full: task.full })}</p></div>
      ${task.items.map((item) => html`<${Item} key=${item.number} item=${item} ...${parts} />`)}
      ${task.vetoes.length > 0 && html`<div class="score-vetoes"><h3>${T.vetoes()}</h3><ul>${task.vetoes.map((veto) => html`<${Veto} key=${veto.code} veto=${veto} on=${view.marks.vetoes.has(veto.code)} disabled=${Boolean(bar)} onPut=${put} />`)}</ul></div>`}
    </section>`)}
    <${LockBar} state=${state} place=${place} view=${view} disabled=${Boolean(bar)} put=${put} />`;
}

