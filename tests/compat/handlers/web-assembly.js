// WebAssembly from a module that was deployed.
import { probe } from './lib/probe.js';
import add from './lib/add.wasm';
export default {
  fetch: () => probe({
    kind: () => add instanceof WebAssembly.Module,
    sync: () => new WebAssembly.Instance(add).exports.add(2, 3),
    async: async () => (await WebAssembly.instantiate(add)).exports.add(2, 3),
    exports: () => WebAssembly.Module.exports(add),
    imports: () => WebAssembly.Module.imports(add),
    memory: () => { const m = new WebAssembly.Memory({ initial: 1 }); m.grow(1); return m.buffer.byteLength; },
    table: () => new WebAssembly.Table({ initial: 2, element: 'anyfunc' }).length,
    global: () => new WebAssembly.Global({ value: 'i32', mutable: true }, 5).value,
    validate: () => WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
    compileBytes: () => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
    compileAsync: async () => WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
    instantiateBytes: async () => WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])),
    tag: () => Object.prototype.toString.call(add),
    streaming: () => [typeof WebAssembly.compileStreaming, typeof WebAssembly.instantiateStreaming],
  }),
};
