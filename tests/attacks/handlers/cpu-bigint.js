// Computes a power of a large number, again and again, in native code.
import { attack } from './lib/attack.js';

export default attack(() => {
  let value = 3n;
  for (;;) value = (value ** 7n) % (2n ** 100_000n);
});
