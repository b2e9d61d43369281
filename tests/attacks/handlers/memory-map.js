// Fills Maps, Sets and objects with keys that are all different.
import { attack } from './lib/attack.js';

export default attack(() => {
  const maps = [];
  for (let i = 0; ; i++) {
    if (i % 1_000_000 === 0) maps.unshift(new Map());
    maps[0].set(i, { i });
  }
});
