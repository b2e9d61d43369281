// The frame of one tenant: it makes isolate Workers, hands each its port, and ends them.
//
// It must never run handler code: a document has powers (RTCPeerConnection, nested frames) that a Worker has not. It
// forwards nothing but ports and obeys nobody but the page that holds it.

const page = window.parent;
const workers = new Map();

/** Where the page lives, for messages sent before it has spoken. They carry no secret. */
const pageOrigin = location.ancestorOrigins?.[0] ?? '*';

function spawn(isolate, port, origin) {
  if (workers.has(isolate)) return;
  let worker;
  const lost = (reason) => {
    // An isolate that was killed or already reported has nothing more to say.
    if (workers.get(isolate) !== worker) return;
    workers.delete(isolate);
    worker?.terminate();
    page.postMessage({ op: 'lost', isolate, reason }, origin);
  };
  try {
    worker = new Worker(new URL('isolate.js', import.meta.url), { type: 'module' });
  } catch (error) {
    workers.set(isolate, worker);
    lost(`the Worker could not be made: ${error.message}`);
    return;
  }
  workers.set(isolate, worker);
  // The isolate catches its own errors, so whatever arrives here means that it did not load or is broken.
  worker.onerror = (event) => {
    event.preventDefault();
    lost(event.message || 'the isolate script did not load');
  };
  worker.onmessageerror = () => lost('a message to the isolate could not be read');
  worker.postMessage(null, [port]);
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
  page.postMessage({ op: 'frame-ready' }, pageOrigin);
}
