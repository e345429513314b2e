/* The bar under a sheet: total, what is missing, and the lock with its summary. */

import { html, useState } from '../../vendor/htm-preact.js';
import { _ } from '../words.js';
import { Dialog, Icon } from './parts.js';
import { T } from './texts.js';

/** Why the sheet cannot be locked now, or "". */
export function lockBar(place, view) {
  const { missing } = view.score;
  if (missing.length) return _('还有 %(count)s 个必评项目没有评分：%(items)s', { count: missing.length, items: missing.join(_('、')) });
  if (place.turn.state !== 'done') return _('考生结束后才能锁定。');
  if (view.waiting.length) return _('评分提交到服务器后才能锁定。');
  return '';
}

function Summary({ room, view }) {
  const rows = room.template.tasks.flatMap((task) => task.items);
  const vetoes = room.template.tasks.flatMap((task) => task.vetoes).filter((veto) => view.marks.vetoes.has(veto.code));
  return html`<table class="table dense"><thead><tr><th>${T.item()}</th><th class="num">${T.worth()}</th><th class="num">${T.reached()}</th></tr></thead>
    <tbody>${rows.map((item) => html`<tr key=${item.number}><td>${item.number} ${item.content}</td><td class="num">${item.points}</td><td class="num">${view.score.items[item.number]}</td></tr>`)}</tbody>
    <tfoot><tr><td colspan="2">${T.totalWeighted()}</td><td class="num">${view.score.total}</td></tr></tfoot></table>
    ${vetoes.map((veto) => html`<p class="tag-line act" key=${veto.code}><${Icon} name="act" />${T.vetoes()}：${veto.text}</p>`)}`;
}

/** The bar. */
export function LockBar({ place, view, disabled, put }) {
  const [asking, setAsking] = useState(false);
  const why = view.state === 'open' ? lockBar(place, view) : '';
  const lock = async () => {
    if (await put({ act: 'lock', total: view.score.total })) setAsking(false);
  };
  const receipt = place.turn.sheet.head;
  return html`<footer class="lock-bar">
    <p class="lock-total"><span>${T.total()}</span><strong class="num" data-total>${view.score.total}</strong></p>
    <p class="lock-why" role="status">${view.state === 'locked' ? T.lockedAs({ head: receipt.slice(0, 8) }) : view.state === 'locking' ? T.lockWaits() : why}</p>
    <button class="btn btn-primary lock-button" disabled=${disabled || Boolean(why)} onClick=${() => setAsking(true)}><${Icon} name="lock" />${T.lock()}</button>
    ${asking && html`<${Dialog} title=${_('锁定 %(code)s 的评分', { code: place.turn.code })} onClose=${() => setAsking(false)} foot=${html`
      <button class="btn" onClick=${() => setAsking(false)}>${T.backToCheck()}</button>
      <button class="btn btn-primary" data-confirm-lock disabled=${Boolean(why)} onClick=${lock}>${T.lockAndSign()}</button>`}>
      <p>${T.lockedForGood()}</p>
      <${Summary} room=${place.room} view=${view} />
    <//>`}
  </footer>`;
}
