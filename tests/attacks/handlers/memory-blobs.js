// Hoards Blobs: their bytes lie in the browser's own process and then on its disk.
import { attack } from './lib/attack.js';

export default attack(async () => {
  const kept = [];
  for (let i = 0; ; i++) {
    const part = new Uint8Array(1 << 20).fill(i);
    const blob = new Blob(Array(16).fill(part));
    kept.push(blob, URL.createObjectURL?.(blob));
    await blob.slice(0, 1).arrayBuffer();
  }
});
