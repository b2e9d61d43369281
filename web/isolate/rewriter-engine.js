// The parser behind HTMLRewriter: a wasm module of ours, whose other half is worker-wasm/html-rewriter. An isolate is
// given it if its handler names HTMLRewriter, and makes one instance of it at first use.
//
// Nothing that the module calls may throw: an exception would leave the frames of its parser without an end. Handlers see
// neither addresses nor memory.

import {
  Bytes, NativePromise, NativeRangeError, NativeStream, NativeTypeError, apply, bytesOf, copyBytes, encode, getReader,
  getter, lengthOf, min, ownMap, readReader, resolve, setBytes, substring, then, uncurry,
} from './intrinsics.js';
import { countTyped, guard } from './memory.js';
import { compileOwn, instantiateOwn } from './wasm.js';

/** Numbers that worker-wasm/html-rewriter/src/codes.rs has, too. */
export const NONE = -1;
export const FAILED = -2;
const OUTCOME = { __proto__: null, DONE: 0, STOP: 1, PENDING: 2 };

/** Bytes that the parser gets at most at once: what comes of them waits for the reader. */
export const PIECE = 1024 * 1024;

const { Suspending, promising } = WebAssembly;
const bufferOfMemory = getter(WebAssembly.Memory.prototype, 'buffer');
const { get, set } = Reflect.getOwnPropertyDescriptor(WebAssembly.Global.prototype, 'value');
const valueOf = uncurry(get);
const setValue = uncurry(set);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const decodeAll = TextDecoder.prototype.decode.bind(decoder);

const isWellFormed = uncurry(String.prototype.isWellFormed);

/** What the parser says of a document, a selector or a name, as Workers say it. */
const parserError = (text) => new NativeTypeError(`Parser error: ${text}`);

/** UTF-8 bytes of a text that can be written so. */
function encodeExactly(text) {
  if (isWellFormed(text)) return encode(text);
  let end = 1;
  while (isWellFormed(substring(text, 0, end))) end++;
  throw parserError(`invalid utf-8 sequence of 1 bytes from index ${lengthOf(encode(substring(text, 0, end - 1)))}`);
}

/** Frees the parsers of documents that nobody reads any more. */
const registry = new FinalizationRegistry(({ engine: owner, address }) => owner.free(address));
const register = registry.register.bind(registry);
const unregister = registry.unregister.bind(registry);

class Engine {
  isDead = false;
  #exports;
  #pointer;
  /** Where the stack pointer is when nobody runs. */
  #main;
  #write;
  #end;
  #running = ownMap();
  #last = 0;

  constructor(module) {
    const suspend = (id) => this.#suspend(id);
    this.#exports = instantiateOwn(module, { __proto__: null, host: {
      __proto__: null,
      output: (id, start, length) => this.#take(id, start, length),
      call: (id, handler, kind, address) => this.#call(id, handler, kind, address),
      content: (id, content, sink) => this.#content(id, content, sink),
      suspend: Suspending === undefined ? suspend : new Suspending(suspend),
      resumed: (id) => this.#resumed(id),
    } });
    const { rewriter_write: write, rewriter_end: end } = this.#exports;
    this.#pointer = this.#exports.__stack_pointer;
    this.#main = valueOf(this.#pointer);
    this.#write = promising === undefined ? write : promising(write);
    this.#end = promising === undefined ? end : promising(end);
  }

  /** Calls a function of the module that calls no handler. What it does on its way is lost if it fails. */
  call(name, a = 0, b = 0, c = 0, d = 0) {
    if (this.isDead) throw this.#lost();
    try {
      return this.#exports[name](a, b, c, d);
    } catch {
      throw this.#lost();
    }
  }

  #lost() {
    this.isDead = true;
    return new NativeRangeError('HTMLRewriter ran out of memory');
  }

  #memory() { return bufferOfMemory(this.#exports.memory); }

  /** Leaves a text, and one behind it, for the next call; gives the first one's length in bytes. */
  put(text, more = '') {
    guard(text.length + more.length);
    const bytes = encodeExactly(text);
    const behind = encodeExactly(more);
    const start = this.call('rewriter_input', lengthOf(bytes) + lengthOf(behind));
    const memory = new Bytes(this.#memory());
    setBytes(memory, bytes, start);
    setBytes(memory, behind, start + lengthOf(bytes));
    return lengthOf(bytes);
  }

  #putBytes(bytes) {
    const start = this.call('rewriter_input', lengthOf(bytes));
    setBytes(new Bytes(this.#memory()), bytes, start);
  }

  /** The text that the last call gave, or the bytes of it between two places. */
  text(from = 0, to = this.call('rewriter_output_length')) {
    return decodeAll(new Bytes(this.#memory(), this.call('rewriter_output') + from, to - from));
  }

  /** A call's result; throws if it failed. */
  check(result) {
    if (result === FAILED) throw parserError(this.text());
    return result;
  }

  /** The same for calls that may need more of the stack than a handler's call leaves them. */
  #onMain(work) {
    const before = valueOf(this.#pointer);
    setValue(this.#pointer, this.#main);
    try {
      return work();
    } finally {
      setValue(this.#pointer, before);
    }
  }

  /** Throws if it is no selector. */
  checkSelector(selector) {
    this.#onMain(() => {
      this.put(selector);
      this.check(this.call('rewriter_check_selector'));
    });
  }

  nextId() {
    this.#last = (this.#last + 1) >>> 0;
    return this.#last;
  }

  /**
   * Makes a job's parser.
   *
   * @param {{selector: string|null, self: object, callbacks: Function[], mask: number}[]} registrations
   */
  open(job, registrations, contentType) {
    this.#onMain(() => {
      for (let i = 0; i < registrations.length; i++) {
        const { selector, self, callbacks, mask } = registrations[i];
        const first = job.handlers.length;
        for (let k = 0; k < callbacks.length; k++) job.handlers[first + k] = { __proto__: null, callback: callbacks[k], self };
        if (selector === null) {
          this.call('rewriter_on_document', first, mask);
        } else {
          this.put(selector);
          this.check(this.call('rewriter_on', first, mask));
        }
      }
      this.put(contentType);
      job.address = this.call('rewriter_new', job.id);
      if (job.address === 0) throw parserError(this.text());
      job.stack = this.call('rewriter_stack', job.address);
    });
    register(job, { __proto__: null, engine: this, address: job.address }, job);
  }

  /** Frees a job's parser, which must not run. */
  close(job) {
    if (job.address === 0) return;
    const { address } = job;
    job.address = 0;
    unregister(job);
    this.free(address);
  }

  free(address) {
    if (!this.isDead) this.call('rewriter_free', address);
  }

  /** Gives the parser a piece of the document, or its end (null). Fulfilled when that is done; the job knows how. */
  step(job, piece) {
    const run = piece === null ? this.#end : this.#write;
    if (piece !== null) {
      const start = this.call('rewriter_piece', job.address, lengthOf(piece));
      setBytes(new Bytes(this.#memory()), piece, start);
    }
    this.#running.set(job.id, job);
    job.outer = valueOf(this.#pointer);
    setValue(this.#pointer, job.stack);
    let result;
    try {
      result = run(job.address);
    } catch {
      job.fail(this.#lost());
    }
    setValue(this.#pointer, job.outer);
    const done = (status) => {
      setValue(this.#pointer, this.#main);
      this.#running.delete(job.id);
      if (status === FAILED && !job.isOver) {
        this.call('rewriter_failure', job.address);
        job.fail(parserError(this.text()));
      }
    };
    return then(resolve(result), done, () => {
      job.fail(this.#lost());
      done();
    });
  }

  #take(id, start, length) {
    const job = this.#running.get(id);
    if (job.isOver) return;
    try {
      job.output[job.output.length] = countTyped(copyBytes(new Bytes(this.#memory(), start, length)));
      job.size += length;
    } catch (error) {
      job.fail(error);
    }
  }

  #call(id, handler, kind, address) {
    const job = this.#running.get(id);
    if (job.isOver || this.isDead) return OUTCOME.STOP;
    let token = null;
    try {
      token = job.lend(kind, job, address);
      const { callback, self } = job.handlers[handler];
      const result = apply(callback, self, [token]);
      if (isThenable(result)) return this.#await(job, result, token);
      job.end(token);
    } catch (error) {
      if (token !== null) job.end(token);
      job.fail(error);
    }
    return job.isOver || this.isDead ? OUTCOME.STOP : OUTCOME.DONE;
  }

  #content(id, content, sink) {
    const job = this.#running.get(id);
    if (job.isOver || this.isDead) return OUTCOME.STOP;
    const { body, html } = job.contents[content];
    job.contents[content] = undefined;
    try {
      if (body instanceof NativeStream) return this.#await(job, this.#pump(job, getReader(body), sink, html), null);
      this.#sink(sink, body, html);
    } catch (error) {
      job.fail(error);
    }
    return job.isOver ? OUTCOME.STOP : OUTCOME.DONE;
  }

  #sink(sink, bytes, html) {
    for (let at = 0; at < lengthOf(bytes); at += PIECE) {
      this.#putBytes(copyBytes(bytes, at, min(at + PIECE, lengthOf(bytes))));
      this.check(this.call('sink_write', sink, html));
    }
  }

  /** Writes a stream where the parser waits for it, as fast as the output is read. */
  async #pump(job, reader, sink, html) {
    for (;;) {
      const { done, value } = await readReader(reader);
      if (done || job.isOver) return;
      this.#sink(sink, bytesOfChunk(value), html);
      if (job.size > 0) await job.drained();
      if (job.isOver) return;
    }
  }

  /** Has the parser wait for a promise; a token is the handler's until then. */
  #await(job, promise, token) {
    job.pending = new NativePromise((wake) => {
      const done = () => {
        if (token !== null) job.end(token);
        wake();
      };
      job.wake = done;
      then(resolve(promise), done, (error) => {
        job.fail(error);
        done();
      });
    });
    return OUTCOME.PENDING;
  }

  #suspend(id) {
    const job = this.#running.get(id);
    if (Suspending === undefined) {
      job.fail(new NativeTypeError(
        'HTMLRewriter cannot wait for a promise in this browser: it has no WebAssembly JavaScript Promise Integration.',
      ));
    }
    job.pointer = valueOf(this.#pointer);
    setValue(this.#pointer, job.outer);
    return job.pending;
  }

  #resumed(id) {
    const job = this.#running.get(id);
    job.pending = null;
    job.wake = null;
    // Nobody's frames are below: promises are settled when no code runs.
    if (Suspending !== undefined) job.outer = this.#main;
    setValue(this.#pointer, job.pointer);
    return job.isOver || this.isDead ? OUTCOME.STOP : OUTCOME.DONE;
  }
}

const isThenable = (value) =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') && typeof value.then === 'function';

/** A chunk of a stream that gives bytes or text. */
export const bytesOfChunk = (value) => {
  const bytes = typeof value === 'string' ? encode(value) : bytesOf(value);
  if (bytes === null) throw new NativeTypeError('This ReadableStream did not return bytes.');
  return bytes;
};

let source = null;
let module = null;
let engine = null;

/** Keeps the module's bytes, if the isolate was given them. */
export const armRewriter = (bytes) => {
  source = bytes === undefined ? null : countTyped(bytes);
};

/** The parser, made if need be. */
export function useEngine() {
  if (engine !== null && !engine.isDead) return engine;
  if (module === null) {
    if (source === null) throw new NativeTypeError('HTMLRewriter is only there for handlers whose source names it.');
    module = compileOwn(source);
    source = null;
  }
  engine = new Engine(module);
  return engine;
}
