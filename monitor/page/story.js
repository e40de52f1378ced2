// The history of a task: links, search, and dialog. The fragment of the URL has the id of the shown task.

import { byId, element, replace, setText, taskName } from './tools.js';

const WHOLE = /^[^:]+:[a-z2-7]{8}:\d+$/;
const PREFIX = '#task=';

const addressOf = (id) => PREFIX + encodeURIComponent(id);

export function taskLink(id, text) {
  return element('a', { class: 'link', href: addressOf(id), title: id }, text);
}

export function showHistory(id) {
  if (location.hash === addressOf(id)) open(id);
  else location.hash = addressOf(id);
}

// `name` is a whole id, or client:number of a task of the last minutes.
export function findTask(model, name) {
  if (!name) return;
  if (WHOLE.test(name)) {
    showHistory(name);
    return;
  }
  const id = model.taskIds().find((one) => taskName(one) === name);
  if (id) showHistory(id);
  else show(name, [`No task ${name} was seen in the last minutes. Enter its whole id, NAME:INCARNATION:NUMBER; the client logs it with --log-level debug.`]);
}

export function watchHistory() {
  const follow = () => {
    if (location.hash.startsWith(PREFIX)) open(decodeURIComponent(location.hash.slice(PREFIX.length)));
    else byId('story').close();
  };
  window.addEventListener('hashchange', follow);
  byId('story').addEventListener('close', () => {
    if (location.hash.startsWith(PREFIX)) history.replaceState(null, '', location.pathname + location.search);
  });
  follow();
}

function show(name, lines) {
  const dialog = byId('story');
  setText(byId('story-title'), `Task ${name}`);
  byId('story-link').href = location.hash || '#';
  byId('story-link').hidden = !location.hash;
  replace(byId('story-text'), ...lines.map((line) => element('p', { class: line.startsWith('  ') ? 'attempt' : '' }, line.trim())));
  if (!dialog.open) dialog.showModal();
}

async function open(id) {
  show(taskName(id), ['asking the dispatcher …']);
  let lines = ['No answer. Try again in a moment.'];
  try {
    const answer = await fetch(`task.json?id=${encodeURIComponent(id)}`);
    lines = answer.status === 400 ? ['This is not a task id.'] : (await answer.json()).story;
  } catch {
    // The monitor does not answer.
  }
  if (location.hash === addressOf(id)) show(taskName(id), lines);
}
