// Tables of calculators and clients. A click on a heading sorts by its column, a second click reverses the order.

import { byId, element, rate, replace, seconds } from './tools.js';

const ROWS_MAX = 500;
const plain = String;

// Heading, key of the value in a row, and formatter.
const CALCULATORS = [
  ['name', 'name', plain], ['state', 'state', plain], ['held', 'held', plain], ['slots', 'capacity', plain], ['done', 'done', plain],
  ['failed', 'failed', plain], ['lost', 'lost', plain], ['outages', 'outages', plain], ['p50', 'p50', seconds], ['p95', 'p95', seconds],
  ['silent for', 'silence', seconds], ['heartbeat every', 'interval', seconds], ['address', 'address', plain], ['note', 'note', plain]];
const CLIENTS = [
  ['name', 0, plain], ['sent', 1, plain], ['waiting', 2, plain], ['running', 3, plain], ['done', 4, plain], ['done a second', 5, rate]];

const TABLES = [
  { name: 'calculator', columns: CALCULATORS, rows: (model) => [...model.calculators.values()], by: 0, isDescending: false },
  { name: 'client', columns: CLIENTS, rows: (model) => model.state.clients, by: 0, isDescending: false }];

function compare(one, other) {
  if (typeof one === 'string' && typeof other === 'string') return one.localeCompare(other, 'en', { numeric: true });
  return (one ?? -1) - (other ?? -1);
}

function drawTable(table, model) {
  const node = byId(`${table.name}-table`);
  if (!node.tHead) {
    const head = element('tr', {}, ...table.columns.map(([heading], index) => element('th', { scope: 'col' },
      element('button', { class: 'sort', type: 'button', click: () => sort(table, index, model) }, heading))));
    node.append(element('thead', {}, head), element('tbody'));
  }
  [...node.tHead.rows[0].cells].forEach((cell, index) => {
    if (index !== table.by) cell.removeAttribute('aria-sort');
    else cell.setAttribute('aria-sort', table.isDescending ? 'descending' : 'ascending');
  });
  const [, key] = table.columns[table.by];
  const rows = table.rows(model).slice().sort((one, other) => compare(one[key], other[key]) * (table.isDescending ? -1 : 1));
  replace(node.tBodies[0], ...rows.slice(0, ROWS_MAX).map((row) => element('tr', {}, ...table.columns.map(([, column, shown], index) => (
    element(index ? 'td' : 'th', index ? {} : { scope: 'row' }, shown(row[column] ?? null)))))));
}

function sort(table, index, model) {
  table.isDescending = table.by === index ? !table.isDescending : index > 0;
  table.by = index;
  drawTable(table, model);
}

export function drawTables(model) {
  if (!model.state) return;
  for (const table of TABLES) if (byId(`${table.name}-details`).open) drawTable(table, model);
}

export function watchTables(model) {
  for (const table of TABLES) byId(`${table.name}-details`).addEventListener('toggle', () => drawTables(model));
}
