// Common functions of the page. A text of another process is always inserted as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'class') made.className = value;
    else if (key === 'click') made.addEventListener('click', value);
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function svgElement(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Each state has a shape beside its colour: a disc, a triangle, a cross, a bar.
const SHAPES = {
  alive: 'M8 1a7 7 0 1 0 .01 0z',
  suspect: 'M8 1 15.5 15H.5zM7 5.5v5h2v-5zM7 11.5v2h2v-2z',
  dead: 'M3.4 1 8 5.6 12.6 1 15 3.4 10.4 8 15 12.6 12.6 15 8 10.4 3.4 15 1 12.6 5.6 8 1 3.4z',
  left: 'M1 6h14v4H1z',
};
export const STATES = ['dead', 'suspect', 'alive', 'left'];

export function shape(state) {
  const made = svgElement('svg', { viewBox: '0 0 16 16', class: `shape ${state}`, 'aria-hidden': 'true' });
  made.append(svgElement('path', { d: SHAPES[state] || SHAPES.left, 'fill-rule': 'evenodd' }));
  return made;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children);
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function seconds(value) {
  if (value === null || value === undefined) return '–';
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 0.995) return `${value.toFixed(2)} s`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 119.5) return `${Math.round(value)} s`;
  const whole = Math.round(value);
  if (value < 5970) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

export const rate = (value) => (value === null || value === undefined ? '–' : `${value.toFixed(value < 100 ? 1 : 0)}/s`);
export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

export function taskName(id) {
  const parts = id.split(':');
  return parts.length === 3 ? `${parts[0]}:${parts[2]}` : id;
}

// The time of day of a time `at` of the monitor's clock.
export function clock(model, at) {
  return new Date(Date.now() - (model.now() - at) * 1000).toLocaleTimeString('en-GB');
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export const calm = matchMedia('(prefers-reduced-motion: reduce)');

// Show a tip beside the pointer, inside the window.
export function showTip({ clientX, clientY }, text) {
  const tip = byId('tip');
  setText(tip, text);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(clientX + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${clientY + 18 + height > innerHeight ? clientY - height - 10 : clientY + 18}px`;
}

export function hideTip() {
  byId('tip').hidden = true;
}

// Fit the resolution of a canvas to its size on the screen; returns its context and its size in CSS pixels.
export function prepared(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 300;
  const tall = height || canvas.clientHeight || 150;
  if (height && canvas.style.height !== `${height}px`) canvas.style.height = `${height}px`;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(tall * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(tall * ratio);
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, tall);
  context.font = '11px system-ui, "DejaVu Sans", sans-serif';
  return { context, width, height: tall };
}
