/* Small pieces that the screens are made of. */

import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { _ } from '../words.js';

/** An icon of icons.css; the word beside it says the same. */
export const Icon = ({ name }) => html`<span class=${`icon icon-${name}`} aria-hidden="true"></span>`;

/** A modal dialog; Esc closes it, the focus goes back where it was. */
export function Dialog({ title, onClose, children, foot }) {
  const ref = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${ref} class="dialog" aria-labelledby="dialog-title" onCancel=${cancel}>
    <div class="dialog-head"><h2 id="dialog-title" tabindex="-1">${title}</h2></div>
    <div class="dialog-body">${children}</div>
    <div class="dialog-foot">${foot}</div>
  </dialog>`;
}

/** Draws again every second. */
export function useSeconds() {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
}

/** Seconds as 05:09 or 1:05:09. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, '0'));
  return whole >= 3600 ? [Math.floor(whole / 3600), ...parts].join(':') : parts.join(':');
}

/** Words of the states of a turn. */
export const turnWord = (state) =>
  ({ waiting: _('等候'), called: _('已叫号'), performing: _('正在考核'), done: _('已结束'), absent: _('缺考') })[state] || state;

export const TURN_LOOK = { waiting: 'off', called: 'info', performing: 'look', done: 'good', absent: 'off' };

/** Words of the states of one's own sheet. */
export const sheetWord = (view) => {
  if (view.state === 'locked') return _('已锁定');
  if (view.state === 'locking') return _('锁定待提交');
  return view.begun ? _('评分中') : _('未评分');
};

const SAVING = {
  server: ['good', 'server'],
  here: ['look', 'screen'],
  unsaved: ['act', 'act'],
};

const savingWord = (saving) =>
  ({ server: _('已保存到服务器'), here: _('已保存在平板，等待网络'), unsaved: _('未保存') })[saving];

/** The saving state of everything on this tablet. */
export function Saving({ saving }) {
  const [look, icon] = SAVING[saving];
  return html`<p class="saving" data-saving=${saving} role="status"><span class=${`tag-line ${look}`}><${Icon} name=${icon} />${savingWord(saving)}</span></p>`;
}
