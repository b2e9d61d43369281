// What runs later: timers, immediates, and the message channels of handlers.
//
// A channel of ours is JavaScript and not the browser's: what waits in it is in the heap and counted, and no handler
// gets hold of a real port. Every task begins a turn of the clock.

import {
  NativeTypeError, apply, bareArray, defineGlobal, getter, listenTo, ownMap, uncurry,
} from './intrinsics.js';

const postOnPort = uncurry(MessagePort.prototype.postMessage);
const eventData = getter(MessageEvent.prototype, 'data');
const NativeMessageEvent = MessageEvent;
const dispatch = uncurry(EventTarget.prototype.dispatchEvent);

/** Runs functions as tasks of their own, without the 4 ms that browsers add to nested timers. */
function createTasks(begin) {
  const waiting = ownMap();
  const { port1, port2 } = new MessageChannel();
  let last = 0;
  listenTo(port1, 'message', (event) => {
    const id = eventData(event);
    const task = waiting.get(id);
    if (task === undefined) return;
    waiting.delete(id);
    begin();
    task();
  });
  port1.start();
  return {
    later(task) {
      waiting.set(++last, task);
      postOnPort(port2, last);
      return last;
    },
    never: (id) => void waiting.delete(id),
  };
}

function addImmediates({ later, never }) {
  defineGlobal('setImmediate', (callback, ...args) => {
    if (typeof callback !== 'function') throw new NativeTypeError('setImmediate needs a function');
    return later(() => apply(callback, undefined, args));
  });
  defineGlobal('clearImmediate', never);
}

/** Timers begin a turn; a string is no function. */
function guardTimers(begin) {
  for (const name of ['setTimeout', 'setInterval']) {
    const native = globalThis[name].bind(globalThis);
    defineGlobal(name, { [name](callback, delay, ...args) {
      if (typeof callback !== 'function') throw new NativeTypeError(`${name} needs a function`);
      return native(() => {
        begin();
        apply(callback, globalThis, args);
      }, delay);
    } }[name]);
  }
}

/** Workers' scheduler has `wait` and nothing else. */
function replaceScheduler() {
  const { setTimeout, clearTimeout, Promise } = globalThis;
  const wait = (milliseconds, options) => new Promise((done, failed) => {
    if (milliseconds === undefined) throw new NativeTypeError('scheduler.wait() needs a number of milliseconds');
    const signal = options?.signal;
    if (signal?.aborted) {
      failed(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      failed(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      done();
    }, milliseconds);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  class Scheduler {
    wait(milliseconds, options) { return wait(milliseconds, options); }
    get [Symbol.toStringTag]() { return 'Scheduler'; }
  }
  defineGlobal('scheduler', new Scheduler());
}

function replaceChannels({ later }) {
  const MAKE = Symbol('make');
  const clone = globalThis.structuredClone;
  let link;

  class MessagePort extends EventTarget {
    #other = null;
    #queue = bareArray();
    #isOpen = false;
    #isClosed = false;
    #handler = null;

    constructor(key) {
      if (key !== MAKE) throw new NativeTypeError('Illegal constructor');
      super();
      listenTo(this, 'message', (event) => {
        if (this.#handler !== null) apply(this.#handler, this, [event]);
      });
    }

    postMessage(message, options) {
      const transfer = options?.transfer ?? options;
      const data = transfer === undefined ? clone(message) : clone(message, { __proto__: null, transfer });
      if (this.#isClosed || this.#other.#isClosed) return;
      this.#other.#take(data);
    }

    #take(data) {
      if (this.#isOpen) later(() => this.#deliver(data));
      else this.#queue[this.#queue.length] = data;
    }

    #deliver(data) {
      if (!this.#isClosed) dispatch(this, new NativeMessageEvent('message', { __proto__: null, data }));
    }

    start() {
      if (this.#isOpen || this.#isClosed) return;
      this.#isOpen = true;
      const queue = this.#queue;
      this.#queue = bareArray();
      for (let i = 0; i < queue.length; i++) this.#take(queue[i]);
    }

    close() {
      this.#isClosed = true;
      this.#queue = bareArray();
    }

    get onmessage() { return this.#handler; }
    set onmessage(handler) {
      this.#handler = typeof handler === 'function' ? handler : null;
      this.start();
    }
    // Nothing that was cloned can fail to arrive.
    get onmessageerror() { return null; }
    set onmessageerror(_) {}
    get [Symbol.toStringTag]() { return 'MessagePort'; }

    static {
      link = (a, b) => {
        a.#other = b;
        b.#other = a;
      };
    }
  }

  class MessageChannel {
    #port1 = new MessagePort(MAKE);
    #port2 = new MessagePort(MAKE);
    constructor() { link(this.#port1, this.#port2); }
    get port1() { return this.#port1; }
    get port2() { return this.#port2; }
    get [Symbol.toStringTag]() { return 'MessageChannel'; }
  }

  defineGlobal('MessagePort', MessagePort);
  defineGlobal('MessageChannel', MessageChannel);
}

/**
 * Puts timers, immediates and channels in place. After `structuredClone` has its guard.
 *
 * @param {() => void} begin told that a turn begins
 */
export function guardTasks(begin) {
  const tasks = createTasks(begin);
  replaceChannels(tasks);
  addImmediates(tasks);
  guardTimers(begin);
  replaceScheduler();
}
