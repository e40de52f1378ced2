// The report of a what-if question: a table of points, curves of the response time with bands, and distributions. What
// draws them is the monitor's chart code, which stands above this in the page.

const report = JSON.parse(byId('report').textContent);
const SERIES = [['mean', 'runs', []], ['p50', 'done', []], ['p95', 'suspect', [5, 3]], ['p99', 'dead', [2, 3]]];

const digits = (value) => String(Number(value.toPrecision(3)));
const span = (leaf) => (leaf === null ? '–' : leaf.low === null ? digits(leaf.value) : `${digits(leaf.value)} (${digits(leaf.low)} to ${digits(leaf.high)})`);
const share = (leaf) => (leaf === null ? '–' : `${digits(100 * leaf.value)} %`);
const named = (point) => Object.entries(point.settings).map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ') || 'the scenario';
const time = (point, statistic) => point.measures.response_time_s[statistic];

function chart(title, draw, legend = []) {
  const canvas = element('canvas', { role: 'img', tabindex: '0' });
  byId('charts').append(element('section', {}, element('h2', {}, title), ...legend, canvas));
  draw(canvas);
  addEventListener('resize', () => draw(canvas));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(canvas));
}

// One series of each statistic over the values of the key that has most; a chart for each combination of the other keys.
function curves(measured) {
  const count = (name) => new Set(measured.map((point) => JSON.stringify(point.settings[name]))).size;
  const [key] = [...report.keys].sort((one, other) => count(other) - count(one));
  if (!key || !measured.every((point) => typeof point.settings[key] === 'number')) return;
  const rest = (point) => JSON.stringify(Object.entries(point.settings).filter(([name]) => name !== key));
  for (const others of new Set(measured.map(rest))) {
    const points = measured.filter((point) => rest(point) === others).sort((one, other) => one.settings[key] - other.settings[key]);
    if (points.length < 2) continue;
    const [from, to] = [points[0].settings[key], points[points.length - 1].settings[key]];
    const series = SERIES.map(([name, shade, dash]) => ({
      name, colour: shade, dash, points: points.map((point) => [point.settings[key], time(point, name).value]),
      band: points.filter((point) => time(point, name).low !== null).map((point) => [point.settings[key], time(point, name).low, time(point, name).high]),
    }));
    const also = JSON.parse(others).map(([name, value]) => `, ${name} ${JSON.stringify(value)}`).join('');
    const legend = element('p', { class: 'row' }, ...SERIES.map(([name, shade]) => element('span', { class: 'key', style: `color: var(--${shade})` }, name)));
    chart(`Response time in s by ${key}${also}`, (canvas) => plot(canvas, series,
      { from, to, labels: [`${key} ${from}`, String(to)], name: (at) => `${key} ${at}` }, (value) => seconds(value)), [legend]);
  }
}

function table() {
  const head = element('tr', {}, ...['', 'mean, s', 'p50, s', 'p95, s', 'p99, s', 'busy', 'out of order', 'answered', 'replications'].map((name) => element('th', { scope: 'col' }, name)));
  const rows = report.points.map((point) => element('tr', {}, element('th', { scope: 'row' }, named(point)), ...(point.measures === null
    ? [element('td', { colspan: '7' }, point.reason ? `unstable: ${point.reason}` : 'nothing was measured')]
    : [...['mean', 'p50', 'p95', 'p99'].map((name) => element('td', {}, span(time(point, name)))),
      ...['busy_share', 'out_of_order_share', 'answered_share'].map((name) => element('td', {}, share(point.measures[name])))]),
  element('td', {}, `${point.replications}${point.precision_reached ? '' : ' *'}`)));
  byId('points').append(element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows)),
    element('p', { class: 'note' }, 'In parentheses: 95 % confidence intervals. * less precise than asked'));
}

const measured = report.points.filter((point) => point.measures !== null && point.measures.response_time_s.mean !== null);
setText(byId('command'), report.command);
setText(byId('answer'), report.lines.join('\n'));
setText(byId('scenario'), JSON.stringify(report.scenario, null, 2));
table();
curves(measured);
for (const point of measured) chart(`Response times: ${named(point)}`, (canvas) => drawTimes(canvas, point.times));
