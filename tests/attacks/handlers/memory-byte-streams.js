// Hoards what it reads out of byte streams: each has the memory of a chunk that was moved into it.
import { attack, pause } from './lib/attack.js';

const SIZE = 8 << 20;
const filled = () => new ReadableStream({
  type: 'bytes',
  start(controller) {
    controller.enqueue(new Uint8Array(SIZE).fill(1));
    controller.close();
  },
});

export default attack(async () => {
  const kept = [];
  for (;;) {
    kept.push((await filled().getReader().read()).value);
    for await (const chunk of filled()) kept.push(chunk);
    await filled().pipeTo(new WritableStream({ write(chunk) { kept.push(chunk); } }));
    await filled().pipeThrough(new TransformStream({ transform(chunk) { kept.push(chunk); } })).getReader().read();
    kept.push((await filled().getReader({ mode: 'byob' }).read(new Uint8Array(SIZE))).value);
    // The engine learns that the moved ones are gone.
    for (let i = 0; i < 8; i++) new Uint8Array(1 << 20);
    await pause(5);
  }
});
