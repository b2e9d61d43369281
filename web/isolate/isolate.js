// An isolate: a Worker that serves one handler. This is its first module; evaluating it locks the Worker down, and the
// first message brings the port to the runtime.
//
// Modules export nothing that could speak on the port: handler code runs in the same realm and could import them. The
// port and everything that sends on it stay in this closure.

import { clip, createConsole, describeError } from './console.js';
import { findForms, load } from './handler.js';
import { Request, Response } from './http.js';
import { bareArray, getter, microtask, uncurry } from './intrinsics.js';
import { lockdown } from './lockdown.js';
import { OUT, createCalls } from './serve.js';

/** Messages from the runtime. */
const IN = { START: 1, REQUEST: 2, BODY: 3, BODY_END: 4, ABORT: 5, CREDIT: 6, PING: 7 };

/** Console text sent in one turn, in characters; more is counted and dropped, so a log loop cannot fill memory. */
const LOG_PER_TURN = 256 * 1024;
/** How far a batch may grow in its turn, in messages and body bytes, and how many quiet microtasks end it sooner. */
const MAX_BATCH = 64;
const MAX_BATCH_BYTES = 128 * 1024;
const PATIENCE = 8;
/** Below this a copy is cheaper than a transfer. The runtime gets a buffer of its own either way. */
const MIN_TRANSFER = 16 * 1024;

const eventData = getter(MessageEvent.prototype, 'data');
const postOnPort = uncurry(MessagePort.prototype.postMessage);
const listen = EventTarget.prototype.addEventListener.bind(globalThis);

/** Collects the messages of one turn and posts them as one array. */
function createOutbox(port) {
  let batch = bareArray();
  let transfers = null;
  let room = LOG_PER_TURN;
  let dropped = 0;
  let bytes = 0;
  let scheduled = false;
  let seen = 0;
  let patience = PATIENCE;

  // In a microtask, so a turn's messages travel together and nothing waits for a timer.
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    microtask(flush);
  };

  const flush = () => {
    // A stream of small chunks takes a few microtasks for each: while more keeps coming, let it ride along.
    if (batch.length < MAX_BATCH && bytes < MAX_BATCH_BYTES && (batch.length > seen || patience-- > 0)) {
      if (batch.length > seen) patience = PATIENCE;
      seen = batch.length;
      microtask(flush);
      return;
    }
    scheduled = false;
    bytes = 0;
    seen = 0;
    patience = PATIENCE;
    if (dropped > 0) {
      batch[batch.length] = [OUT.LOG, 0, 'warn', `${dropped} console lines were dropped: too many at once`];
    }
    const messages = batch;
    const list = transfers;
    batch = bareArray();
    transfers = null;
    room = LOG_PER_TURN;
    dropped = 0;
    if (list === null) postOnPort(port, messages);
    else postOnPort(port, messages, { __proto__: null, transfer: list });
  };

  const send = (message, buffer) => {
    const { length } = batch;
    schedule();
    const last = length > 0 ? batch[length - 1] : null;
    if (message[0] === OUT.CONSUMED && last !== null && last[0] === OUT.CONSUMED && last[1] === message[1]) {
      last[2] += message[2];
      return;
    }
    batch[length] = message;
    if (buffer === undefined) return;
    bytes += buffer.byteLength;
    if (buffer.byteLength >= MIN_TRANSFER) {
      transfers ??= bareArray();
      transfers[transfers.length] = buffer;
    }
  };

  const log = (id, level, text) => {
    const cut = clip(text);
    if (cut.length > room) {
      dropped++;
      schedule();
      return;
    }
    room -= cut.length;
    send([OUT.LOG, id, level, cut]);
  };

  return { send, log };
}

function boot(port) {
  const { send, log } = createOutbox(port);
  const calls = createCalls(send, (level, text) => log(calls.current(), level, text));
  const write = (level, text) => log(calls.current(), level, text);
  globalThis.console = createConsole(write);

  const report = (what, error) => {
    const { message, stack } = describeError(error);
    write('error', `${what}: ${stack || message}`);
  };
  // An error that nobody caught ends neither the isolate nor its other requests.
  listen('error', (event) => {
    event.preventDefault();
    report('Uncaught', event.error ?? event.message);
  });
  listen('unhandledrejection', (event) => {
    event.preventDefault();
    report('Unhandled rejection', event.reason);
  });

  const start = async (bundle, env) => {
    try {
      const { forms, invoke } = findForms(await load(bundle));
      calls.start(invoke, env);
      send([OUT.STARTED, forms]);
    } catch (error) {
      const { message, stack } = describeError(error);
      send([OUT.FAILED, message, stack]);
    }
  };

  const take = (message) => {
    switch (message[0]) {
      case IN.REQUEST: return calls.request(message[1], message[2], message[3], message[4], message[5]);
      case IN.CREDIT: return calls.credit(message[1], message[2]);
      case IN.BODY: return calls.body(message[1], message[2]);
      case IN.BODY_END: return calls.bodyEnd(message[1]);
      case IN.ABORT: return calls.abort(message[1], message[2]);
      case IN.PING: return send([OUT.PONG, message[1]]);
      case IN.START: return start(message[1], message[2]);
      default: return undefined;
    }
  };

  port.onmessage = (event) => {
    const messages = eventData(event);
    for (let i = 0; i < messages.length; i++) take(messages[i]);
  };
  send([OUT.BOOTED]);
}

lockdown({ Request, Response });
listen('message', (event) => {
  // Handler code has not run yet and cannot have sent this.
  event.stopImmediatePropagation();
  boot(event.ports[0]);
}, { once: true });
