// Replaces the methods of Map, Set, WeakMap and their iterators, where a runtime keeps its requests.
import { expectLoot, probes } from './lib/attack.js';

const loot = [];
const { Reflect: reflect } = globalThis;
const isObject = (value) => value !== null && typeof value === 'object';
const isCall = (value) => isObject(value) && ('pending' in value || 'inbound' in value || 'credit' in value);
for (const Kind of [Map, Set, WeakMap, WeakSet, WeakRef, FinalizationRegistry]) {
  for (const key of reflect.ownKeys(Kind.prototype)) {
    const own = reflect.getOwnPropertyDescriptor(Kind.prototype, key);
    if (typeof own.value !== 'function' || key === 'constructor') continue;
    const inner = own.value;
    own.value = function evil(...values) {
      const result = reflect.apply(inner, this, values);
      if (isCall(values[1]) || isCall(values[0]) || isCall(result)) loot[loot.length] = `a request in ${Kind.name}`;
      return result;
    };
    reflect.defineProperty(Kind.prototype, key, own);
  }
}

export default probes(() => ({ caught: () => expectLoot(loot) }));
