// The frame of one tenant: it makes isolate Workers, hands each its port, and ends them.
//
// It must never run handler code: a document has powers (RTCPeerConnection, nested frames) that a Worker has not. It
// forwards nothing but ports and obeys nobody but the page that holds it. The same text serves as a file on a tenant's
// own origin and inside the document of an opaque sandbox, so it imports nothing.

const page = window.parent;
const workers = new Map();

/** Where the page lives, for messages sent before it has spoken. They carry no secret. */
const pageOrigin = location.ancestorOrigins?.[0] ?? '*';

/** What isolates run: a file beside this document, or, where nothing can be loaded, the text that came with it. */
const text = document.getElementById('isolate')?.textContent;
const script = text === undefined
  ? new URL('isolate.js', location.href).href
  : `data:text/javascript;charset=utf-8,${encodeURIComponent(text)}`;

/**
 * Locks tell at once that a Worker died. Opaque origins have none, and a browser that keeps storage from frames of
 * other sites refuses them; there the runtime finds out by asking.
 */
const hasLocks = self.origin !== 'null' && navigator.locks !== undefined;

function spawn(isolate, port, origin) {
  if (workers.has(isolate)) return;
  let worker;
  const lost = (reason, cause) => {
    // An isolate that was killed or already reported has nothing more to say.
    if (workers.get(isolate) !== worker) return;
    workers.delete(isolate);
    worker?.terminate();
    page.postMessage({ op: 'lost', isolate, reason, cause }, origin);
  };
  const name = hasLocks ? `isolate ${crypto.randomUUID()}` : '';
  try {
    worker = new Worker(script, { type: 'module', name });
  } catch (error) {
    workers.set(isolate, worker);
    lost(`the Worker could not be made: ${error.message}`, 'error');
    return;
  }
  workers.set(isolate, worker);
  // The isolate catches its own errors, so whatever arrives here means that it did not load or is broken.
  worker.onerror = (event) => {
    event.preventDefault();
    lost(event.message || 'the isolate script did not load', 'error');
  };
  worker.onmessageerror = () => lost('a message to the isolate could not be read', 'error');
  const start = () => worker.postMessage(null, [port]);
  if (!hasLocks) {
    start();
    return;
  }
  // The isolate says whether it holds the lock of its name: see lifeline.js. Before that it gets no port, so no handler
  // code runs without it. Whoever gets the lock next knows that the Worker is no more.
  worker.onmessage = ({ data: held }) => {
    worker.onmessage = null;
    if (held) navigator.locks.request(name, () => lost('the isolate ran out of memory', 'memory')).catch(() => {});
    start();
  };
}

function kill(isolate) {
  workers.get(isolate)?.terminate();
  workers.delete(isolate);
}

if (page !== window) {
  addEventListener('message', (event) => {
    if (event.source !== page) return;
    const message = event.data;
    switch (message?.op) {
      case 'spawn':
        if (event.ports.length === 1) spawn(message.isolate, event.ports[0], event.origin);
        break;
      case 'kill':
        kill(message.isolate);
        break;
      case 'ping':
        // How the page learns that this process still lives; browsers tell nobody of a frame that crashed.
        page.postMessage({ op: 'pong' }, event.origin);
        break;
    }
  });
  // The page sees it vanish when this process crashes.
  document.documentElement.append(document.createElement('iframe'));
  page.postMessage({ op: 'frame-ready' }, pageOrigin);
}
