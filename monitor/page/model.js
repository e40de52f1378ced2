// The data of the page: the latest state, and the events, attempts and samples of the last ten minutes.

export const KEPT_S = 600;
const ATTEMPTS_KEPT = 12000;
const EVENTS_KEPT = 2000;

const COLUMNS = ['name', 'state', 'since', 'capacity', 'held', 'done', 'failed', 'lost', 'outages', 'p50', 'p95', 'silence',
  'interval', 'draining', 'running', 'address', 'at', 'note'];
// The state of a calculator after an event.
const STATE_EVENTS = {
  registered: 'alive', returned: 'alive', recovered: 'alive', suspected: 'suspect', died: 'dead', left: 'left',
};

export class Model {
  constructor() {
    this.state = null;
    this.health = ['past', 'connecting'];
    this.isSilent = false;
    // A sentence why there will be no more reports; '' before that.
    this.over = '';
    this.connected = false;
    this.offset = 0;
    this.lastAt = 0;
    // End of an attempt -> words.
    this.ends = {};
    this.forget();
  }

  forget() {
    this.events = [];
    this.attempts = [];
    this.samples = [];
    this.calculators = new Map();
    // Calculator -> [[since, state], ...] of its lane.
    this.spells = new Map();
    this.fresh = { events: [], attempts: [] };
  }

  // The estimated time of the monitor's clock. It stops with the last report.
  now() {
    return this.over ? this.lastAt : performance.now() / 1000 + this.offset;
  }

  take(message) {
    this.offset = message.now - performance.now() / 1000;
    this.health = message.health;
    this.isSilent = message.is_silent;
    this.over = message.over;
    if (message.kind === 'silence') return;
    if (message.ends) this.ends = message.ends;
    if (message.kind === 'everything' || (this.state && this.state.incarnation !== message.incarnation)) this.forget();
    this.state = message;
    const known = new Set(this.events.slice(-400).map((event) => event[0]));
    const events = message.events.filter((event) => !known.has(event[0]));
    const last = this.attempts.length ? this.attempts[this.attempts.length - 1][0] : 0;
    const attempts = message.attempts.filter((attempt) => attempt[0] > last);
    this.events.push(...events);
    this.attempts.push(...attempts);
    this.samples.push(...message.samples);
    this.lastAt = this.samples.length ? this.samples[this.samples.length - 1][0] : message.now;
    this.fresh = { events, attempts };
    for (const event of events) this.note(event[5], STATE_EVENTS[event[2]], event[1], event[2] === 'returned');
    this.calculators = new Map(message.calculators.map((row) => {
      const one = Object.fromEntries(COLUMNS.map((name, index) => [name, row[index]]));
      this.note(one.name, one.state, one.since, false);
      return [one.name, one];
    }));
    this.trim(message.now - KEPT_S);
  }

  // Ids of all known tasks, the latest first.
  taskIds() {
    const running = [...this.calculators.values()].flatMap((one) => one.running.map((attempt) => attempt[0]));
    const ended = this.attempts.map((attempt) => attempt[1]).reverse();
    return [...running, ...ended, ...this.events.map((event) => event[6]).filter(Boolean).reverse()];
  }

  note(name, state, at, isRestart) {
    if (!name || !state) return;
    const spells = this.spells.get(name) || [];
    const last = spells[spells.length - 1];
    if (!last || last[1] !== state) spells.push([at, state]);
    else if (isRestart) spells.push([at, 'alive']);
    this.spells.set(name, spells);
  }

  trim(before) {
    while (this.samples.length && this.samples[0][0] < before) this.samples.shift();
    let gone = 0;
    while (gone < this.attempts.length && this.attempts[gone][6] < before) gone += 1;
    this.attempts.splice(0, Math.max(gone, this.attempts.length - ATTEMPTS_KEPT));
    this.events.splice(0, Math.max(0, this.events.length - EVENTS_KEPT));
    for (const [name, spells] of this.spells) {
      while (spells.length > 1 && spells[1][0] < before) spells.shift();
      if (!this.calculators.has(name) && spells[spells.length - 1][0] < before) this.spells.delete(name);
    }
  }
}
