// console has what code calls, and none of it throws.
import { probe } from './lib/probe.js';
const names = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'dirxml', 'table', 'group', 'groupCollapsed', 'groupEnd',
  'time', 'timeEnd', 'timeLog', 'count', 'countReset', 'assert', 'clear', 'profile', 'profileEnd', 'timeStamp', 'context', 'createTask'];
export default {
  fetch: () => probe({
    ...Object.fromEntries(names.map((name) => [name, () => typeof console[name]])),
    calls: () => { console.log('%s %o', 'a', { b: 1 }); console.table([[1]]); console.dir({}); console.assert(false, 'x'); console.count(); console.time('t');
      console.timeEnd('t'); console.group('g'); console.groupEnd(); console.error(new Error('on purpose')); return 'fine'; },
    bare: () => { const { log } = console; log('x'); return 'fine'; },
    tag: () => Object.prototype.toString.call(console),
  }),
};
