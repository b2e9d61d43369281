// Clones a large graph again and again, and keeps every clone.
import { attack } from './lib/attack.js';

export default attack(() => {
  const graph = Array.from({ length: 50_000 }, (_, i) => ({ i, bytes: new Uint8Array(64) }));
  const kept = [];
  for (;;) kept.push(structuredClone(graph));
});
