// Prints objects that have no end: deep, wide, circular, with getters that never return, proxies, throwing toString.
import { attack } from './lib/attack.js';

export default attack(() => {
  let deep = {};
  for (let i = 0; i < 100_000; i++) deep = { deep };
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key${i}`, i]));
  const circular = { list: [] };
  circular.list.push(circular, circular.list);
  let tree = ['leaf'];
  for (let i = 0; i < 40; i++) tree = [tree, tree];
  const trap = new Proxy({}, {
    get() { throw new Error('get'); },
    ownKeys() { throw new Error('ownKeys'); },
    getPrototypeOf() { throw new Error('getPrototypeOf'); },
  });
  const spinning = { get value() { for (;;); }, toString() { throw new Error('toString'); } };
  const named = Object.create({ constructor: { get name() { for (;;); } } });
  const all = [deep, wide, circular, tree, trap, spinning, named, [trap], new Map([[tree, tree]]), Symbol('s')];
  for (const value of all) {
    console.log(value);
    console.log('%o %j %s %d', value, 1, 2);
    console.dir(value);
    console.table([value]);
  }
  for (let i = 0; i < 5000; i++) {
    console.count(`label ${i}`);
    console.time(`timer ${i}`);
    console.group(`group ${i}`);
  }
  return new Response('printed');
});
