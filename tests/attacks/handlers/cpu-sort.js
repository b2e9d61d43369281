// Sorts with a comparator that never makes up its mind, over millions of elements.
import { attack } from './lib/attack.js';

export default attack(() => {
  const list = Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) % 3_000_017);
  for (;;) list.sort((a, b) => (Math.random() < 0.5 ? a - b : b - a));
});
