// performance.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    now: () => typeof performance.now(),
    origin: () => typeof performance.timeOrigin,
    mark: () => typeof performance.mark,
    measure: () => typeof performance.measure,
    entries: () => performance.getEntries(),
    json: () => Object.keys(performance.toJSON()),
    isTarget: () => performance instanceof EventTarget,
    tag: () => Object.prototype.toString.call(performance),
  }),
};
