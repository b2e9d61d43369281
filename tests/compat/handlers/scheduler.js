// scheduler.wait.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    wait: async () => scheduler.wait(1),
    none: async () => scheduler.wait(),
    string: async () => scheduler.wait('1'),
    aborted: async () => scheduler.wait(1000, { signal: AbortSignal.abort() }),
    abortLater: async () => { const c = new AbortController(); setTimeout(() => c.abort(new RangeError('x')), 1); return scheduler.wait(5000, { signal: c.signal }); },
    postTask: () => typeof scheduler.postTask,
    yield: () => typeof scheduler.yield,
    kind: () => Object.prototype.toString.call(scheduler),
    constructors: () => [typeof Scheduler, typeof TaskController, typeof TaskSignal],
  }),
};
