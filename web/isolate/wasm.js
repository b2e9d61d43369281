// WebAssembly as handlers have it: every memory has a maximum within the isolate's limit, is counted, and is not
// shared.
//
// What a module declares itself is taken out of it (wasm-limits.js) and made here. Tables, globals and wasm objects
// live in the JavaScript heap and share its bound. Streaming compilation takes our own Response.

import {
  NativeTypeError, bytesOf, construct, create, define, getter, guardClass, now, ownMap, reject, sizeOfBuffer, then,
  uncurry,
} from './intrinsics.js';
import { countBuffer, exceed, guard, memoryLimit, setWasm, weighDown } from './memory.js';
import { MEMORIES, importMemories, limitsOf } from './wasm-limits.js';

const { Module, Instance, Memory, compile, instantiate, validate } = WebAssembly;
const { CompileError } = WebAssembly;
const { imports: importsOf, customSections } = Module;
const bufferOfMemory = getter(Memory.prototype, 'buffer');
const growMemory = uncurry(Memory.prototype.grow);
const deref = uncurry(WeakRef.prototype.deref);
const NativeWeakRef = WeakRef;
const toNumber = Number;
const toBigInt = BigInt;

const PAGE = 64 * 1024;
/**
 * Memories that may live. Each takes 10 GB of the 1 TB of address space that a process has for them, and in opaque
 * origins the tenants share a process. Collection is hurried on by what each weighs, in bytes.
 */
const MAX_LIVE = 32;
const WEIGHT = 16 * 1024 * 1024;
/** New memories after which all are looked at. */
const FRESH = 8;

/** Time between two looks at all memories, in ms. Whoever is looked at is not collected in that turn. */
const LOOK_EVERY = 100;

/** A memory that lives, and its size when last looked at. */
class Entry {
  reference;
  size = 0;
  constructor(memory) { this.reference = new NativeWeakRef(memory); }
}

const entries = ownMap();
let live = 0;
let total = 0;
let looked = -Infinity;
const registry = new FinalizationRegistry((entry) => {
  entries.delete(entry);
  live--;
  total -= entry.size;
  setWasm(total);
});
const register = registry.register.bind(registry);

const look = (entry) => {
  const memory = deref(entry.reference);
  if (memory === undefined) return;
  const size = sizeOfBuffer(bufferOfMemory(memory));
  total += size - entry.size;
  entry.size = size;
};

/** Looks how much is in wasm memories. Throws, as `guard` does, if that is too much. */
export function measureWasm() {
  if (live === 0 || now() - looked < LOOK_EVERY) return;
  looked = now();
  entries.forEach(look);
  setWasm(total);
}

/** Counts a new memory. */
function add(memory) {
  const entry = new Entry(memory);
  entries.set(entry, entry);
  register(memory, entry);
  live++;
  weighDown(memory, WEIGHT);
  look(entry);
  // Now and then within a turn, too: what was made before may have grown.
  if (live % FRESH === 0) {
    looked = -Infinity;
    measureWasm();
  }
  setWasm(total);
}

/** A memory of so many pages at first, and at most what is asked for and allowed. */
function makeMemory(wide, initial, maximum, newTarget) {
  guard(initial * PAGE);
  const most = memoryLimit() / PAGE;
  const pages = maximum >= 0 && maximum < most ? maximum : most - (most % 1);
  // Unlimited until code is loaded; the engine has its own maximum then.
  const number = (value) => (wide ? toBigInt(value) : value);
  const descriptor = { __proto__: null, initial: number(initial), address: wide ? 'i64' : 'i32' };
  if (pages !== Infinity) descriptor.maximum = number(pages);
  if (live >= MAX_LIVE) exceed(`more than ${MAX_LIVE} wasm memories`);
  const memory = construct(Memory, [descriptor], newTarget);
  add(memory);
  return memory;
}

/** `new WebAssembly.Memory(descriptor)`, which is read once. */
function memoryOf(descriptor, newTarget) {
  if (typeof descriptor !== 'object' || descriptor === null) return construct(Memory, [descriptor], newTarget);
  const { initial, minimum, maximum, shared, address } = descriptor;
  if (shared) throw new NativeTypeError('WebAssembly.Memory(): shared memory is not available');
  const first = toNumber(initial ?? minimum);
  const last = maximum === undefined ? -1 : toNumber(maximum);
  if (!(first >= 0 && first % 1 === 0) || !(last === -1 || (last >= first && last % 1 === 0))) {
    // The engine has the right error for it.
    return construct(Memory, [{ __proto__: null, initial, maximum: 0, address }], newTarget);
  }
  return makeMemory(address === 'i64', first, last, newTarget);
}

/** The import object for a module, with the memories that it had itself. */
function withMemories(module, given) {
  const wanted = importsOf(module);
  let own = null;
  for (let i = 0; i < wanted.length; i++) {
    const { module: from, name, kind } = wanted[i];
    if (from !== MEMORIES || kind !== 'memory') continue;
    const limits = limitsOf(name);
    if (limits === null) continue;
    own ??= create(null);
    own[name] = makeMemory(limits.wide, limits.initial, limits.maximum, Memory);
  }
  if (own === null) return given;
  const imports = create(typeof given === 'object' || typeof given === 'function' ? given : null);
  define(imports, MEMORIES, own);
  return imports;
}

/** A module's bytes with its memories taken out; what is no bytes at all is left to the engine to refuse. */
const limited = (source) => {
  const bytes = bytesOf(source);
  return bytes === null ? source : importMemories(bytes);
};

/** Compiles a module whose memories are limited. */
export const compileLimited = (source, options) => {
  try {
    return compile(limited(source), options);
  } catch (error) {
    return reject(error);
  }
};

/** Compiles a module of ours at once. */
export const compileOwn = (bytes) => new Module(importMemories(bytes));

/** Its exports; its memory counts as the handler's. */
export const instantiateOwn = (module, imports) => new Instance(module, withMemories(module, imports)).exports;

const instantiateLimited = (source, imports, options) => {
  try {
    if (bytesOf(source) === null) return instantiate(source, withMemories(source, imports));
    return then(compileLimited(source, options), (module) =>
      then(instantiate(module, withMemories(module, imports)), (instance) => ({ module, instance })));
  } catch (error) {
    return reject(error);
  }
};

/** Puts the limited classes and functions in place. */
export function guardWasm() {
  define(WebAssembly, 'Module', guardClass(Module, (_, args, newTarget) =>
    construct(Module, [limited(args[0]), args[1]], newTarget)));
  define(WebAssembly, 'Instance', guardClass(Instance, (_, args, newTarget) =>
    construct(Instance, [args[0], withMemories(args[0], args[1])], newTarget)));
  define(WebAssembly, 'Memory', guardClass(Memory, (_, args, newTarget) => memoryOf(args[0], newTarget)));
  define(WebAssembly, 'compile', compileLimited);
  define(WebAssembly, 'instantiate', instantiateLimited);
  define(WebAssembly, 'validate', (source, options) => {
    try {
      return validate(limited(source), options);
    } catch (error) {
      if (error instanceof CompileError) return false;
      throw error;
    }
  });
  define(WebAssembly, 'compileStreaming', async (source, options) =>
    compileLimited(await (await source).arrayBuffer(), options));
  define(WebAssembly, 'instantiateStreaming', async (source, imports, options) =>
    instantiateLimited(await (await source).arrayBuffer(), imports, options));

  define(Memory.prototype, 'grow', function grow(delta) {
    const pages = growMemory(this, delta);
    looked = -Infinity;
    measureWasm();
    return pages;
  });
  define(Module, 'imports', (module) => {
    const all = importsOf(module);
    const shown = [];
    for (let i = 0; i < all.length; i++) if (all[i].module !== MEMORIES) define(shown, shown.length, all[i]);
    return shown;
  });
  define(Module, 'customSections', (module, name) => {
    const sections = customSections(module, name);
    for (let i = 0; i < sections.length; i++) countBuffer(sections[i]);
    return sections;
  });
}
