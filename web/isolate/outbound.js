// Calls of the handler to the gateway: outbound fetch, and whatever stands behind a binding. Each is a request of ours and
// gets a response of ours.
//
// Nothing here touches the port (`send` is given) or knows what a call means. Handlers get promises of responses and
// no way to speak as another binding.

import { flattenHeaders, sizeOfBody, takeBody } from './body.js';
import { incomingResponse } from './http.js';
import { Inbound, endInbound, failInbound, pushInbound } from './inbound.js';
import {
  NativeError, NativePromise, NativeTypeError, bareArray, encode, isBytes, lengthOf, listenTo, ownMap, reject, then,
} from './intrinsics.js';
import { countTyped } from './memory.js';
import { Sender, addCredit, sendBytes, sendStream, stopSending } from './sending.js';
import { OUT } from './serve.js';

/** Longest URL, in characters. */
const MAX_URL = 16 * 1024;

const ignore = () => {};

/** Where an answer came from, in a field that the gateway adds and handlers do not see. */
const FINAL_URL = 'x-tabmesh-url';

class Outgoing extends Sender {
  id = 0;
  url = '';
  binding = '';
  done = null;
  failed = null;
  inbound = null;
}

/** Fields without the gateway's own, and what that said. */
function withoutFinalUrl(flat) {
  const kept = bareArray();
  let url = '';
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i] === FINAL_URL) {
      url = flat[i + 1];
    } else {
      kept[kept.length] = flat[i];
      kept[kept.length] = flat[i + 1];
    }
  }
  return [kept, url];
}

/**
 * @param {(message: Array) => void} send
 */
export function createOutbound(send) {
  const open = ownMap();
  let last = 0;

  /** The call is over for us; the gateway is told where it is not. */
  const drop = (call, error, tell) => {
    if (open.get(call.id) !== call) return;
    open.delete(call.id);
    stopSending(call, error);
    if (call.inbound !== null) failInbound(call.inbound, error);
    call.failed?.(error);
    if (tell) send([OUT.CALL_ABORT, call.id]);
  };

  const sendBody = async (call, content) => {
    const post = (piece) => send([OUT.CALL_CHUNK, call.id, piece]);
    try {
      const whole = isBytes(content) ? await sendBytes(call, content, true, post) : await sendStream(call, content, post);
      if (whole) send([OUT.CALL_END, call.id]);
    } catch (error) {
      drop(call, error, true);
    }
  };

  const begin = (parent, binding, request, signal, done, failed) => {
    const { method, url } = request;
    if (url.length > MAX_URL) throw new NativeTypeError(`the URL is longer than ${MAX_URL} characters`);
    let size = sizeOfBody(request);
    let content = takeBody(request);
    if (typeof content === 'string') content = countTyped(encode(content));
    if (isBytes(content)) size = lengthOf(content);
    const headers = flattenHeaders(request, content === null ? -1 : size);
    if (isBytes(content) && size === 0) content = null;
    const call = new Outgoing();
    last += 1;
    call.id = last;
    call.url = url;
    call.binding = binding;
    call.done = done;
    call.failed = failed;
    open.set(call.id, call);
    send([OUT.CALL, call.id, parent, binding, method, url, headers, content !== null]);
    if (content !== null) sendBody(call, content);
    if (signal !== null) listenTo(signal, 'abort', () => drop(call, signal.reason, true), { __proto__: null, once: true });
  };

  return {
    /**
     * Calls `binding` for request `parent`.
     *
     * @param {Request} request of ours; its body is used up
     * @param {?AbortSignal} signal that ends it
     * @returns {Promise<Response>}
     */
    call(parent, binding, request, signal) {
      if (signal !== null && signal.aborted) return reject(signal.reason);
      return new NativePromise((done, failed) => {
        try {
          begin(parent, binding, request, signal, done, failed);
        } catch (error) {
          failed(error);
        }
      });
    },

    response(id, status, flat, hasBody) {
      const call = open.get(id);
      if (call === undefined || call.done === null) return;
      if (hasBody) {
        call.inbound = new Inbound((bytes) => {
          if (open.get(id) === call) send([OUT.CALL_CONSUMED, id, bytes]);
        }, (reason) => drop(call, reason, true));
      } else {
        open.delete(id);
        stopSending(call, undefined);
      }
      const [headers, url] = withoutFinalUrl(flat);
      const { done } = call;
      call.done = null;
      call.failed = null;
      done(incomingResponse(status, headers, call.inbound, url, url !== '' && url !== call.url));
    },

    chunk(id, bytes) {
      const inbound = open.get(id)?.inbound ?? null;
      if (inbound !== null) pushInbound(inbound, bytes);
    },

    end(id) {
      const call = open.get(id);
      if (call === undefined) return;
      open.delete(id);
      stopSending(call, undefined);
      if (call.inbound !== null) endInbound(call.inbound);
    },

    credit(id, bytes) {
      const call = open.get(id);
      if (call !== undefined) addCredit(call, bytes);
    },

    fail(id, message) {
      const call = open.get(id);
      if (call !== undefined) drop(call, new NativeError(message || 'Network connection lost.'), false);
    },
  };
}

/** Wants nothing more of a response: whoever sends it is told. */
export const discard = (response) => {
  if (response.body !== null) then(response.body.cancel(), ignore, ignore);
};
