// Fills the JavaScript heap with arrays.
import { attack } from './lib/attack.js';

export default attack(() => {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill(kept.length));
});
