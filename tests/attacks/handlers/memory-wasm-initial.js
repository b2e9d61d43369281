// Asks for all of a wasm memory at once: 4 GiB to begin with, and again, in JavaScript and in a module.
import { attack, reply, wasm } from './lib/attack.js';

// (module (memory 65536))
const CODE = wasm('00 61 73 6d 01 00 00 00  05 05 01 00 80 80 04');

export default attack(async () => {
  const kept = [];
  const results = {};
  for (let i = 0; i < 20; i++) {
    try {
      kept.push(new WebAssembly.Memory({ initial: 65_536 }));
      new Uint8Array(kept.at(-1).buffer).fill(1, 0, 1 << 20);
    } catch (error) {
      results.javascript = `refused: ${error}`;
    }
    try {
      kept.push(await WebAssembly.instantiate(CODE));
    } catch (error) {
      results.module = `refused: ${error}`;
    }
  }
  return reply(results);
});
