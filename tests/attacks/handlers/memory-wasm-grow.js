// Grows a wasm memory from JavaScript, page by page, and writes to what it got.
import { attack, pause, reply } from './lib/attack.js';

export default attack(async () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  try {
    for (;;) {
      const at = memory.grow(256) << 16;
      new Uint8Array(memory.buffer, at).fill(1);
      await pause(1);
    }
  } catch (error) {
    return reply({ refused: `${error}`, pages: memory.buffer.byteLength >> 16 });
  }
});
