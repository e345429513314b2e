/* One item: deductions to tap or points to give, a note, photos. */

import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { _ } from '../words.js';
import { Icon } from './parts.js';
import { pictureOf } from './photo.js';
import { countOf, plain, said, tenths } from './sums.js';
import { T } from './texts.js';

const COUNT_MOST = 99;
const NOTE_MOST = 500;
const STEP = 5n;

const within = (value, least, most) => (value < least ? least : value > most ? most : value);

function Deduction({ item, deduction, marks, disabled, put }) {
  const count = countOf(marks, item, deduction.code) ?? 0;
  const said = (value) => ({ act: 'deduct', item: item.number, code: deduction.code, count: value });
  const set = (value) => put(said(value));
  const by = (more) => put((now) => said(within((countOf(now, item, deduction.code) ?? 0) + more, 0, COUNT_MOST)));
  const words = html`<span class="deduct-text">${deduction.text}</span><span class="deduct-points num">−${deduction.points}${deduction.per_instance ? T.eachTime() : ''}</span>`;
  if (!deduction.per_instance) {
    return html`<button class="deduct" data-code=${deduction.code} aria-pressed=${count > 0} disabled=${disabled} onClick=${() => set(count ? 0 : 1)}>
      <${Icon} name=${count ? 'check' : 'minus'} />${words}</button>`;
  }
  return html`<div class="deduct deduct-many" data-code=${deduction.code} data-count=${count}>
    ${words}
    <span class="deduct-count">
      <button class="btn" aria-label=${T.onceLess({ text: deduction.text })} disabled=${disabled || count === 0} onClick=${() => by(-1)}><${Icon} name="minus" /></button>
      <output class="num">${count}</output>
      <button class="btn" aria-label=${T.onceMore({ text: deduction.text })} disabled=${disabled || count === COUNT_MOST} onClick=${() => by(1)}><${Icon} name="plus" /></button>
    </span>
  </div>`;
}

const NUMBER = /^\d{1,3}([.．]\d)?$/;

/** Points typed, with steps of half a point; kept in the field until they are a number that fits. */
function Points({ item, marks, disabled, put }) {
  const given = marks.points[item.number];
  const [typed, setTyped] = useState(given ?? '');
  const [wrong, setWrong] = useState(false);
  useEffect(() => setTyped(given ?? ''), [given]);
  const give = (units) => ({ act: 'points', item: item.number, points: plain(units) });
  const set = (units) => put(give(units));
  const most = tenths(item.points);
  const leave = () => {
    const text = typed.trim().replace('．', '.');
    if (!text) return setTyped(given ?? '');
    const fits = NUMBER.test(text) && tenths(text) <= most;
    setWrong(!fits);
    if (fits && (given === undefined || tenths(text) !== tenths(given))) set(tenths(text));
    return undefined;
  };
  const step = (by) => put((now) => give(within(tenths(now.points[item.number] ?? '0') + by, 0n, most)));
  const id = `points-${item.number}`;
  return html`<div class="points">
    <button class="btn" disabled=${disabled} aria-label=${T.lessHalf()} onClick=${() => step(-STEP)}><${Icon} name="minus" /></button>
    <label class="sr-only" for=${id}>${T.pointsOf({ number: item.number })}</label>
    <input id=${id} class="num" inputmode="decimal" autocomplete="off" maxlength="5" value=${typed} disabled=${disabled} aria-invalid=${wrong}
      onInput=${(event) => setTyped(event.target.value)} onBlur=${leave} onKeyDown=${(event) => event.key === 'Enter' && event.target.blur()} />
    <button class="btn" disabled=${disabled} aria-label=${T.moreHalf()} onClick=${() => step(STEP)}><${Icon} name="plus" /></button>
    <button class="btn" disabled=${disabled} onClick=${() => set(most)}>${T.full()}</button>
    ${wrong && html`<span class="error" role="alert">${_('请填写 0 至 %(most)s 的分数，最多一位小数。', { most: item.points })}</span>`}
  </div>`;
}

function Deductions(props) {
  const { item, marks, disabled, put } = props;
  const first = item.deductions[0].code;
  return html`<div class="deducts">
    ${item.deductions.map((deduction) => html`<${Deduction} key=${deduction.code} ...${props} deduction=${deduction} />`)}
    ${!said(item, marks) && html`<button class="btn" disabled=${disabled} onClick=${() => put({ act: 'deduct', item: item.number, code: first, count: 0 })}>${T.nothingLost()}</button>`}
  </div>`;
}

function Note({ item, marks, disabled, put }) {
  const kept = marks.notes[item.number] || '';
  const [open, setOpen] = useState(Boolean(kept));
  const [typed, setTyped] = useState(kept);
  useEffect(() => setTyped(kept), [kept]);
  const leave = () => typed !== kept && put({ act: 'note', item: item.number, text: typed.slice(0, NOTE_MOST) });
  if (!open) return html`<button class="btn btn-quiet" disabled=${disabled} onClick=${() => setOpen(true)}><${Icon} name="edit" />${T.note()}</button>`;
  return html`<label class="note"><span class="label">${T.note()}</span>
    <textarea rows="2" maxlength=${NOTE_MOST} disabled=${disabled} value=${typed} onInput=${(event) => setTyped(event.target.value)} onBlur=${leave}></textarea></label>`;
}

function Thumb({ store, photo }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    let made = '';
    store.photo(photo).then((bytes) => {
      if (bytes) setUrl((made = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }))));
    });
    return () => made && URL.revokeObjectURL(made);
  }, [photo.sha256]);
  return url ? html`<img src=${url} alt=${T.photoAlt()} />` : html`<span class="badge info">${T.photo()}</span>`;
}

function Photos({ store, state, sheet, item, marks, disabled }) {
  const input = useRef(null);
  const [fault, setFault] = useState(false);
  const taken = async (event) => {
    const [file] = event.target.files;
    event.target.value = '';
    if (!file) return;
    const bytes = await pictureOf(file).catch(() => null);
    setFault(!bytes || !(await store.addPhoto(sheet.uid, item.number, bytes)));
  };
  const hashes = marks.photos[item.number] || [];
  const sent = (sha256) => sheet.photos.includes(sha256) || state.photos.some((photo) => photo.sha256 === sha256 && photo.state === 'server');
  return html`<div class="photos">
    <button class="btn btn-quiet" disabled=${disabled} onClick=${() => input.current.click()}><${Icon} name="camera" />${T.takePhoto()}</button>
    <input ref=${input} type="file" accept="image/*" capture="environment" class="sr-only" tabindex="-1" aria-label=${T.takePhoto()} onChange=${taken} />
    ${hashes.map((sha256) => html`<figure key=${sha256}><${Thumb} store=${store} photo=${{ sheet: sheet.uid, sha256 }} /><figcaption>${sent(sha256) ? T.sent() : T.unsent()}</figcaption></figure>`)}
    ${fault && html`<span class="error" role="alert">${T.photoFailed()}</span>`}
  </div>`;
}

/** One item of a sheet. */
export function Item(props) {
  const { item, marks, score } = props;
  const open = item.required && !said(item, marks);
  return html`<article class="score-item" data-item=${item.number} data-open=${open ? 'yes' : 'no'}>
    <div class="score-item-head">
      <h3>${item.number} ${item.content}</h3>
      <p class="score-item-points num"><strong>${said(item, marks) || item.deductions.length ? score.items[item.number] : '–'}</strong> / ${item.points}</p>
    </div>
    ${item.criterion && html`<p class="hint">${item.criterion}</p>`}
    ${item.deductions.length ? html`<${Deductions} ...${props} />` : html`<${Points} ...${props} />`}
    <div class="score-item-foot">
      ${open && html`<span class="badge look">${T.required()}</span>`}
      <${Note} ...${props} /><${Photos} ...${props} />
    </div>
  </article>`;
}
