// Compiles large wasm modules without end: the compilers run on threads of their own, beside the isolate's.
import { attack } from './lib/attack.js';

const leb = (value) => {
  const bytes = [];
  do {
    const more = value > 127;
    bytes.push((value & 127) | (more ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return bytes;
};

function module(functions, seed) {
  const body = [0];
  for (let i = 0; i < 400; i++) body.push(0x41, (seed + i) & 63, 0x41, i & 63, 0x6c, 0x1a);
  body.push(0x0b);
  const code = [];
  for (let i = 0; i < functions; i++) code.push(...leb(body.length), ...body);
  const section = (id, content) => [id, ...leb(content.length), ...content];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [...leb(functions), ...Array(functions).fill(0)]), ...section(10, [...leb(functions), ...code]),
  ]);
}

export default attack(() => new Promise(() => {
  const compile = (seed) => {
    const next = () => compile(seed + 1);
    WebAssembly.compile(module(40, seed)).then(next, next);
  };
  for (let i = 0; i < 8; i++) compile(i);
}));
