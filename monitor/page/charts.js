// Curves with confidence bands, and the histogram of response times. A tip shows the values at the pointer. Used by the
// page of the monitor and the report of the planner.

import { byId, colour, hideTip, prepared, rate, seconds, showTip } from './tools.js';

const SPAN_S = 300;
const LEFT = 34;
const BOTTOM = 16;
// Room for the last label of the histogram.
const RIGHT = 34;

// The canvas under the pointer, and the position.
const pointer = { canvas: null, x: 0, clientX: 0, clientY: 0 };
// Canvas -> the function that redraws it.
const redraws = new Map();

function watch(canvas, redraw) {
  const isNew = !redraws.has(canvas);
  redraws.set(canvas, redraw);
  if (!isNew) return;
  canvas.addEventListener('pointermove', (event) => {
    Object.assign(pointer, { canvas, x: event.clientX - canvas.getBoundingClientRect().left, clientX: event.clientX, clientY: event.clientY });
    redraws.get(canvas)();
  });
  canvas.addEventListener('pointerleave', () => {
    pointer.canvas = null;
    hideTip();
    redraws.get(canvas)();
  });
}

function niceMax(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function line(context, x, top, bottom) {
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, bottom);
  context.stroke();
}

// Curves of the period before `end`.
function curve(canvas, series, end, shown) {
  const span = Math.min(SPAN_S, Math.max(60, ...series.flatMap((one) => one.points.slice(0, 1).map((point) => end - point[0]))));
  plot(canvas, series, { from: end - span, to: end, labels: [`−${Math.round(span)} s`, 'now'], name: (at) => `${seconds(Math.max(0, end - at))} ago` }, shown);
}

function band(context, points, x, y) {
  context.globalAlpha = 0.18;
  context.beginPath();
  points.forEach(([at, low], index) => (index ? context.lineTo(x(at), y(low)) : context.moveTo(x(at), y(low))));
  [...points].reverse().forEach(([at, , high]) => context.lineTo(x(at), y(high)));
  context.fill();
  context.globalAlpha = 1;
}

// Each series has `points` [x, value] and may have a `band` [x, low, high]; `axis` is {from, to, labels, name}.
export function plot(canvas, series, axis, shown) {
  watch(canvas, () => plot(canvas, series, axis, shown));
  const { context, width, height } = prepared(canvas);
  const top = niceMax(Math.max(1e-9, ...series.flatMap((one) => [...one.points.map((point) => point[1]), ...(one.band || []).map((point) => point[2])])));
  const span = axis.to - axis.from || 1;
  const x = (at) => LEFT + ((at - axis.from) / span) * (width - LEFT - 4);
  const y = (value) => height - BOTTOM - (value / top) * (height - BOTTOM - 8);
  context.strokeStyle = colour('grid');
  context.fillStyle = colour('faint');
  context.textAlign = 'right';
  for (const share of [0, 0.5, 1]) {
    context.beginPath();
    context.moveTo(LEFT, y(top * share));
    context.lineTo(width, y(top * share));
    context.stroke();
    context.fillText(String(Number((top * share).toPrecision(3))), LEFT - 5, y(top * share) + 4);
  }
  context.textAlign = 'left';
  context.fillText(axis.labels[0], LEFT, height - 3);
  context.textAlign = 'right';
  context.fillText(axis.labels[1], width - 2, height - 3);
  for (const one of series) {
    context.fillStyle = colour(one.colour);
    if (one.band) band(context, one.band, x, y);
    context.strokeStyle = colour(one.colour);
    context.lineWidth = 2;
    context.setLineDash(one.dash || []);
    context.beginPath();
    one.points.forEach(([at, value], index) => (index ? context.lineTo(x(at), y(value)) : context.moveTo(x(at), y(value))));
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
  }
  const latest = series.map((one) => `${one.name} ${shown(one.points.length ? one.points[one.points.length - 1][1] : 0)}`);
  canvas.setAttribute('aria-label', latest.join(', '));
  if (pointer.canvas === canvas && series.every((one) => one.points.length)) {
    const at = axis.from + ((pointer.x - LEFT) / (width - LEFT - 4)) * span;
    const near = series.map((one) => one.points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best), one.points[0]));
    context.strokeStyle = colour('faint');
    line(context, x(near[0][0]), 4, height - BOTTOM);
    series.forEach((one, index) => {
      context.fillStyle = colour(one.colour);
      context.beginPath();
      context.arc(x(near[index][0]), y(near[index][1]), 3.5, 0, 7);
      context.fill();
    });
    showTip(pointer, [axis.name(near[0][0]), ...series.map((one, index) => `${one.name} ${shown(near[index][1])}`)].join('\n'));
  }
}

// The rate of a counter over about 4 s, so that a single task causes no spike.
function rates(samples, column) {
  const points = [];
  let back = 0;
  for (let index = 1; index < samples.length; index += 1) {
    while (samples[index][0] - samples[back + 1][0] >= 4) back += 1;
    const passed = samples[index][0] - samples[back][0];
    if (passed > 0) points.push([samples[index][0], (samples[index][column] - samples[back][column]) / passed]);
  }
  return points;
}

export function drawCharts(model, end) {
  const samples = model.samples.filter((sample) => sample[0] > end - SPAN_S && sample[0] <= end + 0.5);
  const of = (column) => samples.map((sample) => [sample[0], sample[column]]);
  const whole = (value) => String(Math.round(value));
  curve(byId('rate-chart'), [{ name: 'arriving', points: rates(samples, 1), colour: 'late', dash: [5, 3] },
    { name: 'done', points: rates(samples, 2), colour: 'done' }], end, rate);
  curve(byId('queue-chart'), [{ name: 'waiting', points: of(3), colour: 'late', dash: [5, 3] },
    { name: 'running', points: of(4), colour: 'alive' }], end, whole);
  curve(byId('fleet-chart'), [{ name: 'alive', points: of(5), colour: 'alive' }, { name: 'suspect', points: of(6), colour: 'suspect', dash: [5, 3] },
    { name: 'dead', points: of(7), colour: 'dead', dash: [2, 3] }], end, whole);
  drawTimes(byId('times-chart'), model.state.response_time);
}

export function drawTimes(canvas, times) {
  watch(canvas, () => drawTimes(canvas, times));
  const { context, width, height } = prepared(canvas);
  const { buckets } = times;
  canvas.setAttribute('aria-label', `response times: p50 ${seconds(times.p50)}, p95 ${seconds(times.p95)}, p99 ${seconds(times.p99)}`);
  if (!buckets.length) {
    context.fillStyle = colour('faint');
    context.fillText('no task is done yet', LEFT, height / 2);
    return;
  }
  // The bounds of a bar are about 10 % apart.
  const below = (bound) => bound / 1.1052;
  const low = Math.floor(Math.log10(below(buckets[0][0])));
  const high = Math.ceil(Math.log10(buckets[buckets.length - 1][0]));
  const x = (value) => 6 + ((Math.log10(value) - low) / (high - low)) * (width - 6 - RIGHT);
  const top = Math.max(...buckets.map((bucket) => bucket[1]));
  const base = height - BOTTOM;
  let under = null;
  for (const bucket of buckets) {
    const [bound, number] = bucket;
    const tall = Math.max(1, (number / top) * (base - 38));
    const isUnder = pointer.canvas === canvas && pointer.x >= x(below(bound)) && pointer.x < x(bound);
    if (isUnder) under = bucket;
    context.fillStyle = colour(isUnder ? 'focus' : 'done');
    context.fillRect(x(below(bound)), base - tall, Math.max(1, x(bound) - x(below(bound)) - 1), tall);
  }
  context.fillStyle = colour('faint');
  context.textAlign = 'center';
  for (let power = low; power <= high; power += 1) {
    context.fillText(seconds(10 ** power), Math.min(width - 18, Math.max(18, x(10 ** power))), height - 3);
  }
  // The labels have different heights, and each line begins below its label, so that no line crosses a label.
  context.textAlign = 'left';
  context.strokeStyle = colour('ink');
  context.fillStyle = colour('ink');
  [['p50', [4, 2], 9], ['p95', [4, 2], 20], ['p99', [2, 2], 31]].forEach(([name, dash, y]) => {
    if (times[name] === null) return;
    context.setLineDash(dash);
    line(context, x(times[name]), y + 3, base);
    context.setLineDash([]);
    context.fillText(name, x(times[name]) + 3, y + 3);
  });
  if (pointer.canvas === canvas) {
    const all = ['p50', 'p95', 'p99'].map((name) => `${name} ${seconds(times[name])}`).join('   ');
    showTip(pointer, under ? `${seconds(below(under[0]))} to ${seconds(under[0])}: ${under[1]} of ${times.number}\n${all}` : all);
  }
}
