/* The editor's panels: fields of the chosen seats, things of the room, cameras of its video. A panel is drawn
   anew unless somebody is typing in it. */

import { metres } from './room_model.js';
import { _ } from './words.js';

function made(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

let serial = 0;

function field(label, control) {
  serial += 1;
  control.id = `p-${serial}`;
  return made('div', { className: 'field' }, made('label', { htmlFor: control.id, textContent: label }), control);
}

function text(value, take, more = {}) {
  const input = made('input', { value, ...more });
  input.addEventListener('change', () => take(input.value.trim()));
  return input;
}

function metre(value, take) {
  return text(String(value), (typed) => {
    const number = Number(typed);
    if (typed && Number.isFinite(number)) take(metres(number));
  }, { type: 'number', step: '0.05' });
}

function busy(panel) {
  return panel.contains(document.activeElement) && document.activeElement.matches('input');
}

function button(label, act) {
  const node = made('button', { type: 'button', className: 'btn btn-small', textContent: label });
  node.addEventListener('click', act);
  return node;
}

export function fields(panel, plan, picked, change, held) {
  if (busy(panel)) return;
  const seats = [...picked].map((at) => plan.seats[at]);
  if (!seats.length) {
    panel.replaceChildren(made('p', { className: 'muted', textContent: _('单击座位图上的座位。') }));
    return;
  }
  const fixed = seats.some((seat) => held(plan, seat));
  const parts = [];
  const kind = made('select', { disabled: fixed });
  for (const [value, word] of [['normal', _('普通')], ['spare', _('备用')], ['broken', _('停用中')]]) kind.append(made('option', { value, textContent: word }));
  kind.value = seats[0].kind;
  kind.addEventListener('change', () => change({ kind: kind.value }));
  if (seats.length === 1) {
    const [seat] = seats;
    parts.push(field(_('座位号'), text(seat.number, (number) => change({ number }), { maxLength: 8, disabled: fixed })));
    const row = made('div', { className: 'thing-row' });
    row.append(field(_('x（米）'), Object.assign(metre(seat.x, (x) => change({ x })), { disabled: fixed })), field(_('y（米）'), Object.assign(metre(seat.y, (y) => change({ y })), { disabled: fixed })));
    parts.push(row, field(_('摄像头'), text(seat.camera, (camera) => change({ camera }), { maxLength: 64 })));
  } else parts.push(made('p', { textContent: _('已选 %(n)s 个座位', { n: seats.length }) }));
  parts.push(field(_('用途'), kind));
  if (fixed) parts.push(made('p', { className: 'hint', textContent: _('已编排考生：位置、座位号和用途不能更改。') }));
  panel.replaceChildren(...parts);
}

export function things(panel, plan, change) {
  if (busy(panel)) return;
  const middle = metres((Math.min(...plan.seats.map((seat) => seat.x), 4) + Math.max(...plan.seats.map((seat) => seat.x), 0)) / 2);
  const point = (label, value, put, first = { x: middle, y: 0.5 }) => {
    const row = made('div', { className: 'thing-row' });
    if (!value) {
      row.append(button(_('放置%(what)s', { what: label }), () => put(first)));
      return row;
    }
    row.append(made('b', { textContent: label }), field('x', metre(value.x, (x) => put({ ...value, x }))), field('y', metre(value.y, (y) => put({ ...value, y }))), button(_('移除'), () => put(null)));
    return row;
  };
  const screens = plan.screens.map((screen, at) => point(_('屏幕'), screen, (next) => change({ screens: plan.screens.flatMap((each, n) => (n === at ? (next ? [next] : []) : [each])) })));
  const aisles = plan.aisles.map((aisle, at) => {
    const replaced = (next) => change({ aisles: plan.aisles.flatMap((each, n) => (n === at ? (next ? [next] : []) : [each])) });
    const row = made('div', { className: 'thing-row' });
    row.append(made('b', { textContent: aisle.axis === 'x' ? _('纵向过道') : _('横向过道') }), field(aisle.axis, metre(aisle.at, (value) => replaced({ ...aisle, at: value }))), button(_('移除'), () => replaced(null)));
    return row;
  });
  const adding = made('div', { className: 'thing-row' });
  adding.append(
    button(_('加屏幕'), () => change({ screens: [...plan.screens, { x: metres(middle + 1.5), y: 0.1 }] })),
    button(_('加纵向过道'), () => change({ aisles: [...plan.aisles, { axis: 'x', at: metres(middle) }] })),
    button(_('加横向过道'), () => change({ aisles: [...plan.aisles, { axis: 'y', at: 2 }] })),
  );
  panel.replaceChildren(point(_('门'), plan.door, (door) => change({ door }), { x: 0, y: 0.8 }), point(_('讲台'), plan.desk, (desk) => change({ desk })), ...screens, ...aisles, adding);
}

export function video(panel, plan, change) {
  if (busy(panel)) return;
  const lines = plan.video.map((camera, at) => {
    const replaced = (next) => change({ video: plan.video.flatMap((each, n) => (n === at ? (next ? [next] : []) : [each])) });
    const row = made('div', { className: 'thing-row' });
    row.append(
      field(_('监控名称'), text(camera.name, (name) => name && replaced({ ...camera, name }), { maxLength: 64, className: 'wide' })),
      field(_('覆盖座位（空为全考场）'), text(camera.covers.join('、'), (said) => replaced({ ...camera, covers: said.split(/[\s,，、;；]+/).filter(Boolean) }), { className: 'wide' })),
      button(_('移除'), () => replaced(null)),
    );
    return row;
  });
  const number = plan.video.length + 1;
  panel.replaceChildren(...lines, button(_('加监控'), () => change({ video: [...plan.video, { name: _('全景 %(n)s', { n: number }), covers: [] }] })));
}
