// HTMLRewriter: a response in, the same with another body out, which is parsed and rewritten as fast as it is read.

import { headerOf, takeBody } from './body.js';
import { feed, readCounted } from './byte-streams.js';
import { isResponse, withStream } from './http.js';
import {
  NativePromise, NativeStream, NativeTypeError, bareArray, bufferOf, cancelReader, copyBytes, encode, getReader,
  joinBytes, lengthOf, min, then, uncurry,
} from './intrinsics.js';
import { countTyped, drop } from './memory.js';
import { PIECE, useEngine } from './rewriter-engine.js';
import { Job } from './rewriter-job.js';
import { bytesOfChunk } from './rewriter-text.js';
import { endToken, makeToken } from './rewriter-tokens.js';
import { closeBytes } from './tee.js';

const fail = uncurry(ReadableByteStreamController.prototype.error);
const nothing = () => undefined;

/** A body in pieces that the parser can take: from bytes, or from a stream as it is read. */
class Input {
  #reader = null;
  #bytes = null;
  #at = 0;

  constructor(body) {
    if (body instanceof NativeStream) this.#reader = getReader(body);
    else this.#bytes = typeof body === 'string' ? countTyped(encode(body)) : body;
  }

  /** The next piece; null at the end. */
  async next() {
    while (this.#bytes === null || this.#at === lengthOf(this.#bytes)) {
      if (this.#reader === null) return null;
      const { done, value } = await readCounted(this.#reader);
      if (done) return null;
      this.#bytes = bytesOfChunk(value);
      this.#at = 0;
    }
    const end = min(this.#at + PIECE, lengthOf(this.#bytes));
    const piece = this.#at === 0 && end === lengthOf(this.#bytes) ? this.#bytes : copyBytes(this.#bytes, this.#at, end);
    this.#at = end;
    return piece;
  }

  cancel(reason) {
    if (this.#reader !== null) then(cancelReader(this.#reader, reason), nothing, nothing);
  }
}

/** The transformed body. It works when it is read, and no further. */
class Output {
  #engine;
  #job;
  #input;
  #controller = null;
  /** Ends a pull that waits for output. */
  #served = null;
  /** Ends a wait for the next pull. */
  #wanted = null;

  constructor(engine, registrations, contentType) {
    this.#engine = engine;
    const lend = (kind, job, address) => makeToken(engine, kind, job, address);
    this.#job = new Job(engine.nextId(), lend, endToken, () => this.#drained());
    engine.open(this.#job, registrations, contentType);
  }

  /** A byte stream of what becomes of a body. Like workerd's, it begins on the first piece before anybody reads. */
  stream(body) {
    this.#input = new Input(body);
    let isBegun = false;
    return new NativeStream({
      __proto__: null,
      type: 'bytes',
      start: (controller) => { this.#controller = controller; },
      pull: () => new NativePromise((served) => {
        this.#served = served;
        this.#wanted?.();
        if (isBegun) return;
        isBegun = true;
        this.#run();
      }),
      cancel: (reason) => {
        this.#controller = null;
        this.#job.fail(reason);
        this.#input.cancel(reason);
        this.#wanted?.();
      },
    }, { __proto__: null, highWaterMark: 1 });
  }

  async #run() {
    const job = this.#job;
    try {
      for (let piece; piece !== null && !job.isOver;) {
        piece = await this.#input.next();
        if (!job.isOver) await this.#engine.step(job, piece);
        if (job.size > 0) await this.#drained(piece === null && !job.isOver);
      }
    } catch (error) {
      job.fail(error);
    }
    this.#engine.close(job);
    this.#finish();
  }

  /** Hands on what there is, and waits until more is wanted, unless that was all. */
  #drained(isLast = false) {
    const job = this.#job;
    const { output, size } = job;
    job.output = bareArray();
    job.size = 0;
    if (this.#controller === null) return undefined;
    const whole = output.length === 1 ? output[0] : countTyped(joinBytes(output, size));
    for (let i = 0; output.length > 1 && i < output.length; i++) drop(bufferOf(output[i]));
    const served = this.#served;
    this.#served = null;
    feed(this.#controller, whole);
    const wanted = isLast ? undefined : new NativePromise((wake) => { this.#wanted = wake; });
    served();
    return wanted;
  }

  #finish() {
    const controller = this.#controller;
    if (controller === null) return;
    const { isOver, error } = this.#job;
    if (isOver) {
      this.#input.cancel(error);
      fail(controller, error);
    } else {
      closeBytes(controller);
    }
    this.#served?.();
  }
}

/** The callbacks of one registration, by name, and which of them there are as bits. */
function callbacksOf(handlers, names, type, method) {
  if (typeof handlers !== 'object' && typeof handlers !== 'function') {
    const place = method === 'on' ? 2 : 1;
    throw new NativeTypeError(
      `Failed to execute '${method}' on 'HTMLRewriter': parameter ${place} is not of type '${type}'.`,
    );
  }
  const callbacks = bareArray();
  let mask = 0;
  for (let i = 0; i < names.length; i++) {
    const callback = handlers?.[names[i]];
    if (callback === undefined) continue;
    if (typeof callback !== 'function') {
      throw new NativeTypeError(
        `Incorrect type for the '${names[i]}' field on '${type}': the provided value is not of type 'function'.`,
      );
    }
    callbacks[i] = callback;
    mask |= 1 << i;
  }
  return { __proto__: null, selector: null, self: handlers, callbacks, mask };
}

const ON_ELEMENT = ['element', 'comments', 'text'];
const ON_DOCUMENT = ['doctype', 'comments', 'text', 'end'];

export class HTMLRewriter {
  #registrations = bareArray();

  /** Handlers for the elements that a selector matches, and for what is in them. */
  on(selector, handlers) {
    const text = `${selector}`;
    const registration = callbacksOf(handlers, ON_ELEMENT, 'ElementContentHandlers', 'on');
    useEngine().checkSelector(text);
    registration.selector = text;
    this.#registrations[this.#registrations.length] = registration;
    return this;
  }

  /** Handlers for the whole document. */
  onDocument(handlers) {
    const registration = callbacksOf(handlers, ON_DOCUMENT, 'DocumentContentHandlers', 'onDocument');
    this.#registrations[this.#registrations.length] = registration;
    return this;
  }

  /** The response with its body rewritten; at once, for the body is rewritten when it is read. */
  transform(response) {
    if (!isResponse(response)) {
      throw new NativeTypeError(
        "Failed to execute 'transform' on 'HTMLRewriter': parameter 1 is not of type 'Response'.",
      );
    }
    const output = new Output(useEngine(), this.#registrations, headerOf(response, 'content-type') ?? '');
    const body = takeBody(response);
    return body === null ? response : withStream(response, output.stream(body));
  }

  get [Symbol.toStringTag]() { return 'HTMLRewriter'; }
}
