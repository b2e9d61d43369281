// The requests that an isolate is serving: from REQUEST to DONE, with credit both ways.
//
// Nothing here touches the port (`send` is given) or loads code. A message about a request that is over is ignored:
// it crossed ours on the way.

import { bytesOf, flattenHeaders, sizeOfBody, takeBody } from './body.js';
import { abortRequest, incomingRequest, isResponse } from './http.js';
import { Inbound } from './inbound.js';
import {
  NativePromise, NativeStream, NativeTypeError, cancelReader, cancelStream, copyBytes, encode, getReader, isBytes, min,
  ownMap, readReader, resolve, then,
} from './intrinsics.js';
import { describeError, show } from './console.js';

/** Messages from the isolate to the runtime. */
export const OUT = {
  BOOTED: 1, STARTED: 2, FAILED: 3, RESPONSE: 4, CHUNK: 5, END: 6, ERROR: 7, CONSUMED: 8, LOG: 9, DONE: 10, PONG: 11,
};

/** Largest CHUNK, in bytes: what the transport likes best in one message. */
const MAX_CHUNK = 64 * 1024;
/** A body is not cut into smaller pieces than this for lack of credit, in bytes: crumbs breed crumbs. */
const MIN_CUT = 16 * 1024;

const ignore = () => {};

class Call {
  constructor(id, request, inbound) {
    this.id = id;
    this.request = request;
    this.inbound = inbound;
    /** Response bytes that may still be sent. */
    this.credit = 0;
    /** Most credit ever held. A window may be smaller than MIN_CUT; half of it is then waited for. */
    this.window = 0;
    /** Wakes the body's sender when credit comes or the call is aborted. */
    this.wake = null;
    this.reader = null;
    this.aborted = false;
    /** The response and each waitUntil: the call is over at 0. */
    this.pending = 1;
    this.ended = false;
  }
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
 * @param {(message: Array, transfer?: ArrayBuffer) => void} send
 * @param {(level: string, text: string) => void} log attributed to the request at work
 */
export function createCalls(send, log) {
  const calls = ownMap();
  let invoke = null;
  let env;
  /** The request last entered that is not over: whom console lines are for. */
  let current = 0;

  const leave = (call) => {
    calls.delete(call.id);
    if (current !== call.id) return;
    current = 0;
    calls.forEach((_, id) => { current = id; });
  };

  const settle = (call) => {
    if (--call.pending > 0 || call.ended) return;
    call.ended = true;
    call.inbound?.fail(new NativeTypeError('the request is over; its body was not read to the end'));
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
      log('warn', 'waitUntil() was called after the request was over; the isolate may end before it is done');
    } else {
      call.pending++;
    }
    then(resolve(promise), () => settle(call), (error) => {
      const { message, stack } = describeError(error);
      if (!call.aborted) log('error', `a waitUntil() promise was rejected: ${stack || message}`);
      settle(call);
    });
  };

  const moreCredit = (call) => new NativePromise((wake) => { call.wake = wake; });

  /** Sends bytes as credit allows; false when the call was aborted meanwhile. `owned`: the buffer may be given away. */
  const sendBytes = async (call, bytes, owned) => {
    for (let at = 0; at < bytes.length;) {
      const need = min(bytes.length - at, MIN_CUT);
      while (call.credit < min(need, (call.window >> 1) || 1) && !call.aborted) await moreCredit(call);
      if (call.aborted) return false;
      const size = min(bytes.length - at, min(call.credit, MAX_CHUNK));
      call.credit -= size;
      const whole = owned && size === bytes.length && size === bytes.buffer.byteLength;
      const piece = whole ? bytes : copyBytes(bytes, at, at + size);
      send([OUT.CHUNK, call.id, piece], piece.buffer);
      at += size;
    }
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
      const bytes = typeof value === 'object' ? bytesOf(value) : null;
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
    const head = call.request.method === 'HEAD';
    const { status } = response;
    let size = sizeOfBody(response);
    let content = takeBody(response);
    if (typeof content === 'string') content = encode(content);
    const bytes = isBytes(content) ? content : null;
    if (bytes !== null) size = bytes.length;
    const headers = flattenHeaders(response, size);

    if (content === null || head || bytes?.length === 0) {
      send([OUT.RESPONSE, id, status, headers, false]);
      if (bytes === null && content !== null) then(cancelStream(content, 'HEAD has no body'), ignore, ignore);
      settle(call);
      return;
    }
    send([OUT.RESPONSE, id, status, headers, true]);
    if (bytes === null) {
      sendBody(call, sendStream(call, content));
    } else if (bytes.length <= MAX_CHUNK && bytes.length <= call.credit) {
      call.credit -= bytes.length;
      send([OUT.CHUNK, id, bytes], bytes.buffer);
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
      if (!isResponse(response) || response.type === 'error') {
        const what = isResponse(response) ? 'Response.error()' : `${show(response).slice(0, 200)}`;
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

    /** Request id that console lines belong to, or 0. */
    current: () => current,

    request(id, method, url, headers, hasBody) {
      const inbound = hasBody ? new Inbound((bytes) => {
        if (!call.aborted && !call.ended) send([OUT.CONSUMED, id, bytes]);
      }) : null;
      const call = new Call(id, incomingRequest(method, url, headers, inbound), inbound);
      calls.set(id, call);
      current = id;
      run(call);
    },

    body(id, bytes) { calls.get(id)?.inbound?.push(bytes); },

    bodyEnd(id) { calls.get(id)?.inbound?.end(); },

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
      const reason = new DOMException(text || 'the caller went away', 'AbortError');
      // What listeners print on the way out is still this request's.
      const before = current;
      current = id;
      call.inbound?.fail(reason);
      if (call.reader !== null) then(cancelReader(call.reader, reason), ignore, ignore);
      call.wake?.();
      abortRequest(call.request, reason);
      current = before;
    },
  };
}
