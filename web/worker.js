// The worker page: asks the contributor, shows what this tab does, and wires the runtime to what only a page has (peer
// connections and frames). It decides nothing: the runtime does.
//
// Before consent there is no runtime, no connection and no frame.

import { mayStartAlone, pressed, reloadWithConsent } from './consent.js';
import { createControls } from './controls.js';
import { createFrames } from './frames.js';
import { createPeers } from './peer.js';
import { Settings } from './settings.js';
import { watchSurroundings } from './surroundings.js';
import { Renewal } from './upgrade.js';
import { createView, element } from './view.js';

/** A second press of Start is not a press of Pause, which takes its place, within this time in ms. */
const SECOND_PRESS = 500;
const UPDATED = 'Tabmesh was updated; this page loads itself anew';

const root = document.documentElement;
const query = new URLSearchParams(location.search);
const cores = navigator.hardwareConcurrency ?? 1;
const view = createView(cores);

function storage() {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

const settings = new Settings({ query, cores, deviceMemory: navigator.deviceMemory, storage: storage() });

/** Whether the person paused. */
let paused = false;

function join(controls) {
  const runtime = new Worker(new URL('./runtime-worker.js', import.meta.url), { type: 'module', name: 'tabmesh' });
  const post = (message, transfer = []) => runtime.postMessage(message, transfer);

  const renewal = new Renewal(() => post({ op: 'pause' }));
  const check = () => renewal.check(view.state);

  const frames = createFrames({
    hash: root.dataset.isolate,
    onLost: (isolate, reason, cause) => {
      post({ op: 'isolate-lost', isolate, reason, cause });
      if (cause === 'error') check();
    },
    onMode: (mode) => view.sandbox(mode),
  });
  const peers = createPeers({
    post,
    onError: (error) => view.stop('This browser cannot join: data channels cannot move to a Worker here. '
      + `Use a recent Chrome or Edge. (${error.message})`),
  });

  runtime.onerror = (event) => {
    event.preventDefault();
    peers.closeAll();
    view.stop(`The runtime stopped: ${event.message || 'it did not load'}.`);
    check();
  };
  /** Whether this tab ever could serve. */
  let served = false;
  const onState = (data) => {
    served ||= data.state === 'ready' || data.state === 'serving';
    view.show(renewal.isDue ? { ...data, detail: UPDATED } : data, paused);
    renewal.onState(data.state);
    if (data.state === 'error') check();
  };
  runtime.onmessage = ({ data, ports }) => {
    switch (data.op) {
      case 'connect':
        // A gateway that comes back may have been upgraded.
        if (served) check();
        return peers.connect(data);
      case 'answer': return peers.answer(data);
      case 'candidate': return peers.candidate(data);
      case 'restart-ice': return peers.restart(data);
      case 'disconnect': return peers.disconnect(data);
      case 'spawn': return frames.spawn(data.isolate, data.tenant, ports[0]);
      case 'kill': return frames.kill(data.isolate);
      case 'dispose': return frames.dispose(data.tenant);
      case 'state': return onState(data);
      default: return undefined;
    }
  };

  const started = performance.now();
  element('toggle').onclick = () => {
    if (performance.now() - started < SECOND_PRESS) return;
    if (view.state === 'error') {
      reloadWithConsent();
      return;
    }
    paused = !paused;
    renewal.setPaused(paused);
    post({ op: paused ? 'pause' : 'resume' });
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
    pool: settings.values.pool,
    token: query.get('token'),
    settings: settings.forRuntime(),
  });
  watchSurroundings((surroundings) => post({ op: 'surroundings', ...surroundings }));
  controls.start();
  return { apply: () => post({ op: 'settings', settings: settings.forRuntime() }) };
}

function showSettings() {
  const { tenants, pool } = settings.values;
  element('consent-use').textContent = settings.summary();
  element('consent-tenants').textContent = tenants.length > 0 ? ` (of ${tenants.join(', ')} only)` : '';
  element('pool').textContent = pool;
}

async function main() {
  let runtime;
  const controls = createControls(settings, () => {
    showSettings();
    runtime?.apply();
  });
  element('gateway').textContent = location.host;
  element('cores').textContent = cores;
  showSettings();

  if (settings.unclear) {
    element('consent-problem').hidden = false;
  }
  const alone = mayStartAlone(query) && !settings.unclear;
  if (!alone) await pressed(element('start'));
  view.begin();
  if (!alone) element('toggle').focus();
  try {
    runtime = join(controls);
  } catch (error) {
    view.stop(`This browser cannot run the worker: ${error.message}`);
  }
}

main();
