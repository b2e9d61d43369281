// Queuing strategies.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    count: () => { const s = new CountQueuingStrategy({ highWaterMark: 3 }); return [s.highWaterMark, s.size()]; },
    bytes: () => { const s = new ByteLengthQueuingStrategy({ highWaterMark: 3 }); return [s.highWaterMark, s.size(new Uint8Array(5))]; },
    none: () => new CountQueuingStrategy(),
  }),
};
