// Replaces Promise, its prototype and its species, to sit between every await and its value.
import { expectLoot, pause, probes } from './lib/attack.js';

const loot = [];
const Native = Promise;
const { MessagePort: Port, Reflect: reflect, Array: List } = globalThis;
const note = (value) => {
  if (value instanceof Port) loot[loot.length] = 'a port';
  else if (List.isArray(value) && typeof value[0] === 'number') loot[loot.length] = 'a message';
  else if (value !== null && typeof value === 'object' && 'invoke' in value) loot[loot.length] = 'the entry point';
  return value;
};
for (const name of ['then', 'catch', 'finally']) {
  const inner = Native.prototype[name];
  Native.prototype[name] = function evil(...values) {
    if (name === 'then') reflect.apply(inner, this, [note, () => {}]);
    return reflect.apply(inner, this, values);
  };
}
for (const name of ['resolve', 'reject', 'all', 'race', 'withResolvers']) {
  const inner = Native[name];
  Native[name] = function evil(...values) {
    note(values[0]);
    return reflect.apply(inner, this, values);
  };
}
class Evil extends Native {
  constructor(run) {
    super(run);
    loot[loot.length] = 'somebody made a promise of mine';
  }
}
// Promises of these come about whenever anybody calls `then`, ourselves included.
class Species extends Native {}
const mine = { configurable: true, get: () => Species };
reflect.defineProperty(Native.prototype, 'constructor', mine);
reflect.defineProperty(Native, Symbol.species, mine);
globalThis.Promise = Evil;

export default probes(() => ({ caught: async () => { await pause(5); return expectLoot(loot); } }));
