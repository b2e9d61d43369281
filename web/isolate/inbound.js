// The body of a request as it arrives: chunks in, a stream or all of it out, credit back for what was really read.
//
// Knows nothing of ports; credit bounds what can queue here.

import { feed } from './byte-streams.js';
import { NativePromise, NativeStream, bareArray, bufferOf, joinBytes, lengthOf, uncurry } from './intrinsics.js';
import { countTyped, drop } from './memory.js';
import { closeBytes } from './tee.js';

const fail = uncurry(ReadableByteStreamController.prototype.error);

export let pushInbound;
export let endInbound;
export let failInbound;
export let streamInbound;
export let collectInbound;

/**
 * A body that arrives in chunks. `onRead(bytes)` is called for what the handler really took; `onCancel(reason)`, where it is
 * given, when the handler wants no more, and then nobody need send more.
 *
 * It has no methods: a handler can come by the object (a class that it puts in front of ours is called with it), and
 * with them could say that it read what never came.
 */
export class Inbound {
  #chunks = bareArray();
  #next = 0;
  #ended = false;
  #error;
  #failed = false;
  /** Who waits: nobody (chunks queue), a stream's pull, or a collection of everything. */
  #controller = null;
  #wake = null;
  #collecting = null;
  #discarding = false;
  #onRead;
  #onCancel;

  constructor(onRead, onCancel = null) {
    this.#onRead = onRead;
    this.#onCancel = onCancel;
  }

  #push(chunk) {
    const size = lengthOf(chunk);
    if (this.#ended || this.#failed || size === 0) return;
    if (this.#discarding) {
      this.#onRead(size);
      return;
    }
    // Credit bounds how much can queue here.
    this.#chunks[this.#chunks.length] = countTyped(chunk);
    if (this.#collecting !== null) this.#onRead(size);
    else this.#serve();
  }

  #end() {
    if (this.#ended || this.#failed) return;
    this.#ended = true;
    if (this.#collecting !== null) this.#collecting.done(this.#join());
    else this.#serve();
  }

  #fail(error) {
    if (this.#ended || this.#failed) return;
    this.#failed = true;
    this.#error = error;
    this.#chunks = bareArray();
    this.#collecting?.failed(error);
    if (this.#controller !== null) fail(this.#controller, error);
    this.#wake?.();
  }

  /** Gives one chunk to a waiting pull, or the end. */
  #serve() {
    const controller = this.#controller;
    if (controller === null || this.#discarding) return;
    if (this.#wake !== null && this.#next < this.#chunks.length) {
      const chunk = this.#chunks[this.#next];
      this.#chunks[this.#next++] = undefined;
      if (this.#next === this.#chunks.length) {
        this.#chunks = bareArray();
        this.#next = 0;
      }
      this.#onRead(lengthOf(chunk));
      feed(controller, chunk);
    } else if (!this.#ended || this.#next < this.#chunks.length) {
      return;
    }
    if (this.#ended && this.#next === this.#chunks.length) {
      closeBytes(controller);
    }
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** The body as a byte stream that takes nothing before it is read. Once. */
  #stream() {
    return new NativeStream({
      __proto__: null,
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
        if (this.#failed) fail(controller, this.#error);
        else this.#serve();
      },
      pull: () => {
        if (this.#failed) return undefined;
        return new NativePromise((wake) => {
          this.#wake = wake;
          this.#serve();
        });
      },
      cancel: (reason) => {
        if (this.#onCancel !== null) {
          this.#failed = true;
          this.#chunks = bareArray();
          this.#onCancel(reason);
          return;
        }
        // What still arrives is thrown away with credit, so that the caller can finish sending.
        this.#discarding = true;
        for (let i = this.#next; i < this.#chunks.length; i++) this.#onRead(lengthOf(this.#chunks[i]));
        this.#chunks = bareArray();
        this.#next = 0;
      },
    }, { __proto__: null, highWaterMark: 0 });
  }

  /** All of the body as bytes of its own. Once, and instead of a stream. */
  #collect() {
    return new NativePromise((done, failed) => {
      if (this.#failed) {
        failed(this.#error);
        return;
      }
      for (let i = 0; i < this.#chunks.length; i++) this.#onRead(lengthOf(this.#chunks[i]));
      if (this.#ended) done(this.#join());
      else this.#collecting = { done, failed };
    });
  }

  #join() {
    const chunks = this.#chunks;
    this.#chunks = bareArray();
    if (chunks.length === 1) return chunks[0];
    let length = 0;
    for (let i = 0; i < chunks.length; i++) length += lengthOf(chunks[i]);
    const whole = joinBytes(chunks, length);
    // Nobody else has seen the pieces.
    for (let i = 0; i < chunks.length; i++) drop(bufferOf(chunks[i]));
    return countTyped(whole);
  }

  static {
    pushInbound = (self, chunk) => self.#push(chunk);
    endInbound = (self) => self.#end();
    failInbound = (self, error) => self.#fail(error);
    /** The body as a byte stream that takes nothing before it is read. Once. */
    streamInbound = (self) => self.#stream();
    /** All of the body as bytes of its own. Once, and instead of a stream. */
    collectInbound = (self) => self.#collect();
  }
}
