// Grows a wasm memory from inside of the module, in a loop that never comes back to JavaScript.
import { attack, reply, wasm } from './lib/attack.js';

// loop: at = memory.grow(256); memory.fill(at << 16, 1, 16 MiB)
const CODE = wasm(`
  00 61 73 6d 01 00 00 00  01 04 01 60 00 00  03 02 01 00  05 03 01 00 01
  07 08 01 04 67 72 6f 77 00 00
  0a 21 01 1f 01 01 7f 03 40 41 80 02 40 00 21 00 20 00 41 10 74 41 01 41 80 80 80 08 fc 0b 00 0c 00 0b 0b`);

export default attack(async () => {
  const { instance } = await WebAssembly.instantiate(CODE);
  try {
    instance.exports.grow();
  } catch (error) {
    return reply({ refused: `${error}` });
  }
});
