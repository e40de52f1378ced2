// The time line: a lane for each calculator, attempts as bars, outages as gaps. Usable by pointer and keyboard.

import { byId, colour, hideTip, prepared, seconds, setText, showTip, taskName } from './tools.js';

const LANES_MAX = 40;
// The height of a lane in pixels; few lanes are higher.
const LANE_MIN = 22;
const LANE_MAX = 40;
const LANES_HIGH = 260;
const AXIS = 20;
const SPAN_S = 60;

// End of an attempt -> colour, pattern and text in the legend.
export const LOOKS = {
  done: ['done', 'whole', 'done'],
  failed: ['late', 'crossed', 'error'],
  late: ['late', 'hatched', 'no answer in time'],
  lost: ['lost', 'crossed', 'lost: its calculator failed'],
  revoked: ['revoked', 'outlined', 'withdrawn: the task had ended'],
  runs: ['runs', 'open', 'running'],
};
const KINDS = { result: 'done', error: 'failed', timed_out: 'late', withdrawn: 'revoked' };

export const kindOf = (end) => (end === null ? 'runs' : KINDS[end] || 'lost');

export class TimeLine {
  constructor(model, showHistory) {
    this.model = model;
    this.showHistory = showHistory;
    this.canvas = byId('lanes');
    this.filter = byId('lane-filter');
    this.bars = [];
    this.chosen = null;
    this.end = 0;
    this.lane = LANE_MIN;
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('click', (event) => { this.point(event); this.open(); });
    this.canvas.addEventListener('pointerleave', hideTip);
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    this.filter.addEventListener('input', () => this.draw(this.end));
  }

  lanes() {
    const wanted = this.filter.value.trim().toLowerCase();
    const all = [...new Set([...this.model.calculators.keys(), ...this.model.spells.keys()])].filter((name) => name.toLowerCase().includes(wanted));
    all.sort();
    if (all.length <= LANES_MAX) {
      setText(byId('lane-note'), '');
      return all;
    }
    // The calculators with the latest failures, sorted by name.
    const trouble = (name) => { const spells = this.model.spells.get(name) || []; return spells.length > 1 ? spells[spells.length - 1][0] : 0; };
    const shown = [...all].sort((one, other) => trouble(other) - trouble(one)).slice(0, LANES_MAX).sort();
    setText(byId('lane-note'), `${LANES_MAX} of ${all.length} lanes, those with the latest failures`);
    return shown;
  }

  draw(end) {
    this.end = end;
    const lanes = this.lanes();
    this.lane = Math.round(Math.min(LANE_MAX, Math.max(LANE_MIN, LANES_HIGH / Math.max(1, lanes.length))));
    const { lane } = this;
    const { context, width, height } = prepared(this.canvas, lanes.length * lane + AXIS + 4);
    const left = Math.min(150, Math.max(70, ...lanes.map((name) => context.measureText(name).width + 14)));
    const span = width < 500 ? SPAN_S / 2 : SPAN_S;
    const x = (at) => left + ((at - (end - span)) / span) * (width - left - 6);
    const ink = colour('ink');
    const places = new Map(lanes.map((name, index) => [name, index * lane]));
    this.drawGrid(context, x, end, span, left, width, height);
    lanes.forEach((name, index) => {
      context.fillStyle = ink;
      context.fillText(fitted(context, name, left - 10), 2, index * lane + lane / 2 + 4);
      this.drawSpells(context, name, index * lane, x, end, span, left, width);
    });
    this.bars = [];
    for (const [, id, , attempt, calculator, began, ended, how] of this.model.attempts) {
      if (ended >= end - span && began <= end && places.has(calculator)) this.bars.push({ id, attempt, calculator, began, ended, how });
    }
    for (const one of this.model.calculators.values()) {
      if (!places.has(one.name)) continue;
      // A report covers only a part of a large fleet; the later state of the others is unknown.
      const until = Math.min(end, this.model.now(), one.at + 2 * this.model.state.interval_s);
      for (const [id, attempt, began] of one.running) {
        if (began <= until) this.bars.push({ id, attempt, calculator: one.name, began, ended: until, how: null });
      }
    }
    this.stack(places);
    for (const bar of this.bars) this.drawBar(context, bar, x, left);
    if (this.chosen && !this.bars.some((bar) => same(bar, this.chosen))) this.chosen = null;
  }

  // Overlapping attempts of a lane are in different rows, at most one row per slot. Times come from several reports, so
  // two attempts of a slot may seem to overlap.
  stack(places) {
    const rows = new Map();
    this.bars.sort((one, other) => one.began - other.began);
    for (const bar of this.bars) {
      const ends = rows.get(bar.calculator) || [];
      let row = ends.findIndex((at) => at <= bar.began + 0.001);
      const slots = (this.model.calculators.get(bar.calculator) || { capacity: 1 }).capacity;
      if (row < 0) row = ends.length < slots ? ends.length : ends.indexOf(Math.min(...ends));
      ends[row] = bar.ended;
      rows.set(bar.calculator, ends);
      bar.row = row;
    }
    for (const bar of this.bars) {
      const number = Math.min(6, rows.get(bar.calculator).length);
      const tall = (this.lane - 6) / number;
      bar.y = places.get(bar.calculator) + 3 + (bar.row % number) * tall;
      bar.tall = Math.max(2, tall - 1);
    }
  }

  drawGrid(context, x, end, span, left, width, height) {
    context.strokeStyle = colour('grid');
    context.fillStyle = colour('faint');
    context.lineWidth = 1;
    const step = span > 30 ? 10 : 5;
    for (let back = 0; back <= span; back += step) {
      const at = x(end - back);
      context.beginPath();
      context.moveTo(at, 0);
      context.lineTo(at, height - AXIS);
      context.stroke();
      context.textAlign = back ? 'center' : 'right';
      context.fillText(back ? `−${back} s` : 'now', at, height - 6);
    }
    context.textAlign = 'left';
  }

  drawSpells(context, name, top, x, end, span, left, width) {
    const spells = this.model.spells.get(name) || [];
    context.fillStyle = colour('grid');
    const high = this.lane;
    const first = spells.length ? Math.max(left, x(spells[0][0])) : left;
    context.fillRect(first, top + high / 2 - 1, Math.max(0, width - 6 - first), 2);
    spells.forEach(([since, state], index) => {
      const until = index + 1 < spells.length ? spells[index + 1][0] : end;
      const from = Math.max(left, x(since));
      const to = Math.min(width - 6, x(until));
      if (state === 'alive' || to < left || from > width) {
        if (state === 'alive' && index && since > end - span && since < end) tick(context, x(since), top, high, colour('suspect'));
        return;
      }
      context.fillStyle = colour(`${state}-soft`);
      context.fillRect(from, top + 1, to - from, high - 2);
      context.strokeStyle = colour(state);
      context.setLineDash(state === 'dead' ? [] : [3, 3]);
      context.strokeRect(from + 0.5, top + 1.5, Math.max(1, to - from - 1), high - 3);
      context.setLineDash([]);
      if (to - from > 34) {
        context.fillStyle = colour(state);
        context.fillText(state, from + 5, top + high / 2 + 4);
      }
    });
  }

  drawBar(context, bar, x, left) {
    const [name, pattern] = LOOKS[kindOf(bar.how)];
    const from = Math.max(left, x(bar.began));
    const wide = Math.max(2.5, x(bar.ended) - from);
    bar.x = from;
    bar.wide = wide;
    paintBar(context, colour(name), pattern, from, bar.y, wide, bar.tall);
    if (this.chosen && same(bar, this.chosen)) {
      context.strokeStyle = colour('focus');
      context.lineWidth = 3;
      context.strokeRect(from - 2, bar.y - 2, wide + 4, bar.tall + 4);
      context.lineWidth = 1;
    }
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const px = event.clientX - box.left;
    const py = event.clientY - box.top;
    const hit = this.bars.filter((bar) => px >= bar.x - 2 && px <= bar.x + bar.wide + 2 && py >= bar.y - 1 && py <= bar.y + bar.tall + 2);
    if (hit.length) {
      this.choose(hit[hit.length - 1]);
      showTip(event, this.words(this.chosen));
    } else {
      hideTip();
      if (event.type === 'click') this.chosen = null;
    }
  }

  choose(bar) {
    if (this.chosen && same(bar, this.chosen)) return;
    this.chosen = bar;
    setText(byId('lane-detail'), this.words(bar));
    this.draw(this.end);
  }

  words(bar) {
    const how = bar.how === null ? `running for ${seconds(this.model.now() - bar.began)}` : `${seconds(bar.ended - bar.began)}, ${this.model.ends[bar.how] || bar.how}`;
    return `${taskName(bar.id)}, attempt ${bar.attempt} on ${bar.calculator}: ${how}.`;
  }

  key(event) {
    const lanes = this.lanes();
    const { key } = event;
    if (key === 'Enter' || key === ' ') this.open();
    else if (['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].includes(key)) this.walk(key, lanes);
    else return;
    event.preventDefault();
  }

  walk(key, lanes) {
    if (!this.bars.length) return;
    if (!this.chosen) {
      this.choose(this.bars[this.bars.length - 1]);
      return;
    }
    const lane = lanes.indexOf(this.chosen.calculator);
    const of = (name) => this.bars.filter((bar) => bar.calculator === name);
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const own = of(this.chosen.calculator);
      const index = own.findIndex((bar) => same(bar, this.chosen)) + (key === 'ArrowRight' ? 1 : -1);
      if (own[index]) this.choose(own[index]);
      return;
    }
    const step = key === 'ArrowDown' ? 1 : -1;
    for (let next = lane + step; next >= 0 && next < lanes.length; next += step) {
      const others = of(lanes[next]);
      if (others.length) {
        const near = (bar) => Math.abs(bar.began - this.chosen.began);
        this.choose(others.reduce((best, bar) => (near(bar) < near(best) ? bar : best)));
        return;
      }
    }
  }

  open() {
    if (this.chosen) this.showHistory(this.chosen.id);
  }
}

const same = (one, other) => one.id === other.id && one.attempt === other.attempt && one.calculator === other.calculator;

function tick(context, x, top, high, ink) {
  context.fillStyle = ink;
  context.fillRect(x - 1.5, top, 3, high);
}

function fitted(context, text, width) {
  let shown = text;
  while (shown.length > 3 && context.measureText(shown).width > width) shown = shown.slice(0, -2);
  return shown === text ? text : `${shown}…`;
}

export function paintBar(context, ink, pattern, x, y, wide, tall) {
  context.fillStyle = ink;
  context.strokeStyle = ink;
  if (pattern === 'whole') {
    context.fillRect(x, y, wide, tall);
    return;
  }
  context.globalAlpha = 0.3;
  if (pattern !== 'outlined') context.fillRect(x, y, wide, tall);
  context.globalAlpha = 1;
  context.setLineDash(pattern === 'outlined' ? [2, 2] : []);
  context.strokeRect(x + 0.5, y + 0.5, Math.max(1, wide - 1), Math.max(1, tall - 1));
  context.setLineDash([]);
  if (pattern === 'crossed') {
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x + wide, y - 1);
    context.lineTo(x + wide, y + tall + 1);
    const arm = Math.min(5, wide / 2, tall / 2);
    context.moveTo(x + wide - 2 * arm, y + tall / 2 - arm);
    context.lineTo(x + wide, y + tall / 2 + arm);
    context.moveTo(x + wide - 2 * arm, y + tall / 2 + arm);
    context.lineTo(x + wide, y + tall / 2 - arm);
    context.stroke();
    context.lineWidth = 1;
  } else if (pattern === 'hatched') {
    context.save();
    context.beginPath();
    context.rect(x, y, wide, tall);
    context.clip();
    context.beginPath();
    for (let at = x - tall; at < x + wide; at += 5) {
      context.moveTo(at, y + tall);
      context.lineTo(at + tall, y);
    }
    context.stroke();
    context.restore();
  }
}
