// Builds a clock fine enough to watch other processes by: performance.now, event times, shared memory.
import { attack, reply } from './lib/attack.js';

const finest = (read) => {
  let least = Infinity;
  let last = read();
  for (const end = performance.now() + 30; performance.now() < end;) {
    const now = read();
    if (now > last) least = Math.min(least, now - last);
    last = now;
  }
  return least;
};

export default attack(() => {
  const results = {};
  const judge = (name, step) => {
    results[name] = `${step >= 0.09 ? 'refused' : 'REACHED'}: steps of ${step} ms`;
  };
  judge('now', finest(() => performance.now()));
  judge('event', finest(() => new Event('x').timeStamp));
  judge('date', finest(() => Date.now()));
  judge('mark', finest(() => performance.mark('x')?.startTime ?? 0));
  judge('native', finest(() => Reflect.getPrototypeOf(performance).now.call(performance)));
  judge('timeline', finest(() => performance.timeOrigin + performance.now()));
  judge('temporal', finest(() => Number(globalThis.Temporal?.Now.instant().epochNanoseconds ?? 0n) / 1e6));
  judge('file', finest(() => new File([], 'x').lastModified));
  results.shared = typeof SharedArrayBuffer === 'undefined' ? 'refused: no SharedArrayBuffer' : 'REACHED';
  try {
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    structuredClone(shared);
    results.sharedMemory = 'REACHED: a shared memory that can be sent';
  } catch (error) {
    results.sharedMemory = `refused: ${error}`;
  }
  results.isolated = globalThis.crossOriginIsolated ? 'REACHED' : 'refused: not isolated';
  return reply(results);
});
