// Puts the page together: the stream of news in, everything that shows them out.

import { drawCharts } from './charts.js';
import { Model } from './model.js';
import { drawCases, drawPicture, moveTasks } from './picture.js';
import { kindOf, LOOKS, paintBar, TimeLine } from './timeline.js';
import { byId, clock, colour, element, prepared, rate, replace, seconds, setText, shape, STATES } from './tools.js';

const EVENTS_SHOWN = 200;
const MARKS = { loud: '✕', bad: '!', good: '+', plain: '·' };
const STATE_WORDS = { dead: 'dead', suspect: 'suspect: silent for a while, gets no new work', alive: 'alive', left: 'left by itself' };

const model = new Model();
const timeLine = new TimeLine(model, tellStory);
let paused = null;
let dirty = false;

// The end of what time line and curves show: now, or some time before the pause.
function shownEnd() {
  return paused === null ? model.now() : paused - Number(byId('look-back').value);
}

function listen() {
  const stream = new EventSource('events');
  stream.onmessage = (message) => {
    model.connected = true;
    const told = JSON.parse(message.data);
    const isNews = told.kind === 'news';
    model.take(told);
    if (isNews && paused === null && model.state) moveTasks(model);
    dirty = true;
    drawAnswer();
  };
  stream.onerror = () => {
    // The browser tries again by itself; a stream that was refused outright is tried again here.
    model.connected = false;
    drawAnswer();
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
}

function drawAnswer() {
  const pill = byId('answer');
  const lacking = !model.connected || model.isSilent;
  let text = 'answers';
  if (!model.connected) text = 'This page has lost its monitor, and tries again';
  else if (model.isSilent) text = `The dispatcher is silent for ${seconds(model.silence)}; what is shown is old`;
  else if (!model.state || !model.state.is_there) text = 'asking';
  else if (model.state.dispatcher.draining) text = 'is stopping';
  setText(pill, text);
  pill.className = `pill ${lacking ? 'dead' : 'alive'}`;
  document.body.classList.toggle('silent', lacking);
  document.title = lacking ? '✕ Monitor' : `Monitor: ${model.state ? model.state.queue.waiting || 0 : 0} waiting`;
}

function drawAll() {
  const { state } = model;
  if (!state || !state.is_there) return;
  drawAnswer();
  setText(byId('name'), state.dispatcher.name === 'dispatcher' ? '' : state.dispatcher.name || '');
  setText(byId('about'), `version ${state.dispatcher.version}, up ${seconds(state.dispatcher.up_s)}`);
  setText(byId('interval'), String(state.interval_s));
  drawCases(model, tellStory);
  drawPicture(model);
  drawTiles(state);
  drawEvents();
  drawTables();
}

function drawTiles(state) {
  const { queue, rates, outcomes, response_time: times } = state;
  const tiles = [
    ['waiting', queue.waiting], ['running', queue.running], ['arriving', rate(rates.accepted_per_s)], ['done', rate(rates.done_per_s)],
    ['p50', seconds(times.p50)], ['p95', seconds(times.p95)], ['p99', seconds(times.p99)], ['done so far', outcomes.done],
    ['failed', outcomes.failed], ['expired', outcomes.expired], ['cancelled', outcomes.cancelled], ['refused', state.refused]];
  const list = byId('tiles');
  if (list.childElementCount !== tiles.length) {
    replace(list, ...tiles.map(([name]) => element('div', {}, element('dt', {}, name), element('dd', { 'data-tile': name }))));
  }
  tiles.forEach(([, value], index) => setText(list.children[index].lastChild, String(value)));
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
  const first = `${shown.length ? shown[0][0] : 0} ${shown.length ? shown[shown.length - 1][0] : 0} ${shown.length} ${model.state.life}`;
  const missed = model.state.events_missed;
  setText(byId('event-note'), `${chosen.length} of ${model.events.length}${missed ? `; ${missed} more came too thick to be told` : ''}`);
  if (list.dataset.shown === first) return;
  list.dataset.shown = first;
  replace(list, ...shown.map(([number, at, kind, style, text, , task]) => {
    const words = task ? element('button', { class: 'link', type: 'button', title: task, click: () => tellStory(task) }, text) : text;
    return element('li', { class: style, 'data-number': number, 'data-kind': kind }, element('time', {}, clock(model, at)),
      element('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[style] || '·'), element('span', { class: 'words' }, words));
  }));
  if (!shown.length) replace(list, element('li', {}, 'none'));
}

function table(node, names, rows) {
  replace(node, element('thead', {}, element('tr', {}, ...names.map((name) => element('th', { scope: 'col' }, name)))),
    element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map((cell, index) => element(index ? 'td' : 'th', index ? {} : { scope: 'row' }, String(cell)))))));
}

function drawTables() {
  if (!model.state) return;
  if (byId('calculator-details').open) {
    table(byId('calculator-table'), ['name', 'state', 'held', 'places', 'done', 'failed', 'lost', 'outages', 'p50', 'p95', 'silent for', 'heartbeat every', 'address'],
      [...model.calculators.values()].slice(0, 500).map((one) => [one.name, one.state, one.held, one.capacity, one.done, one.failed, one.lost, one.outages, seconds(one.p50), seconds(one.p95), seconds(one.silence), seconds(one.interval), one.address]));
  }
  if (byId('client-details').open) {
    table(byId('client-table'), ['name', 'sent', 'waiting', 'running', 'done', 'rate'], model.state.clients.map((row) => [...row.slice(0, 5), rate(row[5])]));
  }
}

async function tellStory(id) {
  const dialog = byId('story');
  setText(byId('story-title'), `Task ${id}`);
  replace(byId('story-text'), element('p', {}, 'asking the dispatcher …'));
  if (!dialog.open) dialog.showModal();
  let lines = ['No answer came. Try again in a moment.'];
  try {
    const answer = await fetch(`task.json?id=${encodeURIComponent(id)}`);
    const told = await answer.json();
    lines = told.story;
  } catch {
    // What is said above holds.
  }
  replace(byId('story-text'), ...lines.map((line) => element('p', { class: line.startsWith('  ') ? 'attempt' : '' }, line.trim())));
}

function pause() {
  const button = byId('pause');
  paused = paused === null ? model.now() : null;
  button.setAttribute('aria-pressed', String(paused !== null));
  setText(button, paused === null ? 'Pause' : 'Go on');
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
byId('calculator-details').addEventListener('toggle', drawTables);
byId('client-details').addEventListener('toggle', drawTables);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { drawLegends(); drawLines(); });
window.addEventListener('resize', drawLines);
drawLegends();
listen();

// What is news is drawn once a frame at the most; the time line goes on between two reports, a few times a second.
let drawnAt = 0;
function frame(at) {
  requestAnimationFrame(frame);
  if (paused !== null || document.hidden) return;
  if (dirty) {
    dirty = false;
    drawAll();
    drawLines();
    drawnAt = at;
  } else if (at - drawnAt > 200) {
    drawLines();
    drawnAt = at;
  }
}
requestAnimationFrame(frame);
