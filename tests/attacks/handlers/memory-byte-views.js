// Hoards in reads that never end: views that were handed to a stream to be filled, and memory that the stream asked for.
import { attack, pause } from './lib/attack.js';

const SIZE = 8 << 20;

export default attack(async () => {
  const kept = [];
  for (;;) {
    kept.push(new ReadableStream({ type: 'bytes' }).getReader({ mode: 'byob' }).read(new Uint8Array(SIZE).fill(1)));
    const filled = new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: SIZE,
      pull(controller) {
        controller.byobRequest.view.fill(1);
        return new Promise(() => {});
      },
    });
    kept.push(filled.getReader().read());
    for (let i = 0; i < 8; i++) new Uint8Array(1 << 20);
    await pause(5);
  }
});
