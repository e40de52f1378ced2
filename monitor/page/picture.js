// The picture of the system: clients, the dispatcher with its queue, calculators, and tasks that move between them.

import { byId, calm, count, element, rate, replace, seconds, setText, shape, STATES, svgElement } from './tools.js';

// Up to this many calculators have a box each; more are grouped by state.
const BOXES_MAX = 40;
const QUEUE_SHOWN = 60;
const CLIENTS_SHOWN = 12;
const SLOTS_SHOWN = 12;
// The number of moving tasks after a report. Of more tasks, a sample moves.
const MOVING_MAX = 30;
const WAY_MS = 900;

const boxes = new Map();

export function drawPicture(model) {
  const { state } = model;
  setText(byId('waiting'), String(state.queue.waiting || 0));
  setText(byId('running'), String(state.queue.running || 0));
  setText(byId('oldest'), state.queue.oldest_s ? `oldest ${seconds(state.queue.oldest_s)}` : 'the queue is empty');
  drawQueue(state.queue.waiting || 0);
  drawClients(state);
  drawCalculators(model);
  setText(byId('states'), STATES.filter((name) => state.states[name]).map((name) => `${state.states[name]} ${name}`).join(', '));
}

function drawQueue(waiting) {
  const queue = byId('queue');
  const shown = Math.min(waiting, QUEUE_SHOWN);
  while (queue.childElementCount < shown) queue.append(element('i'));
  while (queue.childElementCount > shown) queue.lastChild.remove();
  queue.setAttribute('aria-label', `${count(waiting, 'task')} in the queue`);
}

function drawClients(state) {
  const shown = state.clients.slice(0, CLIENTS_SHOWN).sort((one, other) => (one[0] < other[0] ? -1 : 1));
  const items = shown.map(([name, , waiting, running, done, speed]) => element('li', { 'data-client': name, title: name },
    element('b', {}, name), element('br'), `done ${done}, ${rate(speed)}`, element('br'), `open ${waiting + running}`));
  const others = state.clients_number - shown.length;
  if (others > 0) items.push(element('li', {}, `and ${count(others, 'more client')}`));
  if (!items.length) items.push(element('li', {}, 'none yet'));
  replace(byId('client-list'), ...items);
}

function drawCalculators(model) {
  const list = byId('calculator-list');
  const members = [...model.calculators.values()];
  const grouped = members.length > BOXES_MAX;
  if (list.classList.contains('grouped') !== grouped) {
    list.classList.toggle('grouped', grouped);
    list.replaceChildren();
    boxes.clear();
  }
  if (grouped) drawGroups(list, members);
  else drawBoxes(list, members, model);
  if (!members.length) replace(list, element('li', { class: 'left' }, 'none is registered'));
}

function drawBoxes(list, members, model) {
  if (!boxes.size) list.replaceChildren();
  const names = new Set(members.map((one) => one.name));
  for (const [name, box] of boxes) {
    if (!names.has(name)) {
      box.item.remove();
      boxes.delete(name);
    }
  }
  for (const one of members) {
    let box = boxes.get(one.name);
    if (!box) {
      box = { item: element('li', { 'data-calculator': one.name }), state: '', words: element('span', { class: 'word' }), places: element('div', { class: 'places', 'aria-hidden': 'true' }) };
      box.item.append(element('b', {}, one.name), box.words, box.places);
      boxes.set(one.name, box);
    }
    const look = `${one.state}${one.capacity === 1 ? ' single' : ''}`;
    if (box.state !== look) {
      box.item.className = look;
      box.item.querySelector('.shape')?.remove();
      box.item.prepend(shape(one.state));
      box.state = look;
    }
    setText(box.words, words(one, model));
    drawPlaces(box.places, one);
  }
  members.sort((one, other) => (one.name < other.name ? -1 : 1)).forEach((one, index) => {
    const { item } = boxes.get(one.name);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] || null);
  });
}

function words(one, model) {
  const since = seconds(Math.max(0, model.now() - one.since));
  if (one.state === 'dead') return `DEAD for ${since}`;
  if (one.state === 'suspect') return `suspect for ${since}`;
  if (one.state === 'left') return 'left';
  const note = one.note ? `, ${one.note}` : '';
  if (one.capacity === 1 && !one.draining) return `${one.held ? 'busy' : 'idle'}${note}`;
  return `${one.held} of ${one.capacity} busy${one.draining ? ', draining' : ''}${note}`;
}

function drawPlaces(places, one) {
  const alive = one.state === 'alive' || one.state === 'suspect';
  const shown = alive ? Math.min(one.capacity, SLOTS_SHOWN) : 0;
  const taken = one.capacity ? Math.ceil((one.held * shown) / one.capacity) : 0;
  while (places.childElementCount < shown) places.append(element('i'));
  while (places.childElementCount > shown) places.lastChild.remove();
  [...places.children].forEach((place, index) => place.classList.toggle('taken', index < taken));
}

function drawGroups(list, members) {
  replace(list, ...STATES.filter((state) => members.some((one) => one.state === state)).map((state) => {
    const group = members.filter((one) => one.state === state);
    const slots = group.reduce((sum, one) => sum + one.capacity, 0);
    const mosaic = element('div', { class: 'mosaic', 'aria-hidden': 'true' }, ...group.map(() => shape(state)));
    const named = state === 'dead' || state === 'suspect' ? `: ${group.slice(0, 8).map((one) => one.name).join(', ')}${group.length > 8 ? ' …' : ''}` : '';
    return element('li', { class: state, 'data-group': state }, element('b', {}, `${group.length} ${state}${named}`),
      element('span', { class: 'word' }, ` ${slots} slots`), mosaic);
  }));
}

// Tasks move to a calculator, back to their client, or after a lost attempt back to the queue.

export function moveTasks(model) {
  const { attempts } = model.fresh;
  const svg = byId('moving');
  if (calm.matches || document.hidden) return;
  const moves = [];
  for (const [, id, , , calculator, began, ended, end] of attempts) {
    if (end === 'result') {
      moves.push([ended, calculator, 'client', id]);
      if (model.now() - began < 3) moves.push([began, 'queue', calculator, id]);
    } else if (end !== 'withdrawn') moves.push([ended, calculator, 'queue', id]);
  }
  for (const one of model.calculators.values()) {
    for (const [id, , began] of one.running) {
      if (model.now() - began < model.state.interval_s + 0.2) moves.push([began, 'queue', one.name, id]);
    }
  }
  const lost = moves.filter((move) => move[2] === 'queue').slice(0, MOVING_MAX);
  const rest = moves.filter((move) => move[2] !== 'queue');
  const step = Math.max(1, Math.ceil(rest.length / MOVING_MAX));
  const shown = [...lost, ...rest.filter((_, index) => index % step === 0)];
  const missed = model.state.attempts_missed;
  const note = byId('sampled');
  note.hidden = step === 1 && !missed;
  setText(note, `Too many tasks to draw each: ${step > 1 ? `one in ${step} is shown moving` : 'a sample is shown moving'}${missed ? `; ${missed} attempts were not reported` : ''}.`);
  const oldest = Math.min(...shown.map((move) => move[0]));
  for (const move of shown) {
    // With the original delays between the moves.
    setTimeout(() => fly(svg, move), Math.min(2000, Math.max(0, (move[0] - oldest) * 1000)));
  }
}

function placeOf(svg, what, id) {
  let node = null;
  if (what === 'queue') node = byId('queue');
  else if (what === 'client') node = document.querySelector(`[data-client="${CSS.escape(id.split(':')[0])}"]`) || byId('client-list');
  else {
    const box = boxes.get(what);
    node = box ? box.item : byId('calculator-list').firstElementChild;
  }
  if (!node) return null;
  const frame = svg.getBoundingClientRect();
  const place = node.getBoundingClientRect();
  const x = what === 'client' ? place.right : place.left + (what === 'queue' ? place.width / 2 : 0);
  return { x: x - frame.left, y: place.top + Math.min(place.height, 60) / 2 - frame.top };
}

function fly(svg, [, from, to, id]) {
  const start = placeOf(svg, from, id);
  const end = placeOf(svg, to, id);
  if (!start || !end || svg.childElementCount > 4 * MOVING_MAX) return;
  let kind = 'assign';
  if (to === 'client') kind = 'home';
  else if (to === 'queue') kind = 'lost';
  const dot = svgElement('circle', { r: kind === 'lost' ? 7 : 5, class: kind, cx: 0, cy: 0 });
  svg.append(dot);
  const way = dot.animate(
    [{ transform: `translate(${start.x}px, ${start.y}px)` }, { transform: `translate(${end.x}px, ${end.y}px)` }],
    { duration: kind === 'lost' ? 2 * WAY_MS : WAY_MS, easing: 'ease-in-out' });
  way.onfinish = () => dot.remove();
  way.oncancel = () => dot.remove();
}

// Failed calculators and the fates of their tasks.

export function drawCases(model, link) {
  const list = byId('case-list');
  const { cases } = model.state;
  if (!cases.length) {
    replace(list, element('p', { class: 'well' }, 'No calculator failed since this monitor started.'));
    return;
  }
  // First the calculators that are dead now, then the latest failure of each other one.
  const latest = cases.filter((one, index) => cases.findIndex((other) => other.calculator === one.calculator) === index);
  const isDead = (one) => one.is_death && (model.calculators.get(one.calculator) || { state: 'dead' }).state === 'dead';
  const dead = latest.filter(isDead).slice(0, 8);
  const others = latest.filter((one) => !isDead(one)).slice(0, Math.max(1, 4 - dead.length));
  const items = [...dead.map((one) => drawCase(one, true, link)), ...others.map((one) => drawCase(one, false, link))];
  // Replace the list only after a change, so that a screen reader does not start again.
  const text = items.map((item) => item.dataset.text).join('|');
  if (list.dataset.text !== text) {
    list.dataset.text = text;
    replace(list, ...items);
  }
  list.querySelectorAll('[data-at]').forEach((node) => setText(node, seconds(Math.max(0, model.now() - Number(node.dataset.at)))));
}

function drawCase(one, isDead, link) {
  const age = element('span', { 'data-at': one.at });
  let heading = ['↻ ', `${one.calculator} restarted `, age, ' ago without its tasks'];
  if (isDead) heading = ['✕ ', `${one.calculator} has been dead for `, age];
  else if (one.is_death) heading = ['↻ ', `${one.calculator} died `, age, ' ago and is back'];
  const item = element('div', { class: `case${isDead ? '' : ' crash older'}`, 'data-case': one.calculator }, element('h3', {}, ...heading));
  const silent = one.is_death && one.silence_s ? `Silent for ${seconds(one.silence_s)}. ` : '';
  const number = one.tasks.length + one.more;
  item.append(element('p', {}, `${silent}It had ${number ? count(number, 'task') : 'no task'}${number ? ':' : '.'}`));
  const fates = element('ul', {}, ...one.tasks.map((fate) => drawFate(one, fate, link)));
  if (one.more) fates.append(element('li', {}, `and ${one.more} more`));
  item.append(fates);
  item.dataset.text = `${one.calculator} ${one.at} ${isDead} ${[...fates.children].map((node) => node.textContent).join(' ')}`;
  return item;
}

function drawFate(one, [id, name, what, calculator, attempt, outcome, at], link) {
  const later = at > one.at ? `${seconds(at - one.at)} later` : 'before the failure was detected';
  let mark = '…';
  let text = 'is waiting for another calculator';
  let kind = what;
  if (what === 'runs') {
    mark = '▶';
    text = `is running on ${calculator} (attempt ${attempt})`;
  } else if (what === 'over' && outcome === 'done') {
    mark = '✓';
    text = calculator ? `was done by ${calculator} ${later} (attempt ${attempt})` : 'was done';
  } else if (what === 'over') {
    mark = '✕';
    kind = 'bad';
    text = outcome === 'forgotten' ? 'ended long ago' : `${outcome} ${later}`;
  }
  return element('li', { 'data-task': id, 'data-fate': what === 'over' ? outcome : what },
    element('span', { class: `fate ${kind}`, 'aria-hidden': 'true' }, mark),
    element('span', { class: 'what' }, link(id, name), ` ${text}`));
}
