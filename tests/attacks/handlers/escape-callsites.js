// Reads the runtime's stack frames: Error.prepareStackTrace hands out functions and receivers in V8.
import { expectLoot, probes } from './lib/attack.js';

const loot = [];
const look = () => {
  Error.prepareStackTrace = (_, sites) => {
    for (const site of sites) {
      const name = site.getFunctionName?.() ?? '?';
      const own = ['look', 'fetch', 'run', 'attempt', 'sites', 'from'].some((word) => name.includes(word));
      for (const [what, value] of [['function', site.getFunction?.()], ['this', site.getThis?.()]]) {
        const isNone = value === undefined || value === null || value === globalThis;
        if (!isNone && !own) loot[loot.length] = `${what} of ${name}`;
      }
    }
    return '';
  };
  Error.stackTraceLimit = 200;
  void new Error('look').stack;
  delete Error.prepareStackTrace;
};
look();

export default probes((_, { request }) => {
  look();
  return {
    frames: () => expectLoot(loot),
    caller: () => look.caller,
    callee: () => (function from() { return arguments.callee; })(),
    ofGetter: () => {
      const init = { get headers() { look(); return {}; }, get status() { look(); return 200; } };
      void new Response('x', init);
      void new Request(request.url, { get method() { look(); return 'GET'; } });
      return expectLoot(loot);
    },
  };
});
