// Computes a power with millions of digits, in one call of native code.
import { attack } from './lib/attack.js';

export default attack(() => {
  let value = 3n;
  for (;;) value = (value ** 7n) % (2n ** 4_000_000n);
});
