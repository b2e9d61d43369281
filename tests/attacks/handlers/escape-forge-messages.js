// Forges what the isolate's bootstrap tells the runtime: answers for other requests, logs, the end of everything.
import { attack, reply } from './lib/attack.js';

const FORGED = [
  [4, 1, 200, ['x-forged', '1'], true], [5, 1, new Uint8Array(8)], [6, 1], [10, 1], [12, 1, 1], [13, 'memory', ''], [1],
];

export default attack(() => {
  // On every object that has a postMessage, and as events on every target in reach.
  const ports = [new MessageChannel().port1, globalThis];
  for (let id = 0; id < 50; id++) {
    for (const message of FORGED) {
      message[1] = id;
      for (const port of ports) {
        try { MessagePort.prototype.postMessage.call(port, [message]); } catch { /* not this one */ }
        try { port.dispatchEvent(new MessageEvent('message', { data: [message] })); } catch { /* nor this */ }
      }
    }
  }
  return reply({ forged: 'refused: the answer is still mine' });
});
