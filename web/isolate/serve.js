// The requests that an isolate is serving: from REQUEST to DONE, with credit both ways.
//
// Nothing here touches the port (`send` is given) or loads code. A message about a request that is over is ignored:
// it crossed ours on the way.

import { createAllowances } from './allowance.js';
import { flattenHeaders, sizeOfBody, takeBody } from './body.js';
import { gzip } from './compression.js';
import { describeError, show } from './console.js';
import { Response, abortRequest, encodingOf, incomingRequest, isResponse, socketOf, statusOf } from './http.js';
import { Inbound, endInbound, failInbound, pushInbound } from './inbound.js';
import {
  NativeDOMException, NativeStream, NativeTypeError, NativeURL, cancelStream, encode, isBytes, lengthOf, ownMap, resolve,
  startsWith, substring, then,
} from './intrinsics.js';
import { countTyped } from './memory.js';
import { MAX_CHUNK, Sender, addCredit, sendBytes, sendStream, stopSending } from './sending.js';
import { checkSocket, couple } from './websocket.js';

/** Messages from the isolate to the runtime. */
export const OUT = {
  BOOTED: 1, STARTED: 2, FAILED: 3, RESPONSE: 4, CHUNK: 5, END: 6, ERROR: 7, CONSUMED: 8, LOG: 9, DONE: 10, PONG: 11,
  SPENT: 12, BREACH: 13, CALL: 14, CALL_CHUNK: 15, CALL_END: 16, CALL_CONSUMED: 17, CALL_ABORT: 18,
};

/** Longest wrong return value that is shown, in characters. */
const SHOWN = 200;

const ignore = () => {};

/** URL of a scheduled event; no caller's request has one without a host. */
const EVENT = 'tabmesh:scheduled?';

/** Whether the gateway can make a WebSocket of the request: it leaves the field only there. */
function asksForWebSocket(headers) {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'upgrade') return true;
  return false;
}

class Call extends Sender {
  id = 0;
  event = '';
  isUpgrade = false;
  /** What couples it to a WebSocket. */
  line = null;
  request = null;
  isHead = false;
  inbound = null;
  allowance = null;
  /** The response and each waitUntil: the call is over at 0. */
  pending = 1;
  ended = false;
}

/** The third argument of `fetch`. */
class ExecutionContext {
  #waitUntil;
  constructor(waitUntil) {
    this.#waitUntil = waitUntil;
    this.props = {};
  }
  /** Keeps the isolate at work until the promise settles, beyond the response. */
  waitUntil(...promises) {
    if (promises.length === 0) throw new NativeTypeError('waitUntil() needs a promise');
    this.#waitUntil(promises[0]);
  }
  /** There is no origin server to pass through to: an exception stays a 500. */
  passThroughOnException() {}
  get [Symbol.toStringTag]() { return 'ExecutionContext'; }
}

/**
 * @param {(message: Array) => void} send
 * @param {(id: number, level: string, text: string) => number} log gives the bytes that the line takes
 */
export function createCalls(send, log) {
  const calls = ownMap();
  let invoke = null;
  let scheduled = null;
  let env;
  /** The request last entered that is not over: whom console lines and subrequests are for. */
  let current = 0;
  const allowances = createAllowances(log);
  const allowanceNow = () => calls.get(current)?.allowance ?? allowances.outside();
  const write = (level, text) => allowances.write(allowanceNow(), current, level, text);

  const leave = (call) => {
    calls.delete(call.id);
    if (current !== call.id) return;
    current = 0;
    calls.forEach((_, id) => { current = id; });
  };

  const settle = (call) => {
    if (--call.pending > 0 || call.ended) return;
    call.ended = true;
    if (call.inbound !== null) {
      failInbound(call.inbound, new NativeTypeError('the request is over; its body was not read to the end'));
    }
    if (!call.aborted) {
      send([OUT.DONE, call.id]);
      leave(call);
    }
  };

  const failCall = (call, code, error) => {
    if (call.aborted) return;
    const { message, stack } = describeError(error);
    send([OUT.ERROR, call.id, code, message, stack]);
  };

  const waitUntil = (call, promise) => {
    if (call.ended) {
      write('warn', 'waitUntil() was called after the request was over; the isolate may end before it is done');
    } else {
      call.pending++;
    }
    then(resolve(promise), () => settle(call), (error) => {
      const { message, stack } = describeError(error);
      if (!call.aborted) write('error', `a waitUntil() promise was rejected: ${stack || message}`);
      settle(call);
    });
  };

  /** The rest of a body that did not fit the fast path. */
  const sendBody = async (call, sending) => {
    try {
      if (await sending) send([OUT.END, call.id]);
    } catch (error) {
      failCall(call, 'body', error);
    }
    settle(call);
  };

  /** The caller's WebSocket is answered: from now on the request's bodies are its messages. */
  const upgrade = (call, socket, headers) => {
    if (!call.isUpgrade) throw new NativeTypeError('The request is not one for a WebSocket: it has no "Upgrade: websocket".');
    const { id } = call;
    checkSocket(socket);
    send([OUT.RESPONSE, id, 101, headers, true]);
    const post = (piece) => send([OUT.CHUNK, id, piece]);
    call.line = couple(socket, (bytes) => sendBytes(call, bytes, true, post), () => {
      if (!call.aborted) send([OUT.END, id]);
      settle(call);
    });
  };

  const respond = (call, response) => {
    const { id } = call;
    const status = statusOf(response);
    const socket = socketOf(response);
    if (socket !== null) {
      upgrade(call, socket, flattenHeaders(response, -1));
      return;
    }
    let size = sizeOfBody(response);
    let content = takeBody(response);
    let without;
    const encoding = content === null ? null : encodingOf(response);
    if (encoding === 'gzip') {
      content = gzip(content);
      size = -1;
      without = 'content-length';
    } else if (encoding === 'br') {
      // Browsers cannot compress so. The body is the same without.
      without = 'content-encoding';
    }
    if (typeof content === 'string') content = countTyped(encode(content));
    const bytes = isBytes(content) ? content : null;
    if (bytes !== null) size = lengthOf(bytes);
    const headers = flattenHeaders(response, size, without);

    if (content === null || call.isHead || (bytes !== null && size === 0)) {
      send([OUT.RESPONSE, id, status, headers, false]);
      if (bytes === null && content !== null) then(cancelStream(content, 'HEAD has no body'), ignore, ignore);
      settle(call);
      return;
    }
    send([OUT.RESPONSE, id, status, headers, true]);
    const post = (piece) => send([OUT.CHUNK, id, piece]);
    if (bytes === null) {
      sendBody(call, sendStream(call, content, post));
    } else if (size <= MAX_CHUNK && size <= call.credit) {
      call.credit -= size;
      send([OUT.CHUNK, id, bytes]);
      send([OUT.END, id]);
      settle(call);
    } else {
      sendBody(call, sendBytes(call, bytes, true, post));
    }
  };

  /** A cron trigger's event. */
  const runScheduled = async (call, url) => {
    const { searchParams } = new NativeURL(url);
    const controller = {
      cron: searchParams.get('cron'), scheduledTime: Number(searchParams.get('time')), type: 'scheduled',
      noRetry() {},
    };
    await scheduled(controller, env, new ExecutionContext((promise) => waitUntil(call, promise)));
    return new Response(null, { status: 204 });
  };

  const run = async (call) => {
    try {
      let response = call.event !== ''
        ? runScheduled(call, call.event)
        : invoke(call.request, env, new ExecutionContext((promise) => waitUntil(call, promise)));
      if (!isResponse(response)) response = await response;
      if (call.aborted) {
        // Too late: let its stream know, so that what feeds it ends.
        const content = isResponse(response) ? takeBody(response) : null;
        if (content instanceof NativeStream) then(cancelStream(content, 'the caller went away'), ignore, ignore);
        settle(call);
        return;
      }
      if (!isResponse(response) || statusOf(response) === 0) {
        const what = isResponse(response) ? 'Response.error()' : substring(show(response), 0, SHOWN);
        failCall(call, 'no-response', new NativeTypeError(`the handler must return a Response, but returned ${what}`));
        settle(call);
        return;
      }
      respond(call, response);
    } catch (error) {
      failCall(call, 'exception', error);
      settle(call);
    }
  };

  return {
    /** From now on requests are answered by this code. */
    start(handler, vars, cron) {
      invoke = handler;
      env = vars;
      scheduled = cron;
    },

    /** From now on requests, and what happens outside of them, may use this much. */
    limit: allowances.limit,

    /** Keeps the isolate at work for the request at work, as its context's waitUntil does. */
    waitUntil(promise) {
      const call = calls.get(current);
      if (call === undefined) throw new NativeTypeError('waitUntil() is for the time of a request');
      waitUntil(call, promise);
    },

    /** A console line, for the request at work. */
    write,

    /** Counts an outbound request, or a call to a binding, of the request at work. Throws when it is one too many. */
    subrequest: () => allowances.subrequest(allowanceNow()),
    bindingCall: () => allowances.bindingCall(allowanceNow()),

    /** The request at work, or 0. */
    current: () => current,

    request(id, method, url, headers, hasBody) {
      const call = new Call();
      call.id = id;
      call.isHead = method === 'HEAD';
      call.isUpgrade = hasBody && asksForWebSocket(headers);
      if (hasBody && !call.isUpgrade) {
        call.inbound = new Inbound((bytes) => {
          if (!call.aborted && !call.ended) send([OUT.CONSUMED, id, bytes]);
        });
      }
      if (startsWith(url, EVENT)) call.event = url;
      call.request = incomingRequest(method, url, headers, call.inbound);
      call.allowance = allowances.create();
      calls.set(id, call);
      current = id;
      run(call);
    },

    body(id, bytes) {
      const line = calls.get(id)?.line ?? null;
      if (line !== null) {
        current = id;
        send([OUT.CONSUMED, id, lengthOf(bytes)]);
        line.receive(bytes);
        return;
      }
      const inbound = calls.get(id)?.inbound ?? null;
      if (inbound !== null) pushInbound(inbound, bytes);
    },

    bodyEnd(id) {
      calls.get(id)?.line?.lost();
      const inbound = calls.get(id)?.inbound ?? null;
      if (inbound !== null) endInbound(inbound);
    },

    credit(id, bytes) {
      const call = calls.get(id);
      if (call !== undefined) addCredit(call, bytes);
    },

    abort(id, text) {
      const call = calls.get(id);
      if (call === undefined) return;
      leave(call);
      const reason = new NativeDOMException(text || 'the caller went away', 'AbortError');
      // What listeners print on the way out is still this request's.
      const before = current;
      current = id;
      if (call.inbound !== null) failInbound(call.inbound, reason);
      call.line?.lost();
      stopSending(call, reason);
      abortRequest(call.request, reason);
      current = before;
    },
  };
}
