/* The page: who is there, how saving stands, the order of candidates or one sheet. */

import { html, useEffect, useState } from '../../vendor/htm-preact.js';
import { _ } from '../words.js';
import { Order } from './order.js';
import { Dialog, Saving } from './parts.js';
import { Sheet } from './sheet.js';
import { T } from './texts.js';
import { turnsOf } from './view.js';

const LOGIN = '/login?next=/scoring/';

function useStore(store) {
  const [state, set] = useState(store.get());
  useEffect(() => {
    set(store.get()); // an effect runs after the page was painted: what changed before was told to nobody
    return store.listen(set);
  }, [store]);
  return state;
}

const Calm = ({ title, children }) => html`<main class="score-calm"><div class="plain-card"><h1>${title}</h1>${children}</div></main>`;

const SignIn = () => html`<a class="btn btn-primary" href=${LOGIN}>${T.signIn()}</a>`;

const Again = () => html`<button class="btn btn-primary" onClick=${() => location.reload()}>${T.loadAnew()}</button>`;

function phasePage(state) {
  const pages = {
    starting: () => html`<${Calm} title=${T.opening()} />`,
    insecure: () => html`<${Calm} title=${T.insecure()}><p>${T.insecureText()}</p><//>`,
    broken: () => html`<${Calm} title=${T.broken()}><p>${T.brokenText()}</p><${Again} /><//>`,
    away: () => html`<${Calm} title=${T.away()}><p>${T.awayText()}</p><//>`,
    elsewhere: () => html`<${Calm} title=${T.elsewhere()}><p>${T.elsewhereText()}</p><//>`,
    stranger: () => html`<${Calm} title=${T.stranger()}><p>${state.told || T.signInFirst()}</p><${SignIn} /><//>`,
  };
  return pages[state.phase] || null;
}

/** What stands between the tablet and the server, if anything. */
function LinkNote({ state }) {
  if (!state.online) return html`<div class="alert look" role="status"><div>${T.noServer()}</div></div>`;
  if (!state.signedIn) {
    return html`<div class="alert look" role="alert"><div><p>${state.told || T.signInAgain()}</p><div class="actions"><${SignIn} /></div></div></div>`;
  }
  return null;
}

function Leaving({ store, state, onClose }) {
  const waiting = state.local.filter((record) => record.state === 'here').length;
  return html`<${Dialog} title=${T.leaveTitle()} onClose=${onClose} foot=${html`
    <button class="btn" onClick=${onClose}>${T.back()}</button>
    <button class="btn btn-primary" onClick=${() => store.leave()}>${T.leave()}</button>`}>
    <p>${waiting ? T.leftUnsent({ count: waiting }) : T.allSent()}</p>
  <//>`;
}

function TopBar({ store, state }) {
  const [leaving, setLeaving] = useState(false);
  return html`<header class="score-bar">
    <span class="topbar-title">${T.product()}</span>
    <${Saving} saving=${store.saving()} />
    <span class="score-person">${state.user.name}<button class="btn btn-quiet btn-small" onClick=${() => setLeaving(true)}>${T.leave()}</button></span>
    ${leaving && html`<${Leaving} store=${store} state=${state} onClose=${() => setLeaving(false)} />`}
  </header>`;
}

/** The page. */
export function App({ store }) {
  const state = useStore(store);
  const page = phasePage(state);
  if (page) return page();
  const chosen = turnsOf(state.picture).find(({ turn }) => turn.id === state.chosen);
  return html`<${TopBar} store=${store} state=${state} />
    <main class="score-main" id="main">
      <${LinkNote} state=${state} />
      ${state.renewed && html`<div class="alert look" role="status"><div><p>${T.renewed()}</p><div class="actions"><${Again} /></div></div></div>`}
      ${state.failed && html`<div class="alert act" role="alert"><div>${_('刚才的评分没有保存到本机，请重试；如果仍然失败，请改用纸质评分表并报告主考。')}</div></div>`}
      ${chosen ? html`<${Sheet} key=${chosen.turn.id} store=${store} state=${state} place=${chosen} />` : html`<${Order} store=${store} state=${state} />`}
    </main>`;
}
