/* The order of candidates in each room of the day, by number and blind code. */

import { html } from '../../vendor/htm-preact.js';
import { _ } from '../words.js';
import { TURN_LOOK, sheetWord, turnWord } from './parts.js';
import { T } from './texts.js';
import { sheetView } from './view.js';

function Row({ store, state, place }) {
  const { turn } = place;
  const view = sheetView(state.picture, state.local, place);
  const done = view.state === 'locked';
  return html`<li class="order-row" data-turn=${turn.id}>
    <button class="order-card" disabled=${!turn.mine || !turn.sheet} onClick=${() => store.choose(turn.id)}>
      <span class="order-number num">${turn.number}</span>
      <span class="order-code">${turn.code}</span>
      <span class="order-station">${turn.station && _('%(station)s 号工位', { station: turn.station })}</span>
      <span class=${`badge ${TURN_LOOK[turn.state] || 'off'}`}>${turnWord(turn.state)}</span>
      <span class="order-mine">
        ${turn.mine && html`<span class=${`badge ${done ? 'good' : view.begun ? 'info' : 'off'}`}>${sheetWord(view)}</span>`}
        ${view.waiting.length > 0 && html`<span class="badge look">${_('%(count)s 条待提交', { count: view.waiting.length })}</span>`}
      </span>
      <span class="order-total num">${view.begun && view.score ? view.score.total : ''}</span>
    </button>
  </li>`;
}

function Room({ store, state, room }) {
  const places = room.turns.map((turn) => ({ room, turn }));
  return html`<section class="order-room">
    <div class="section-head"><h2>${room.room}</h2><p class="muted">${room.title}${room.leader ? ` · ${_('您是考评组长')}` : ''}</p></div>
    ${!room.template && html`<p class="empty">${_('评分表还没有启封。启封后，考生顺序会自动出现在这里。')}</p>`}
    ${room.template && !places.length && html`<p class="empty">${_('还没有抽签排定考生顺序。')}</p>`}
    <ol class="order-list">${places.map((place) => html`<${Row} key=${place.turn.id} store=${store} state=${state} place=${place} />`)}</ol>
  </section>`;
}

/** All rooms of the day. */
export function Order({ store, state }) {
  const rooms = state.picture ? state.picture.rooms : [];
  return html`<h1>${T.order()}</h1>
    ${!rooms.length && html`<div class="empty"><p>${state.picture ? _('今天没有安排您考评。如有疑问，请联系主考。') : _('还没有取得评分表，请连接到考点网络并登录。')}</p></div>`}
    ${rooms.map((room) => html`<${Room} key=${room.id} store=${store} state=${state} room=${room} />`)}`;
}
