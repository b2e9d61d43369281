// Takes memory that is neither heap nor buffer: wasm tables of millions of entries, and modules by the hundred.
import { attack, pause } from './lib/attack.js';

export default attack(async () => {
  const kept = [];
  for (;;) {
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 1_000_000 });
    table.grow(1_000_000);
    kept.push(table);
    await pause(1);
  }
});
