// The main module: receives the messages of the monitor and draws the page.

import { drawCharts } from './charts.js';
import { Model } from './model.js';
import { drawCases, drawPicture, moveTasks } from './picture.js';
import { findTask, showHistory, taskLink, watchHistory } from './story.js';
import { drawTables, watchTables } from './tables.js';
import { LOOKS, paintBar, TimeLine } from './timeline.js';
import { byId, clock, colour, element, prepared, rate, replace, seconds, setText, shape, STATES } from './tools.js';

const EVENTS_SHOWN = 200;
const MARKS = { loud: '✕', bad: '!', good: '+', plain: '·' };
const STATE_WORDS = { dead: 'dead', suspect: 'suspect: silent for a while, gets no new tasks', alive: 'alive', left: 'left' };

const model = new Model();
const timeLine = new TimeLine(model, showHistory);
let paused = null;
let dirty = false;

// The end of the time line and the curves: now, or a time before the pause.
function shownEnd() {
  return paused === null ? model.now() : paused - Number(byId('look-back').value);
}

function listen() {
  const stream = new EventSource('events');
  stream.onmessage = (message) => {
    model.connected = true;
    const values = JSON.parse(message.data);
    const isNews = values.kind === 'news';
    model.take(values);
    if (isNews && paused === null && model.state) moveTasks(model);
    dirty = true;
    drawHealth();
  };
  stream.onerror = () => {
    // The browser reconnects by itself, except after a refusal.
    model.connected = false;
    if (model.over) stream.close();
    else if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
    drawHealth();
  };
}

function drawHealth() {
  const pill = byId('answer');
  const isLost = !model.connected && !model.over;
  const [style, text] = isLost ? ['loud', 'This page has lost its monitor and tries to reconnect'] : model.health;
  const isOld = isLost || model.isSilent;
  setText(pill, isOld && !isLost ? `${text}: this page shows old data` : text);
  pill.className = `pill ${style}`;
  document.body.classList.toggle('silent', isOld);
  setText(byId('over'), model.over ? `${model.over} This is its final state.` : '');
  byId('over').hidden = !model.over;
  document.title = isOld || style === 'loud' ? '✕ Monitor' : `Monitor: ${model.state ? model.state.queue.waiting || 0 : 0} waiting`;
}

function drawAll() {
  const { state } = model;
  if (!state || !state.is_there) return;
  drawHealth();
  setText(byId('name'), `${state.dispatcher.name === 'dispatcher' ? '' : state.dispatcher.name || ''}${state.target ? ` at ${state.target}` : ''}`);
  setText(byId('about'), `version ${state.dispatcher.version}, incarnation ${state.dispatcher.incarnation}, up ${seconds(state.dispatcher.up_s)}`);
  setText(byId('interval'), String(state.interval_s));
  drawTiles(state);
  drawCases(model, taskLink);
  drawPicture(model);
  drawEvents();
  drawTables(model);
}

function drawTiles(state) {
  const { queue, rates, outcomes, response_time: times, slots } = state;
  const tiles = [
    ['free slots', `${slots[0]} of ${slots[1]}`], ['waiting', queue.waiting], ['running', queue.running],
    ['arriving', rate(rates.accepted_per_s)], ['finishing', rate(rates.done_per_s)],
    ['p50', seconds(times.p50)], ['p95', seconds(times.p95)], ['p99', seconds(times.p99)], ['longest', seconds(times.longest_s)],
    ['done', outcomes.done], ['failed', outcomes.failed], ['expired', outcomes.expired], ['cancelled', outcomes.cancelled],
    ['refused', outcomes.refused]];
  const list = byId('tiles');
  if (list.childElementCount !== tiles.length) {
    replace(list, ...tiles.map(([name]) => element('div', {}, element('dt', {}, name), element('dd', { 'data-tile': name }))));
  }
  tiles.forEach(([, value], index) => setText(list.children[index].lastChild, String(value ?? '–')));
}

function drawEvents() {
  const wanted = byId('event-filter').value.trim().toLowerCase();
  const kinds = byId('event-kind');
  const known = new Set([...kinds.options].map((option) => option.value));
  for (const kind of new Set(model.events.map((event) => event[2]))) {
    if (!known.has(kind)) kinds.append(element('option', { value: kind }, kind.replaceAll('_', ' ')));
  }
  const end = shownEnd();
  const chosen = model.events.filter(([, at, kind, , text]) => at <= end + 0.5 && (!kinds.value || kind === kinds.value) && text.toLowerCase().includes(wanted));
  const shown = chosen.slice(-EVENTS_SHOWN).reverse();
  const list = byId('event-list');
  const first = `${shown.length ? shown[0][0] : 0} ${shown.length ? shown[shown.length - 1][0] : 0} ${shown.length} ${model.state.incarnation}`;
  const missed = model.state.events_missed;
  setText(byId('event-note'), `${chosen.length} of ${model.events.length}${missed ? `; ${missed} more were not reported` : ''}`);
  if (list.dataset.shown === first) return;
  list.dataset.shown = first;
  replace(list, ...shown.map(([number, at, kind, style, text, , task]) => element(
    'li', { class: style, 'data-number': number, 'data-kind': kind }, element('time', {}, clock(model, at)),
    element('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[style] || '·'),
    element('span', { class: 'words' }, task ? taskLink(task, text) : text))));
  if (!shown.length) replace(list, element('li', {}, 'none'));
}

function pause() {
  const button = byId('pause');
  paused = paused === null ? model.now() : null;
  button.setAttribute('aria-pressed', String(paused !== null));
  setText(button, paused === null ? 'Pause' : 'Continue');
  byId('back').hidden = paused === null;
  byId('look-back').value = 0;
  lookBack();
}

function lookBack() {
  const value = Number(byId('look-back').value);
  setText(byId('look-back-at'), paused === null || !value ? 'the moment of the pause' : `${seconds(value)} before the pause`);
  drawLines();
  if (model.state && model.state.is_there) drawEvents();
}

function drawLines() {
  if (!model.state || !model.state.is_there) return;
  timeLine.draw(shownEnd());
  drawCharts(model, shownEnd());
}

function drawLegends() {
  replace(byId('state-legend'), ...STATES.map((state) => element('li', {}, shape(state), STATE_WORDS[state])));
  replace(byId('end-legend'), ...Object.values(LOOKS).map(([name, pattern, text]) => {
    const canvas = element('canvas', { class: 'swatch', 'aria-hidden': 'true' });
    const item = element('li', {}, canvas, text);
    requestAnimationFrame(() => { const { context } = prepared(canvas, 11); paintBar(context, colour(name), pattern, 1, 1, 19, 9); });
    return item;
  }));
}

byId('pause').addEventListener('click', pause);
byId('look-back').addEventListener('input', lookBack);
byId('event-filter').addEventListener('input', () => model.state && drawEvents());
byId('event-kind').addEventListener('change', () => model.state && drawEvents());
byId('task-search').addEventListener('submit', (event) => {
  event.preventDefault();
  findTask(model, byId('task-name').value.trim());
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { drawLegends(); drawLines(); });
window.addEventListener('resize', drawLines);
watchTables(model);
watchHistory();
drawLegends();
listen();

// Draw news at most once per frame; without news redraw the time line and the curves five times per second.
let drawnAt = 0;
function frame(at) {
  requestAnimationFrame(frame);
  if (paused !== null || document.hidden) return;
  if (dirty) {
    dirty = false;
    drawAll();
    drawLines();
    drawnAt = at;
  } else if (at - drawnAt > 200 && !model.over) {
    drawLines();
    drawnAt = at;
  }
}
requestAnimationFrame(frame);
