// Spins in a wasm module's start function, inside instantiate().
import { attack, wasm } from './lib/attack.js';

const CODE = wasm(`
  00 61 73 6d 01 00 00 00  01 04 01 60 00 00  03 02 01 00
  08 01 00  0a 09 01 07 00 03 40 0c 00 0b 0b`);

export default attack(async () => { await WebAssembly.instantiate(CODE); });
