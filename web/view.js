// What the contributor sees of the tab's work: state, figures, news. Shows what it is told and decides nothing.

import { amount } from './settings.js';

const STATES = {
  joining: ['Joining', 'Looking for the gateway.'],
  ready: ['Ready', 'Connected. Waiting for requests.'],
  serving: ['Serving', 'Running requests right now.'],
  reconnecting: ['Reconnecting', 'The connection was lost. Trying again by itself.'],
  paused: ['Paused', 'Takes no requests until you resume.'],
  draining: ['Pausing', 'Finishing what runs, taking nothing new.'],
  error: ['Not working', 'Something went wrong.'],
};

const SANDBOXES = {
  origin: 'Own origin and process for each tenant',
  opaque: 'Opaque sandbox, one process for all tenants',
};

/** The processor figure is a mean over this time, in ms. */
const CPU_WINDOW = 2000;
const CPU_EVERY = 1000;

const root = document.documentElement;
export const element = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en');

/** The runtime's remark as a sentence. */
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

/** Part of the machine's processor that handlers used in the last seconds. */
class CpuMeter {
  #cores;
  #samples = [];

  constructor(cores) {
    this.#cores = cores;
  }

  /** @param {number} cpuMs used in all, up to now */
  add(cpuMs) {
    this.#samples.push([performance.now(), cpuMs]);
  }

  /** @returns {number|undefined} in percent; unknown before the first sample */
  read() {
    const now = performance.now();
    // The newest sample from before the window stays: it is where the window begins.
    while (this.#samples.length > 1 && this.#samples[1][0] <= now - CPU_WINDOW) this.#samples.shift();
    if (this.#samples.length === 0) return undefined;
    const [at, first] = this.#samples[0];
    const span = Math.max(now - Math.max(at, now - CPU_WINDOW), CPU_EVERY);
    const used = this.#samples.at(-1)[1] - first;
    return Math.min(100, Math.max(0, (used / span / this.#cores) * 100));
  }
}

/** @param {number} cores of the machine */
export function createView(cores) {
  const opened = Date.now();
  const meter = new CpuMeter(cores);
  let state = 'asking';
  let fatal = false;

  function showCpu() {
    const percent = meter.read();
    if (percent !== undefined) element('cpu-now').textContent = `${Math.round(percent)} %`;
  }

  function showUptime() {
    const minutes = Math.floor((Date.now() - opened) / 60_000);
    const hours = Math.floor(minutes / 60);
    element('uptime').textContent = hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
  }

  const view = {
    get state() { return state; },

    /** From the question to the work. */
    begin() {
      element('consent').hidden = true;
      for (const id of ['work', 'figures', 'more']) element(id).hidden = false;
      setInterval(showUptime, 30_000);
      setInterval(showCpu, CPU_EVERY);
      showUptime();
      view.show({ state: 'joining' });
    },

    /**
     * A state message of the runtime.
     *
     * @param {object} message
     * @param {boolean} [pausedHere] whether the person paused; else what holds the tab back is told
     */
    show({ state: next, detail, served, active, isolates, cpuMs, memory }, pausedHere = false) {
      if (STATES[next] !== undefined && !fatal) {
        state = next;
        const held = !pausedHere && (next === 'paused' || next === 'draining');
        const [title, explain] = held ? ['On hold', STATES[next][1]] : STATES[next];
        root.dataset.state = next;
        element('state').textContent = title;
        element('explain').textContent = (next === 'error' || held) && detail ? sentence(detail) : explain;
        element('toggle').textContent = next === 'error' ? 'Try again' : pausedHere ? 'Resume' : 'Pause';
        document.title = `${title} · Tabmesh worker`;
      }
      if (detail) element('detail').textContent = sentence(detail);
      if (served !== undefined) element('served').textContent = number.format(served);
      if (active !== undefined) element('active').textContent = number.format(active);
      if (isolates !== undefined) element('isolates').textContent = number.format(isolates);
      if (memory !== undefined) element('memory-now').textContent = amount(memory / 2 ** 20);
      if (cpuMs !== undefined) meter.add(cpuMs);
    },

    /** An error that stops everything until the page is loaded anew. */
    stop(detail) {
      view.show({ state: 'error', detail });
      fatal = true;
    },

    /** Which of the two kinds of sandbox is in use. */
    sandbox(mode) {
      element('sandbox').textContent = SANDBOXES[mode] ?? mode;
    },
  };
  return view;
}
