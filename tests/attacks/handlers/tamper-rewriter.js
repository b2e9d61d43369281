// Lies in wait for HTMLRewriter's parser: with hooks in all that its glue might call, with setters in the way of its
// fields, in the stack under its handlers.
import { expectLoot, probes } from './lib/attack.js';

const { Memory, Instance } = WebAssembly;
const { apply, defineProperty, deleteProperty, getOwnPropertyDescriptor } = Reflect;

/** Whether a value is the parser, or leads to it. */
const leads = (value) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  if (value instanceof Memory || value instanceof Instance || value instanceof WebAssembly.Global) return true;
  if (ArrayBuffer.isView(value)) return value.buffer.byteLength >= 5 * 65536 && value.buffer.byteLength % 65536 === 0;
  return getOwnPropertyDescriptor(value, 'rewriter_new') !== undefined
    || getOwnPropertyDescriptor(value, 'address') !== undefined;
};

const rewrite = (look = () => {}) => new HTMLRewriter()
  .on('p', {
    async element(element) {
      look();
      await null;
      for (const [name] of element.attributes) element.setAttribute(name, 'x');
      element.append(new Response(ReadableStream.from(['streamed'])));
    },
    text(chunk) { chunk.replace(chunk.text.toUpperCase()); },
  })
  .transform(new Response('<p a=b>text</p>'.repeat(3)))
  .text();

/** Rewrites with a hook in a method or a class; restores it. */
async function hooked(object, name) {
  const before = getOwnPropertyDescriptor(object, name);
  if (typeof before?.value !== 'function' || !before.configurable) throw new Error('no such function');
  const loot = [];
  const native = before.value;
  const note = (self, args) => {
    if (leads(self)) loot[loot.length] = `this of ${name}`;
    for (let i = 0; i < args.length; i++) if (leads(args[i])) loot[loot.length] = `argument of ${name}`;
  };
  function hook(...args) {
    note(this, args);
    return new.target === undefined ? apply(native, this, args) : Reflect.construct(native, args);
  }
  defineProperty(object, name, { ...before, value: hook });
  try {
    await rewrite();
  } finally {
    defineProperty(object, name, before);
  }
  return expectLoot(loot);
}

/** Rewrites with a setter for a field where plain objects inherit it. */
async function trapped(name) {
  const loot = [];
  defineProperty(Object.prototype, name, {
    configurable: true,
    get() { return undefined; },
    set(value) { if (leads(value) || leads(this)) loot[loot.length] = name; },
  });
  try {
    await rewrite();
  } finally {
    deleteProperty(Object.prototype, name);
  }
  return expectLoot(loot);
}

const FUNCTIONS = {
  instance: [WebAssembly, 'Instance'], memory: [WebAssembly, 'Memory'], module: [WebAssembly, 'Module'],
  promising: [WebAssembly, 'promising'], suspending: [WebAssembly, 'Suspending'], imports: [WebAssembly.Module, 'imports'],
  grow: [Memory.prototype, 'grow'], set: [Object.getPrototypeOf(Uint8Array.prototype), 'set'], bytes: [globalThis, 'Uint8Array'],
  subarray: [Object.getPrototypeOf(Uint8Array.prototype), 'subarray'], decode: [TextDecoder.prototype, 'decode'],
  encode: [TextEncoder.prototype, 'encode'], mapGet: [Map.prototype, 'get'], mapSet: [Map.prototype, 'set'], apply: [Reflect, 'apply'],
  call: [Function.prototype, 'call'], functionApply: [Function.prototype, 'apply'], bind: [Function.prototype, 'bind'],
  iterator: [Array.prototype, Symbol.iterator], push: [Array.prototype, 'push'], then: [Promise.prototype, 'then'],
  resolve: [Promise, 'resolve'], registry: [globalThis, 'FinalizationRegistry'], register: [FinalizationRegistry.prototype, 'register'],
  read: [ReadableStreamDefaultReader.prototype, 'read'], enqueue: [ReadableByteStreamController.prototype, 'enqueue'],
};

export default probes(() => ({
  // One after the other: each wants the realm to itself.
  async hooks() {
    const caught = [];
    for (const [name, [object, key]] of Object.entries(FUNCTIONS)) {
      try {
        caught.push(`${name}: ${await hooked(object, key)}`);
      } catch { /* refused */ }
    }
    for (const name of ['memory', 'address', 'stack', 'host', 'output', 'engine', 'job', 'body', 'callback', 'self', 'pending', 'get', 'value', 'maximum']) {
      try {
        caught.push(`${name}: ${await trapped(name)}`);
      } catch { /* refused */ }
    }
    return expectLoot(caught);
  },
  async frames() {
    const loot = [];
    await rewrite(() => {
      Error.prepareStackTrace = (_, sites) => {
        for (const site of sites) if (leads(site.getThis?.()) || leads(site.getFunction?.())) loot.push(String(site));
        return '';
      };
      Error.stackTraceLimit = 200;
      void new Error('look').stack;
      delete Error.prepareStackTrace;
    });
    return expectLoot(loot);
  },
  async forged() {
    let token;
    await new HTMLRewriter().on('p', { element(element) { token = element; } }).transform(new Response('<p>')).text();
    return new token.constructor(Symbol('make'), {}, {}, 8).tagName;
  },
  async kept() {
    let token;
    await new HTMLRewriter().on('p', { element(element) { token = element; } }).transform(new Response('<p>')).text();
    return token.before('x');
  },
}));
