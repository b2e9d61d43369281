// The parser behind HTMLRewriter: a wasm module of ours, whose other half is worker-wasm/html-rewriter. An isolate is
// given it if its handler names HTMLRewriter, and makes one instance of it at first use.
//
// Nothing that the module calls may throw: an exception would leave the frames of its parser without an end. Handlers
// see neither addresses nor memory.

import { readCounted } from './byte-streams.js';
import {
  Bytes, NativePromise, NativeRangeError, NativeStream, NativeTypeError, apply, bufferOf, cancelReader, copyBytes,
  getReader, getter, isLocked, lengthOf, microtask, min, ownMap, resolve, setBytes, then, uncurry,
} from './intrinsics.js';
import { countTyped, guard } from './memory.js';
import { SHORT, bytesOfChunk, encodeExactly, parserError, putAscii, readAscii } from './rewriter-text.js';
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

/** Frees the parsers of documents that nobody reads any more. */
const registry = new FinalizationRegistry(({ engine: owner, address }) => owner.free(address));
const register = registry.register.bind(registry);
const unregister = registry.unregister.bind(registry);

class Engine {
  isDead = false;
  #exports;
  #view = new Bytes(0);
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

  /** All of the module's memory. Growth detaches a view, which has no length then. */
  #memory() {
    if (lengthOf(this.#view) === 0) this.#view = new Bytes(bufferOfMemory(this.#exports.memory));
    return this.#view;
  }

  /** Leaves a text, and one behind it, for the next call; gives the first one's length in bytes. */
  put(text, more = '') {
    const size = text.length + more.length;
    // The browser's encoder costs more than most names and values are long.
    if (size <= SHORT) {
      const start = this.call('rewriter_input', size);
      const memory = this.#memory();
      if (putAscii(memory, start, text) && putAscii(memory, start + text.length, more)) return text.length;
    }
    guard(size);
    const bytes = encodeExactly(text);
    const behind = encodeExactly(more);
    const start = this.call('rewriter_input', lengthOf(bytes) + lengthOf(behind));
    setBytes(this.#memory(), bytes, start);
    setBytes(this.#memory(), behind, start + lengthOf(bytes));
    return lengthOf(bytes);
  }

  #putBytes(bytes) {
    const start = this.call('rewriter_input', lengthOf(bytes));
    setBytes(this.#memory(), bytes, start);
  }

  /** The text that the last call gave, or the bytes of it between two places. */
  text(from = 0, to = this.call('rewriter_output_length')) {
    const start = this.call('rewriter_output') + from;
    const short = to - from <= SHORT ? readAscii(this.#memory(), start, to - from) : null;
    return short ?? decodeAll(new Bytes(bufferOf(this.#memory()), start, to - from));
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
      this.call('rewriter_begin');
      for (let i = 0; i < registrations.length; i++) {
        const { selector, self, callbacks, mask } = registrations[i];
        const first = job.handlers.length;
        for (let k = 0; k < callbacks.length; k++) {
          job.handlers[first + k] = { __proto__: null, callback: callbacks[k], self };
        }
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
      setBytes(this.#memory(), piece, start);
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
      job.output[job.output.length] = countTyped(copyBytes(this.#memory(), start, start + length));
      job.size += length;
    } catch (error) {
      job.fail(error);
    }
  }

  #call(id, handler, kind, address) {
    const job = this.#running.get(id);
    if (job.isOver || this.isDead) return OUTCOME.STOP;
    const token = job.lend(kind, job, address);
    const { callback, self } = job.handlers[handler];
    const work = () => apply(callback, self, [token]);
    if (Suspending !== undefined) return this.#await(job, work, token);
    try {
      if (isThenable(work())) throw cannotWait();
    } catch (error) {
      job.fail(error);
    }
    job.end(token);
    return this.#outcome(job);
  }

  #content(id, content, sink) {
    const job = this.#running.get(id);
    if (job.isOver || this.isDead) return OUTCOME.STOP;
    const { body, html } = job.contents[content];
    job.contents[content] = undefined;
    try {
      if (body instanceof NativeStream) {
        if (Suspending === undefined) throw cannotWait();
        return this.#await(job, () => this.#pump(job, body, sink, html), null);
      }
      this.#sink(sink, body, html);
    } catch (error) {
      job.fail(error);
    }
    return this.#outcome(job);
  }

  #outcome(job) { return job.isOver || this.isDead ? OUTCOME.STOP : OUTCOME.DONE; }

  #sink(sink, bytes, html) {
    for (let at = 0; at < lengthOf(bytes); at += PIECE) {
      this.#putBytes(copyBytes(bytes, at, min(at + PIECE, lengthOf(bytes))));
      this.check(this.call('sink_write', sink, html));
    }
  }

  /** Writes a stream where the parser waits for it, as fast as the output is read. */
  async #pump(job, stream, sink, html) {
    if (isLocked(stream)) throw new NativeTypeError('The ReadableStream has been locked to a reader.');
    const reader = getReader(stream);
    for (;;) {
      const { done, value } = await readCounted(reader);
      if (done || job.isOver) break;
      this.#sink(sink, bytesOfChunk(value), html);
      if (job.size > 0) await job.drained();
      if (job.isOver) break;
    }
    // Of no effect on a stream that ended.
    await cancelReader(reader, job.error);
  }

  /**
   * Has the parser wait for work, which begins when the parser's frames are off the stack: V8's call sites would hand
   * the module to a handler that looks below itself. A token is the handler's until the work is done.
   */
  #await(job, work, token) {
    job.pending = new NativePromise((wake) => {
      const done = () => {
        if (token !== null) job.end(token);
        wake();
      };
      const failed = (error) => {
        job.fail(error);
        done();
      };
      job.wake = done;
      microtask(() => {
        if (job.isOver) return;
        try {
          const result = work();
          if (isThenable(result)) then(resolve(result), done, failed);
          else done();
        } catch (error) {
          failed(error);
        }
      });
    });
    return OUTCOME.PENDING;
  }

  /** Leaves a job's stack. Without integration of promises nobody asks for it. */
  #suspend(id) {
    const job = this.#running.get(id);
    job.pointer = valueOf(this.#pointer);
    setValue(this.#pointer, job.outer);
    return job.pending;
  }

  /** Comes back to it; how the work ended. */
  #resumed(id) {
    const job = this.#running.get(id);
    job.pending = null;
    job.wake = null;
    // Nobody's frames are below: promises are settled when no code runs.
    job.outer = this.#main;
    setValue(this.#pointer, job.pointer);
    return this.#outcome(job);
  }
}

const cannotWait = () => new NativeTypeError(
  'HTMLRewriter cannot wait for promises in this browser: it has no WebAssembly JavaScript Promise Integration.',
);

const isThenable = (value) =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') && typeof value.then === 'function';

/** The module's bytes, until it is compiled. */
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
