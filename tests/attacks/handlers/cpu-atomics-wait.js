// Sleeps on shared memory: Atomics.wait blocks the thread and uses no processor time at all.
import { attack, reply } from './lib/attack.js';

export default attack(() => {
  let shared;
  try {
    shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer;
  } catch (error) {
    return reply({ shared: `refused: ${error}` });
  }
  Atomics.wait(new Int32Array(shared), 0, 0);
  return reply({ woke: 'REACHED' });
});
