// An isolate: a Worker that serves one handler. This is its first module; evaluating it locks the Worker down, and the
// first message brings the port to the runtime.
//
// Handler code runs in the same realm. The port and everything that sends on it stay in this closure; no module exports
// anything that could speak on it.

import { createEnv, createPlatform } from './bindings.js';
import { installCaches } from './caches.js';
import { createClock } from './clock.js';
import { createConsole, describeError } from './console.js';
import { createFetchers } from './fetch.js';
import { findForms, load, warmUp } from './handler.js';
import { HTMLRewriter } from './html-rewriter.js';
import { Request, Response } from './http.js';
import { bareArray, defineGlobal, getter, listenTo, then, uncurry } from './intrinsics.js';
import { holdLifeline } from './lifeline.js';
import { lockdown } from './lockdown.js';
import { armMemory, heldBytes } from './memory.js';
import { createOutbound } from './outbound.js';
import { createOutbox } from './outbox.js';
import { rehearse } from './rehearsal.js';
import { armRewriter } from './rewriter-engine.js';
import { OUT, createCalls } from './serve.js';
import { measureWasm } from './wasm.js';
import { WebSocket, WebSocketPair } from './websocket.js';

/** Messages from the runtime. */
const IN = {
  START: 1, REQUEST: 2, BODY: 3, BODY_END: 4, ABORT: 5, CREDIT: 6, PING: 7, CALL_RESPONSE: 8, CALL_CHUNK: 9, CALL_END: 10,
  CALL_FAILED: 11, CALL_CREDIT: 12,
};

/** Busy time and change of memory that are worth a report, in ms and bytes. */
const MIN_SPENT = 1;
const MIN_MOVED = 1024 * 1024;

const eventData = getter(MessageEvent.prototype, 'data');
const postOnPort = uncurry(MessagePort.prototype.postMessage);
const startPort = uncurry(MessagePort.prototype.start);
const preventDefault = uncurry(Event.prototype.preventDefault);
const errorOf = getter(ErrorEvent.prototype, 'error');
const messageOf = getter(ErrorEvent.prototype, 'message');
const reasonOf = getter(PromiseRejectionEvent.prototype, 'reason');

/** A report of time and memory, where there is something to report. */
function createReport(clock) {
  let reported = 0;
  return () => {
    try {
      measureWasm();
    } catch {
      // Too much: that was posted on its own.
    }
    const spent = clock.read();
    const held = heldBytes();
    const moved = held > reported ? held - reported : reported - held;
    if (spent < MIN_SPENT && moved < MIN_MOVED) return null;
    clock.reset();
    reported = held;
    return [OUT.SPENT, spent, held];
  };
}

function boot(port, clock) {
  const post = (messages, transfer) => {
    if (transfer === null) postOnPort(port, messages);
    else postOnPort(port, messages, { __proto__: null, transfer });
  };
  const { send, log, schedule, postBatch } = createOutbox(post, createReport(clock), clock.keep);
  clock.onMuch(schedule);
  const calls = createCalls(send, log);
  const { write } = calls;
  globalThis.console = createConsole(write);
  const outbound = createOutbound(send);
  const fetchers = createFetchers(outbound, calls);
  defineGlobal('fetch', fetchers.fetch);
  installCaches(fetchers.caller(':cache'));

  const report = (what, error) => {
    const { message, stack } = describeError(error);
    write('error', `${what}: ${stack || message}`);
  };
  // An error that nobody caught ends neither the isolate nor its other requests.
  listenTo(globalThis, 'error', (event) => {
    preventDefault(event);
    report('Uncaught', errorOf(event) ?? messageOf(event));
  });
  listenTo(globalThis, 'unhandledrejection', (event) => {
    preventDefault(event);
    report('Unhandled rejection', reasonOf(event));
  });

  /** Messages about requests that came with the code; null once it is loaded. */
  let early = bareArray();

  const takeLater = (message) => {
    if (message[0] !== IN.ABORT) {
      early[early.length] = message;
      return;
    }
    for (let i = 0; i < early.length; i++) if (early[i][1] === message[1]) early[i] = bareArray();
  };

  const takeEarly = () => {
    const messages = early;
    early = null;
    clock.begin();
    takeAll(messages);
  };

  const start = async (bundle, info) => {
    try {
      armMemory(info?.memory ?? 0, (detail) => {
        // At once and not with the batch: the turn may never end.
        const breach = bareArray();
        breach[0] = [OUT.BREACH, 'memory', detail];
        post(breach, null);
      });
      armRewriter(bundle.rewriter);
      calls.limit(info?.subrequests ?? Infinity, info?.logBytes ?? Infinity);
      const env = createEnv(bundle.env ?? [], fetchers);
      const { forms, invoke, scheduled } = findForms(await load(bundle, { env, waitUntil: calls.waitUntil }), () => createPlatform(fetchers));
      calls.start(invoke, env, scheduled);
      // Each in a message of its own: what loading took is not for the first requests to answer for, nor what they do for
      // the code.
      postBatch();
      send([OUT.STARTED, forms]);
      postBatch();
      takeEarly();
    } catch (error) {
      const { message, stack } = describeError(error);
      send([OUT.FAILED, message, stack]);
    }
  };

  const take = (message) => {
    const kind = message[0];
    if (early !== null && kind !== IN.START && kind !== IN.PING) return takeLater(message);
    switch (kind) {
      case IN.REQUEST: return calls.request(message[1], message[2], message[3], message[4], message[5]);
      case IN.CREDIT: return calls.credit(message[1], message[2]);
      case IN.BODY: return calls.body(message[1], message[2]);
      case IN.BODY_END: return calls.bodyEnd(message[1]);
      case IN.ABORT: return calls.abort(message[1], message[2]);
      case IN.PING: return send([OUT.PONG, message[1]]);
      case IN.CALL_RESPONSE: return outbound.response(message[1], message[2], message[3], message[4]);
      case IN.CALL_CHUNK: return outbound.chunk(message[1], message[2]);
      case IN.CALL_END: return outbound.end(message[1]);
      case IN.CALL_FAILED: return outbound.fail(message[1], message[2]);
      case IN.CALL_CREDIT: return outbound.credit(message[1], message[2]);
      case IN.START: return start(message[1], message[2]);
      default: return undefined;
    }
  };

  const takeAll = (messages) => {
    for (let i = 0; i < messages.length; i++) {
      try {
        take(messages[i]);
      } catch (error) {
        // A handler's tampering may break its own request, not those that came with it.
        report('A request was broken', error);
      }
    }
  };

  listenTo(port, 'message', (event) => {
    clock.begin();
    takeAll(eventData(event));
  });
  startPort(port);
  const booted = () => send([OUT.BOOTED]);
  rehearse();
  then(warmUp(), booted, booted);
}

const clock = createClock();
holdLifeline();
lockdown({ Request, Response, WebSocket, WebSocketPair, HTMLRewriter }, clock);
listenTo(globalThis, 'message', (event) => {
  // Handler code has not run yet and cannot have sent this.
  event.stopImmediatePropagation();
  boot(event.ports[0], clock);
}, { once: true });
