// Recurses until the stack ends, again and again, and catches it every time.
import { attack } from './lib/attack.js';

export default attack(() => {
  const trap = new Proxy({}, { get: (_, key, self) => self[key] });
  for (;;) {
    try { void trap.deeper; } catch { /* and once more */ }
  }
});
