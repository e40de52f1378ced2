// Curves of the last minutes, and the histogram of response times.

import { byId, colour, prepared, rate, seconds } from './tools.js';

const SPAN_S = 300;
const LEFT = 34;
const BOTTOM = 16;

function niceMax(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function curve(canvas, series, end, label) {
  const { context, width, height } = prepared(canvas);
  const top = niceMax(Math.max(1e-9, ...series.flatMap((one) => one.points.map((point) => point[1]))));
  const span = Math.min(SPAN_S, Math.max(60, ...series.flatMap((one) => one.points.slice(0, 1).map((point) => end - point[0]))));
  const x = (at) => LEFT + ((at - (end - span)) / span) * (width - LEFT - 4);
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
  context.fillText(`−${Math.round(span)} s`, LEFT, height - 3);
  context.textAlign = 'right';
  context.fillText('now', width - 2, height - 3);
  for (const one of series) {
    context.strokeStyle = colour(one.colour);
    context.lineWidth = 2;
    context.setLineDash(one.dash || []);
    context.beginPath();
    one.points.forEach(([at, value], index) => (index ? context.lineTo(x(at), y(value)) : context.moveTo(x(at), y(value))));
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
  }
  canvas.setAttribute('aria-label', label);
}

// The rate between two samples is what grew; over a few seconds, so that one task more or less is no spike.
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
  const last = samples[samples.length - 1] || [0, 0, 0, 0, 0, 0, 0, 0];
  const arrivals = rates(samples, 1);
  const done = rates(samples, 2);
  const latest = (points) => (points.length ? points[points.length - 1][1] : 0);
  curve(byId('rate-chart'), [{ points: arrivals, colour: 'late', dash: [5, 3] }, { points: done, colour: 'done' }], end,
    `tasks a second: arriving ${rate(latest(arrivals))}, done ${rate(latest(done))}`);
  curve(byId('queue-chart'), [{ points: of(3), colour: 'late', dash: [5, 3] }, { points: of(4), colour: 'alive' }], end,
    `waiting ${last[3]}, running ${last[4]}`);
  curve(byId('fleet-chart'), [{ points: of(5), colour: 'alive' }, { points: of(6), colour: 'suspect', dash: [5, 3] }, { points: of(7), colour: 'dead', dash: [2, 3] }], end,
    `alive ${last[5]}, suspect ${last[6]}, dead ${last[7]}`);
  drawTimes(byId('times-chart'), model.state.response_time);
}

function drawTimes(canvas, times) {
  const { context, width, height } = prepared(canvas);
  const buckets = times.buckets.map(([bound, number]) => [bound === null ? 1250 : bound, number]);
  canvas.setAttribute('aria-label', `response times: p50 ${seconds(times.p50)}, p95 ${seconds(times.p95)}, p99 ${seconds(times.p99)}`);
  if (!buckets.length) {
    context.fillStyle = colour('faint');
    context.fillText('no task is done yet', LEFT, height / 2);
    return;
  }
  const low = Math.floor(Math.log10(buckets[0][0] / 1.6));
  const high = Math.ceil(Math.log10(Math.max(buckets[buckets.length - 1][0], times.p99) * 1.01));
  const x = (value) => 6 + ((Math.log10(value) - low) / (high - low)) * (width - 16);
  const top = Math.max(...buckets.map((bucket) => bucket[1]));
  const base = height - BOTTOM;
  context.fillStyle = colour('done');
  for (const [bound, number] of buckets) {
    const tall = Math.max(1, (number / top) * (base - 38));
    context.fillRect(x(bound / 1.25), base - tall, Math.max(1, x(bound) - x(bound / 1.25) - 1), tall);
  }
  context.fillStyle = colour('faint');
  context.textAlign = 'center';
  for (let power = low; power <= high; power += 1) {
    context.fillText(seconds(10 ** power), Math.min(width - 18, Math.max(18, x(10 ** power))), height - 3);
  }
  [['p50', [4, 2], 10], ['p95', [4, 2], 21], ['p99', [2, 2], 32]].forEach(([name, dash, y]) => {
    if (times[name] === null) return;
    const at = x(times[name]);
    context.strokeStyle = colour('ink');
    context.fillStyle = colour('ink');
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(at, y + 2);
    context.lineTo(at, base);
    context.stroke();
    context.setLineDash([]);
    context.textAlign = at > width - 80 ? 'right' : 'left';
    context.fillText(`${name} ${seconds(times[name])}`, at + (at > width - 80 ? -3 : 3), y + 2);
  });
  context.textAlign = 'left';
}
