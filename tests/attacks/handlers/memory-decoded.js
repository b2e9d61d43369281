// Has the browser make the buffers: encoders, Blobs, bodies, streams, clones, random numbers.
import { attack, pause } from './lib/attack.js';

const kept = [];
const text = 'x'.repeat(2 << 20);

export default attack(async () => {
  for (;;) {
    kept.push(new TextEncoder().encode(text));
    kept.push(await new Response(text).arrayBuffer(), await new Blob([text]).arrayBuffer());
    kept.push(await new Response(text).bytes(), structuredClone(new Uint8Array(2 << 20)));
    for await (const chunk of new Blob([text]).stream()) kept.push(chunk);
    await pause(1);
  }
});
