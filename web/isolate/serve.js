// The requests that an isolate is serving: from REQUEST to DONE, with credit both ways.
//
// Nothing here touches the port (`send` is given) or loads code. A message about a request that is over is ignored:
// it crossed ours on the way.

import { createAllowances } from './allowance.js';
import { flattenHeaders, sizeOfBody, takeBody } from './body.js';
import { describeError, show } from './console.js';
import { abortRequest, incomingRequest, isResponse, statusOf } from './http.js';
import { Inbound, endInbound, failInbound, pushInbound } from './inbound.js';
import {
  NativeDOMException, NativePromise, NativeStream, NativeTypeError, bufferOf, bytesOf, cancelReader, cancelStream,
  copyBytes, encode, getReader, isBytes, lengthOf, min, ownMap, readReader, resolve, sizeOfBuffer, substring, then,
} from './intrinsics.js';
import { countTyped, drop } from './memory.js';

/** Messages from the isolate to the runtime. */
export const OUT = {
  BOOTED: 1, STARTED: 2, FAILED: 3, RESPONSE: 4, CHUNK: 5, END: 6, ERROR: 7, CONSUMED: 8, LOG: 9, DONE: 10, PONG: 11,
  SPENT: 12, BREACH: 13,
};

/** Largest CHUNK, in bytes: what the transport likes best in one message. */
const MAX_CHUNK = 64 * 1024;
/** A body is not cut into smaller pieces than this for lack of credit, in bytes: crumbs breed crumbs. */
const MIN_CUT = 16 * 1024;

/** Longest wrong return value that is shown, in characters. */
const SHOWN = 200;

const ignore = () => {};

class Call {
  id = 0;
  request = null;
  isHead = false;
  inbound = null;
  allowance = null;
  /** Response bytes that may still be sent. */
  credit = 0;
  /** Most credit ever held. A window may be smaller than MIN_CUT; half of it is then waited for. */
  window = 0;
  /** Wakes the body's sender when credit comes or the call is aborted. */
  wake = null;
  reader = null;
  aborted = false;
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
  waitUntil(promise) { this.#waitUntil(promise); }
  /** There is no origin server to pass through to: an exception stays a 500. */
  passThroughOnException() {}
}

/**
 * @param {(message: Array) => void} send
 * @param {(id: number, level: string, text: string) => number} log gives the bytes that the line takes
 */
export function createCalls(send, log) {
  const calls = ownMap();
  let invoke = null;
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

  const moreCredit = (call) => new NativePromise((wake) => { call.wake = wake; });

  /** Sends bytes as credit allows; false when the call was aborted meanwhile. `owned`: the buffer may be given away. */
  const sendBytes = async (call, bytes, owned) => {
    const length = lengthOf(bytes);
    for (let at = 0; at < length;) {
      const need = min(length - at, MIN_CUT);
      while (call.credit < min(need, (call.window >> 1) || 1) && !call.aborted) await moreCredit(call);
      if (call.aborted) return false;
      const size = min(length - at, min(call.credit, MAX_CHUNK));
      const whole = owned && size === length && size === sizeOfBuffer(bufferOf(bytes));
      // Throws where a handler shrank or gave away the buffer meanwhile.
      const piece = whole ? bytes : copyBytes(bytes, at, at + size);
      call.credit -= size;
      send([OUT.CHUNK, call.id, piece]);
      at += size;
    }
    // Nobody else has them, and they are sent.
    if (owned) drop(bufferOf(bytes));
    return true;
  };

  const sendStream = async (call, stream) => {
    const reader = getReader(stream);
    call.reader = reader;
    for (;;) {
      // Nothing is read before it may be sent, so that a slow caller slows the handler and not our memory.
      while (call.credit <= 0 && !call.aborted) await moreCredit(call);
      if (call.aborted) return false;
      const { done, value } = await readReader(reader);
      if (call.aborted) return false;
      if (done) return true;
      const bytes = bytesOf(value);
      if (bytes === null) {
        const error = new NativeTypeError(`a body stream must give bytes, not ${typeof value}`);
        then(cancelReader(reader, error), ignore, ignore);
        throw error;
      }
      // The handler may hold on to its chunk, so it is copied.
      if (!(await sendBytes(call, bytes, false))) return false;
    }
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

  const respond = (call, response) => {
    const { id } = call;
    const status = statusOf(response);
    let size = sizeOfBody(response);
    let content = takeBody(response);
    if (typeof content === 'string') content = countTyped(encode(content));
    const bytes = isBytes(content) ? content : null;
    if (bytes !== null) size = lengthOf(bytes);
    const headers = flattenHeaders(response, size);

    if (content === null || call.isHead || (bytes !== null && size === 0)) {
      send([OUT.RESPONSE, id, status, headers, false]);
      if (bytes === null && content !== null) then(cancelStream(content, 'HEAD has no body'), ignore, ignore);
      settle(call);
      return;
    }
    send([OUT.RESPONSE, id, status, headers, true]);
    if (bytes === null) {
      sendBody(call, sendStream(call, content));
    } else if (size <= MAX_CHUNK && size <= call.credit) {
      call.credit -= size;
      send([OUT.CHUNK, id, bytes]);
      send([OUT.END, id]);
      settle(call);
    } else {
      sendBody(call, sendBytes(call, bytes, true));
    }
  };

  const run = async (call) => {
    try {
      let response = invoke(call.request, env, new ExecutionContext((promise) => waitUntil(call, promise)));
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
    start(handler, vars) {
      invoke = handler;
      env = vars;
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

    /** Counts an outbound request of the request at work. Throws when it is one too many. */
    subrequest: () => allowances.subrequest(allowanceNow()),

    request(id, method, url, headers, hasBody) {
      const call = new Call();
      call.id = id;
      call.isHead = method === 'HEAD';
      if (hasBody) {
        call.inbound = new Inbound((bytes) => {
          if (!call.aborted && !call.ended) send([OUT.CONSUMED, id, bytes]);
        });
      }
      call.request = incomingRequest(method, url, headers, call.inbound);
      call.allowance = allowances.create();
      calls.set(id, call);
      current = id;
      run(call);
    },

    body(id, bytes) {
      const inbound = calls.get(id)?.inbound ?? null;
      if (inbound !== null) pushInbound(inbound, bytes);
    },

    bodyEnd(id) {
      const inbound = calls.get(id)?.inbound ?? null;
      if (inbound !== null) endInbound(inbound);
    },

    credit(id, bytes) {
      const call = calls.get(id);
      if (call === undefined) return;
      call.credit += bytes;
      if (call.credit > call.window) call.window = call.credit;
      const { wake } = call;
      call.wake = null;
      wake?.();
    },

    abort(id, text) {
      const call = calls.get(id);
      if (call === undefined) return;
      call.aborted = true;
      leave(call);
      const reason = new NativeDOMException(text || 'the caller went away', 'AbortError');
      // What listeners print on the way out is still this request's.
      const before = current;
      current = id;
      if (call.inbound !== null) failInbound(call.inbound, reason);
      if (call.reader !== null) then(cancelReader(call.reader, reason), ignore, ignore);
      call.wake?.();
      abortRequest(call.request, reason);
      current = before;
    },
  };
}
