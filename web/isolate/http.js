// Server-grade Request and Response: every header survives (Cookie, Host, Origin, Content-Length, repeated Set-Cookie),
// every method too. The browser's classes are made for a page that asks, these for code that answers.
//
// Nothing here sends anything.

import { Body, copyHeaders, forkBody, freezeBody, headerOf, isEmptyBody, moveBody } from './body.js';
import { describe, takeAbout } from './cf.js';
import {
  NativeAbortController, NativeHeaders, NativeRangeError, NativeResponse, NativeTypeError, NativeURL, getter,
  headersDelete, headersHas, headersSet, toJson, uncurry,
} from './intrinsics.js';
import { cacheOf, methodOf, parseUrl, redirectOf, signalFrom } from './request-init.js';
import { STATUS_TEXT } from './status-text.js';

import { checkSocket } from './websocket.js';

const abortController = uncurry(AbortController.prototype.abort);
const signalOf = getter(AbortController.prototype, 'signal');
const hrefOf = getter(URL.prototype, 'href');

/** First argument of constructors that take ready parts; handlers cannot get hold of it. */
const PARTS = Symbol('parts');

/** An AbortSignal that is made when someone looks at it. */
class LazyAbort {
  #controller = null;
  #aborted = false;
  #reason;

  abort(reason) {
    this.#aborted = true;
    this.#reason = reason;
    if (this.#controller !== null) abortController(this.#controller, reason);
  }

  /** The signal if somebody looked at it, else null. */
  get used() { return this.#controller === null && !this.#aborted ? null : this.signal; }

  get signal() {
    if (this.#controller === null) {
      this.#controller = new NativeAbortController();
      if (this.#aborted) abortController(this.#controller, this.#reason);
    }
    return signalOf(this.#controller);
  }
}

export let abortRequest;
export let signalOfRequest;
let markIncoming;

export class Request extends Body {
  #method;
  #url;
  #redirect;
  #abort;
  #cache;
  #cf;
  /** What `cf` is made of when someone looks at it; null where it is made already. */
  #about = null;
  /** Its headers are the caller's and stay what they are, in clones too. */
  #isIncoming = false;

  /**
   * @param {Request|URL|string} input
   * @param {RequestInit} [init] method, headers, body, signal, redirect, cache, cf
   */
  constructor(input, init) {
    if (input === PARTS) {
      super(init.body, init.headers, init.flat, true);
      this.#method = init.method;
      this.#url = init.url;
      this.#redirect = init.redirect;
      this.#abort = init.abort;
      this.#cache = init.cache;
      this.#cf = init.cf;
      this.#about = init.about ?? null;
      return;
    }
    const from = input !== null && typeof input === 'object' && #method in input ? input : null;
    const url = from === null ? parseUrl(input) : from.#url;
    // A request in the place of the options gives its body away, as one in front does.
    const other = init !== null && typeof init === 'object' && #method in init ? init : null;
    const body = other === null ? init?.body ?? null : moveBody(other);
    let method = other?.#method ?? from?.method ?? 'GET';
    if (other === null && init?.method !== undefined) method = methodOf(init.method);
    if (body !== null && (method === 'GET' || method === 'HEAD')) {
      throw new NativeTypeError('Request with a GET or HEAD method cannot have a body.');
    }
    let headers = null;
    let flat = null;
    if (other !== null) [headers, flat] = copyHeaders(other);
    else if (init?.headers !== undefined && init.headers !== null) headers = new NativeHeaders(init.headers);
    else if (from !== null) [headers, flat] = copyHeaders(from);
    if (body === null && from !== null) super(moveBody(from), headers, flat, true);
    else super(body, headers, flat, other !== null);
    this.#method = method;
    this.#url = url;
    this.#redirect = init?.redirect === undefined ? from?.redirect ?? 'follow' : redirectOf(init.redirect);
    this.#cache = init?.cache === undefined ? from?.cache : cacheOf(init.cache);
    this.#cf = init?.cf === undefined ? from?.cf : init.cf;
    if (init?.integrity) throw new NativeTypeError('Subrequest integrity checking is not implemented.');
    if (other !== null) {
      this.#abort = other.#abort;
      return;
    }
    const signal = init?.signal;
    if (signal !== undefined && signal !== null) this.#abort = { signal: signalFrom(signal) };
    else this.#abort = from === null || signal === null ? new LazyAbort() : from.#abort;
  }

  get method() { return this.#method; }
  get url() { return this.#url; }
  get redirect() { return this.#redirect; }
  get signal() { return this.#abort.signal; }
  get cache() { return this.#cache; }
  get integrity() { return ''; }
  get keepalive() { return false; }
  /** What is known of the caller's connection. Of a request that a handler made, what it was given. */
  get cf() {
    // Made when looked at: requests that nobody asks need none.
    if (this.#about !== null) {
      this.#cf = describe(this.#about, (name) => headerOf(this, name));
      this.#about = null;
    }
    return this.#cf;
  }

  clone() {
    const [headers, flat] = copyHeaders(this);
    const copy = new Request(PARTS, {
      body: forkBody(this), headers, flat,
      method: this.#method, url: this.#url, redirect: this.#redirect, abort: this.#abort,
      cache: this.#cache, cf: this.cf,
    });
    if (this.#isIncoming) freezeBody(copy);
    copy.#isIncoming = this.#isIncoming;
    return copy;
  }

  get [Symbol.toStringTag]() { return 'Request'; }

  static {
    /** The signal that a handler gave it, or that hangs on the request that it was made from; null if nobody can abort it. */
    signalOfRequest = (request) => (request.#abort instanceof LazyAbort ? request.#abort.used : request.#abort.signal);
    /** Aborts `request.signal`, also of requests made from it. */
    abortRequest = (request, reason) => request.#abort.abort(reason);
    markIncoming = (request) => {
      request.#isIncoming = true;
      freezeBody(request);
      return request;
    };
  }
}

/**
 * A Request as it came from the caller.
 *
 * @param {string} method as sent, not normalised
 * @param {string} url as sent
 * @param {string[]} flat headers
 * @param {import('./inbound.js').Inbound|null} inbound
 */
export function incomingRequest(method, url, flat, inbound) {
  const abort = new LazyAbort();
  const about = takeAbout(flat);
  return markIncoming(new Request(PARTS, {
    body: inbound, headers: null, flat, method, url, redirect: 'manual', abort, cache: undefined, cf: undefined, about,
  }));
}

const isNullBodyStatus = (status) => status === 204 || status === 205 || status === 304;
const isRedirectStatus = (status) => (status >= 301 && status <= 303) || status === 307 || status === 308;

/** Whether a value is a Response of ours (its subclasses too), whatever its prototype says. */
export let isResponse;
/** Its status, whatever its class says; 0 for `Response.error()`. */
export let statusOf;
/** The same response with a stream of another length as its body. */
export let withStream;
/** The end of a WebSocketPair that it carries, or null. */
export let socketOf;
/** The Content-Encoding that the body is still to be given; null if there is none, or it has it already. */
export let encodingOf;

export class Response extends Body {
  #status;
  #statusText;
  #type = 'default';
  #url = '';
  #redirected = false;
  #cf;
  #webSocket = null;
  /** The body is in its Content-Encoding already. */
  #isEncoded = false;

  /**
   * @param {BodyInit|null} [body]
   * @param {ResponseInit} [init] status, statusText, headers, cf, encodeBody
   */
  constructor(body = null, init = undefined) {
    if (body === PARTS) {
      super(init.body, init.headers, init.flat, true);
      this.#status = init.status;
      this.#statusText = init.statusText;
      this.#type = init.type;
      this.#url = init.url;
      this.#redirected = init.redirected;
      this.#cf = init.cf;
      this.#isEncoded = init.isEncoded === true;
      return;
    }
    let status = 200;
    let encode = 'automatic';
    let statusText = '';
    let headers = null;
    if (init !== undefined && init !== null) {
      if (init.status !== undefined) {
        status = init.status >>> 0;
        const upgrades = status === 101 && init.webSocket !== undefined && init.webSocket !== null;
        if (!upgrades && !(status >= 200 && status <= 599)) {
          throw new NativeRangeError(
            'Responses may only be constructed with status codes in the range 200 to 599, inclusive.',
          );
        }
      }
      if (init.statusText !== undefined) statusText = `${init.statusText}`;
      // The browser knows which characters it may have.
      if (statusText !== '') new NativeResponse(null, { __proto__: null, statusText });
      if (init.headers !== undefined && init.headers !== null) headers = new NativeHeaders(init.headers);
      encode = init.encodeBody ?? 'automatic';
      if (encode !== 'automatic' && encode !== 'manual') {
        throw new NativeTypeError(`encodeBody: unexpected value: ${encode}`);
      }
    }
    const socket = init?.webSocket ?? null;
    if (socket !== null) {
      if (status !== 101) throw new NativeRangeError('Responses with a WebSocket must have status code 101.');
      checkSocket(socket);
    }
    if (body !== null && (status === 101 || isNullBodyStatus(status))) {
      // Workers let an empty body pass here, and code relies on it.
      if (!isEmptyBody(body)) {
        throw new NativeTypeError('Response with null body status (101, 204, 205, or 304) cannot have a body.');
      }
      body = null;
    }
    super(body, headers, null, false);
    this.#status = status;
    this.#statusText = statusText;
    this.#cf = init?.cf ?? undefined;
    this.#isEncoded = encode === 'manual';
    this.#webSocket = socket;
  }

  get status() { return this.#status; }
  get statusText() { return this.#statusText; }
  get ok() { return this.#status >= 200 && this.#status <= 299; }
  get type() { return this.#type; }
  get url() { return this.#url; }
  get redirected() { return this.#redirected; }
  get cf() { return this.#cf; }
  get webSocket() { return this.#webSocket; }

  clone() {
    if (this.#webSocket !== null) throw new NativeTypeError('Cannot clone a response to a WebSocket handshake.');
    const [headers, flat] = copyHeaders(this);
    return new Response(PARTS, {
      body: forkBody(this), headers, flat, status: this.#status, statusText: this.#statusText, type: this.#type,
      url: this.#url, redirected: this.#redirected,
      cf: this.#cf, isEncoded: this.#isEncoded,
    });
  }

  static json(data, init = undefined) {
    // What has no JSON is written as "undefined", as Workers do.
    const text = `${toJson(data)}`;
    const headers = new NativeHeaders(init?.headers ?? undefined);
    if (!headersHas(headers, 'content-type')) headersSet(headers, 'content-type', 'application/json');
    return new Response(text, { status: init?.status, statusText: init?.statusText, headers });
  }

  static redirect(url, status = 302) {
    if (!isRedirectStatus(status)) {
      throw new NativeRangeError(
        `${status} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`,
      );
    }
    let location;
    try {
      location = hrefOf(new NativeURL(url));
    } catch {
      throw new NativeTypeError(`Unable to parse URL: ${url}`);
    }
    const response = new Response(null, { status, headers: { location } });
    freezeBody(response);
    return response;
  }

  static error() {
    const response = new Response(PARTS, {
      body: null, headers: null, flat: null, status: 0, statusText: '', type: 'error', url: '', redirected: false,
    });
    freezeBody(response);
    return response;
  }

  get [Symbol.toStringTag]() { return 'Response'; }

  static {
    isResponse = (value) => typeof value === 'object' && value !== null && #status in value;
    statusOf = (response) => response.#status;
    withStream = (response, stream) => {
      const [headers, flat] = copyHeaders(response);
      const other = new Response(PARTS, {
        body: new NativeResponse(stream), headers, flat, status: response.#status, statusText: response.#statusText,
        type: 'default', url: '', redirected: false, cf: response.#cf, isEncoded: response.#isEncoded,
      });
      headersDelete(other.headers, 'content-length');
      return other;
    };
    socketOf = (response) => response.#webSocket;
    encodingOf = (response) => (response.#isEncoded ? null : headerOf(response, 'content-encoding'));
  }
}

/**
 * A Response as it came from elsewhere.
 *
 * @param {number} status
 * @param {string[]} flat headers
 * @param {import('./inbound.js').Inbound|null} inbound
 * @param {string} url where it came from
 * @param {boolean} redirected
 */
export function incomingResponse(status, flat, inbound, url, redirected) {
  const statusText = STATUS_TEXT[status] ?? '';
  const response = new Response(PARTS, {
    body: inbound, headers: null, flat, status, statusText, type: 'default', url, redirected,
    // What it came with it goes on with.
    isEncoded: true,
  });
  freezeBody(response);
  return response;
}
