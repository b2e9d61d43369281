// What Request and Response share: headers that keep everything, and a body.
//
// A body stays in the cheapest form that serves: a string or bytes until someone asks for a stream, an incoming body as
// a queue of chunks until someone asks for a stream. Only then does the browser's own Response hold it, which also does
// the reading, teeing and form parsing. Nothing here knows about ports or requests in flight.

import { lengthOfStream } from './byte-pipes.js';
import { teeStream } from './byte-streams.js';
import { freezeHeaders } from './headers.js';
import { Inbound, collectInbound, streamInbound } from './inbound.js';
import {
  NativeBlob, NativeFormData, NativeHeaders, NativeResponse, NativeSearchParams, NativeStream, NativeTypeError,
  bareArray, bytesOf, copyBytes, getReader, getter, headersAppend, headersForEach, headersGet, headersHas, headersSet,
  isBytes, isLocked, lengthOf, ownWeakMap, reject, substring, uncurry,
} from './intrinsics.js';
import { countTyped, guard } from './memory.js';
import { drain, readHolder, shaped } from './reading.js';

const holderUsed = getter(Response.prototype, 'bodyUsed');
const holderBody = getter(Response.prototype, 'body');
const holderHeaders = getter(Response.prototype, 'headers');
const holderTee = uncurry(ReadableStream.prototype.tee);
const blobSize = getter(Blob.prototype, 'size');
const paramsText = uncurry(URLSearchParams.prototype.toString);

/** Characters of response headers that are sent. It is more than a head may have; the runtime says so then. */
const MAX_HEADERS_TEXT = 160 * 1024;

/** A copy that counts as the handler's. */
const ownCopy = (bytes) => {
  guard(lengthOf(bytes));
  return countTyped(copyBytes(bytes));
};

/** The simple body behind a stream that `body` handed out, so that `new Response(other.body, other)` stays simple. */
const simpleBehind = ownWeakMap();

const used = () => new NativeTypeError(
  'Body has already been used. It can only be used once. Use tee() first if you need to read it twice.',
);

/** Header list as it travels: [name, value, name, value...] to Headers that keep everything. */
function headersOf(flat) {
  const headers = new NativeHeaders();
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i];
    // HTTP/2 may split Cookie; its pieces join with "; ", unlike every other header (RFC 9113, 8.2.3).
    if (name === 'cookie' && headersHas(headers, name)) {
      headersSet(headers, name, `${headersGet(headers, name)}; ${flat[i + 1]}`);
    } else {
      headersAppend(headers, name, flat[i + 1]);
    }
  }
  return headers;
}

export let takeBody;
export let forkBody;
export let moveBody;
export let flattenHeaders;
export let copyHeaders;
export let freezeBody;
export let headerOf;
export let isEmptyBody;
export let sizeOfBody;

/** Base of Request and Response. */
export class Body {
  /** null, a string, bytes or an Inbound; with a holder, what the holder was made from, if that was simple. */
  #content = null;
  #holder = null;
  /** The holder's bytes come from a stream that may have no end. */
  #isStream = false;
  #used = false;
  /** Bytes of a body that is a Blob or a stream of a known length, else -1. */
  #size = -1;
  /** Handlers cannot change the headers. */
  #isFrozen = false;
  #headers;
  #flat;

  /**
   * @param body a BodyInit, or with `raw` what `forkBody` or `moveBody` returned, or an Inbound
   * @param {Headers|null} headers owned by this body from now on
   * @param {string[]|null} flat the same as a flat list, made into Headers when asked for; never changed
   */
  constructor(body, headers, flat, raw) {
    this.#headers = headers;
    this.#flat = flat;
    if (body === null || body === undefined) return;
    if (raw) {
      if (body instanceof NativeResponse) {
        this.#holder = body;
        this.#isStream = true;
      } else {
        this.#content = body;
      }
      return;
    }
    let type = '';
    if (typeof body === 'string') {
      this.#content = body;
      type = 'text/plain;charset=UTF-8';
    } else if (body instanceof NativeStream) {
      const simple = isLocked(body) ? undefined : simpleBehind.get(body);
      // The browser refuses a stream that is locked or was read from.
      const holder = new NativeResponse(body);
      this.#isStream = simple === undefined;
      this.#size = lengthOfStream(body);
      if (simple === undefined) this.#holder = holder;
      else this.#content = typeof simple === 'string' ? simple : ownCopy(simple);
    } else {
      const bytes = bytesOf(body);
      if (bytes !== null) {
        this.#content = ownCopy(bytes);
      } else if (body instanceof NativeSearchParams) {
        this.#content = paramsText(body);
        type = 'application/x-www-form-urlencoded;charset=UTF-8';
      } else if (body instanceof NativeBlob || body instanceof NativeFormData) {
        this.#holder = new NativeResponse(body);
        type = headersGet(holderHeaders(this.#holder), 'content-type') ?? '';
        if (body instanceof NativeBlob) this.#size = blobSize(body);
      } else {
        this.#content = `${body}`;
        type = 'text/plain;charset=UTF-8';
      }
    }
    if (type === '') return;
    if (this.#headers !== null || this.#flat !== null) {
      if (!headersHas(this.headers, 'content-type')) headersSet(this.headers, 'content-type', type);
    } else {
      this.#flat = ['content-type', type];
    }
  }

  get headers() {
    if (this.#headers === null) {
      this.#headers = this.#flat === null ? new NativeHeaders() : headersOf(this.#flat);
      this.#flat = null;
      if (this.#isFrozen) freezeHeaders(this.#headers);
    }
    return this.#headers;
  }

  get body() {
    if (this.#content === null && this.#holder === null) return null;
    const stream = holderBody(this.#open());
    if (this.#simple()) simpleBehind.set(stream, this.#content);
    return stream;
  }

  get bodyUsed() {
    return this.#used || (this.#holder !== null && holderUsed(this.#holder));
  }

  text() { return this.#read('text'); }
  json() { return this.#read('json'); }
  arrayBuffer() { return this.#read('arrayBuffer'); }
  bytes() { return this.#read('bytes'); }
  blob() { return this.#read('blob'); }
  formData() { return this.#read('formData'); }

  /** The browser's Response that holds this body from now on. */
  #open() {
    if (this.#holder === null) {
      const content = this.#content;
      if (this.#used) {
        // Read already, without a stream: what is left is a stream that is spent.
        this.#holder = new NativeResponse('');
        getReader(holderBody(this.#holder));
      } else {
        this.#holder = new NativeResponse(content instanceof Inbound ? streamInbound(content) : content);
      }
    }
    return this.#holder;
  }

  /** `text()` and its kin are async in form only: whatever goes wrong is a rejection. */
  #read(kind) {
    try {
      if (this.bodyUsed) return reject(used());
      const typed = kind === 'blob' || kind === 'formData';
      const type = typed ? headersGet(this.headers, 'content-type') : null;
      if (this.#holder === null && this.#content instanceof Inbound) {
        this.#used = true;
        return this.#collect(kind, type);
      }
      if (this.#isStream) return drain(holderBody(this.#holder), kind, type);
      const isNull = this.#content === null && this.#holder === null;
      let holder = isNull ? new NativeResponse(null) : this.#open();
      if (type !== null) {
        const headers = { __proto__: null, 'content-type': type };
        holder = new NativeResponse(holderBody(holder), { __proto__: null, headers });
      }
      return readHolder(kind, holder);
    } catch (error) {
      return reject(error);
    }
  }

  async #collect(kind, type) {
    return shaped(kind, await collectInbound(this.#content), type);
  }

  #assertFresh() {
    if (this.bodyUsed || (this.#holder !== null && isLocked(holderBody(this.#holder)))) throw used();
  }

  #simple() {
    return typeof this.#content === 'string' || isBytes(this.#content);
  }

  static {
    /** For sending: null, a string, bytes (own them) or a stream. The body counts as used. Throws if it is used. */
    takeBody = (self) => {
      self.#assertFresh();
      if (self.#content === null && self.#holder === null) return null;
      if (!self.#simple()) return holderBody(self.#open());
      self.#used = true;
      return self.#content;
    };
    /** A second body with the same content, for `clone()`; give it to a constructor as `raw`. */
    forkBody = (self) => {
      self.#assertFresh();
      if (self.#simple()) return typeof self.#content === 'string' ? self.#content : ownCopy(self.#content);
      if (self.#content === null && self.#holder === null) return null;
      const holder = self.#open();
      const [kept, fork] = teeStream(holderBody(holder), holderTee);
      self.#holder = new NativeResponse(kept);
      return new NativeResponse(fork);
    };
    /** The body itself, to live on in another object as `raw`; this one counts as used. */
    moveBody = (self) => {
      if (self.#content === null && self.#holder === null) return null;
      self.#assertFresh();
      if (self.#holder !== null && !self.#simple()) {
        const moved = new NativeResponse(holderBody(self.#holder));
        self.#used = true;
        return moved;
      }
      const content = self.#content;
      self.#used = true;
      return content;
    };
    /** [Headers or null, flat list or null] for another object with the same headers. */
    copyHeaders = (self) => [self.#headers === null ? null : new NativeHeaders(self.#headers), self.#flat];
    /** A header's value or null. `name` in small letters. */
    headerOf = (self, name) => {
      if (self.#headers !== null) return headersGet(self.#headers, name);
      for (let i = 0; self.#flat !== null && i < self.#flat.length; i += 2) {
        if (self.#flat[i] === name) return self.#flat[i + 1];
      }
      return null;
    };
    /** Headers as they travel, but for `without`. With `length >= 0` content-length is that and nothing else. */
    flattenHeaders = (self, length, without) => {
      const flat = bareArray();
      let left = MAX_HEADERS_TEXT;
      const add = (name, value) => {
        if (left < 0 || (length >= 0 && name === 'content-length') || name === without) return;
        flat[flat.length] = substring(name, 0, left);
        flat[flat.length] = substring(value, 0, left);
        left -= name.length + value.length + 2;
      };
      if (self.#headers !== null) {
        headersForEach(self.#headers, (value, name) => add(name, value));
      } else if (self.#flat !== null) {
        for (let i = 0; i < self.#flat.length; i += 2) add(self.#flat[i], self.#flat[i + 1]);
      }
      if (length >= 0) {
        flat[flat.length] = 'content-length';
        flat[flat.length] = `${length}`;
      }
      return flat;
    };
    /** From now on handlers cannot change the headers. */
    freezeBody = (self) => {
      self.#isFrozen = true;
      if (self.#headers !== null) freezeHeaders(self.#headers);
    };
    /** How long the body is, where that is known without making it: of a Blob, a FixedLengthStream; else -1. */
    sizeOfBody = (self) => self.#size;
    /** Whether a BodyInit has nothing in it. */
    isEmptyBody = (body) => {
      const bytes = bytesOf(body);
      return body === '' || (bytes !== null && lengthOf(bytes) === 0);
    };
  }
}
