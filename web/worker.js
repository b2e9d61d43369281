// The worker page: shows the contributor what this tab does, and wires the runtime to what only a page has
// (peer connections and frames). It decides nothing: the runtime does.

import { createFrames } from './frames.js';
import { createPeers } from './peer.js';

/** Requests at once, unless `?concurrency=` says otherwise. Handlers mostly wait, so it is more than cores. */
const DEFAULT_CONCURRENCY = 64;

const STATES = {
  joining: ['Joining', 'Looking for the gateway.'],
  ready: ['Ready', 'Connected. Waiting for requests.'],
  serving: ['Serving', 'Running requests right now.'],
  reconnecting: ['Reconnecting', 'The connection was lost. Trying again by itself.'],
  paused: ['Paused', 'Takes no requests until you resume.'],
  draining: ['Pausing', 'Finishing what runs, taking nothing new.'],
  error: ['Not working', 'Something went wrong.'],
};

const opened = Date.now();
const root = document.documentElement;
const element = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const pool = query.get('pool') ?? 'default';
const cores = navigator.hardwareConcurrency ?? 1;
let state = 'joining';

/** Whether an error stopped everything until the page is loaded anew. */
let fatal = false;

const number = new Intl.NumberFormat('en');

function show({ state: next, detail, served, active, isolates }) {
  if (STATES[next] !== undefined && !fatal) {
    state = next;
    const [title, explain] = STATES[next];
    root.dataset.state = next;
    element('state').textContent = title;
    element('explain').textContent = (next === 'error' && detail) || explain;
    element('toggle').textContent = { error: 'Try again', paused: 'Resume', draining: 'Resume' }[next] ?? 'Pause';
    document.title = `${title} · Tabmesh worker`;
  }
  if (detail) element('detail').textContent = detail;
  if (served !== undefined) element('served').textContent = number.format(served);
  if (active !== undefined) element('active').textContent = number.format(active);
  if (isolates !== undefined) element('isolates').textContent = number.format(isolates);
}

function stop(detail) {
  show({ state: 'error', detail });
  fatal = true;
}

function showUptime() {
  const minutes = Math.floor((Date.now() - opened) / 60_000);
  const hours = Math.floor(minutes / 60);
  element('uptime').textContent = hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

function join() {
  const runtime = new Worker(new URL('./runtime-worker.js', import.meta.url), { type: 'module', name: 'tabmesh' });
  const post = (message, transfer = []) => runtime.postMessage(message, transfer);
  const frames = createFrames({
    hash: root.dataset.isolate,
    onLost: (isolate, reason) => post({ op: 'isolate-lost', isolate, reason }),
  });
  const peers = createPeers({
    post,
    onError: (error) => stop('This browser cannot join: data channels cannot move to a Worker here. '
      + `Use a recent Chrome or Edge. (${error.message})`),
  });

  runtime.onerror = (event) => {
    event.preventDefault();
    peers.closeAll();
    stop(`The runtime stopped: ${event.message || 'it did not load'}.`);
  };
  runtime.onmessage = ({ data, ports }) => {
    switch (data.op) {
      case 'connect': return peers.connect(data);
      case 'answer': return peers.answer(data);
      case 'candidate': return peers.candidate(data);
      case 'restart-ice': return peers.restart(data);
      case 'disconnect': return peers.disconnect(data);
      case 'spawn': return frames.spawn(data.isolate, data.tenant, ports[0]);
      case 'kill': return frames.kill(data.isolate);
      case 'dispose': return frames.dispose(data.tenant);
      case 'state': return show(data);
      default: return undefined;
    }
  };

  element('toggle').onclick = () => {
    if (state === 'error') location.reload();
    else post({ op: state === 'paused' || state === 'draining' ? 'resume' : 'pause' });
  };
  addEventListener('pagehide', () => {
    post({ op: 'leaving' });
    peers.closeAll();
  });
  // Back from the browser's cache of left pages, with nothing alive any more.
  addEventListener('pageshow', (event) => {
    if (event.persisted) location.reload();
  });

  post({
    op: 'init',
    // A gateway that meets its tabs at a shared signaling server says so in the page.
    signal: root.dataset.signal || `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/_mesh/signal`,
    origin: location.origin,
    pool,
    token: query.get('token'),
    cores,
    maxConcurrency: Number(query.get('concurrency')) || DEFAULT_CONCURRENCY,
  });
}

element('gateway').textContent = location.host;
element('pool').textContent = pool;
element('cores').textContent = cores;
showUptime();
setInterval(showUptime, 30_000);

try {
  join();
} catch (error) {
  stop(`This browser cannot run the worker: ${error.message}`);
}
