// Replaces the methods of Map, Set, WeakMap and their iterators, where a runtime keeps its requests.
import { expectLoot, probes } from './lib/attack.js';

const loot = [];
const { Reflect: reflect, Object: object } = globalThis;
const isCall = (value) => value !== null && typeof value === 'object' && ('pending' in value || 'inbound' in value || 'credit' in value);
for (const Kind of [Map, Set, WeakMap, WeakSet, WeakRef, FinalizationRegistry]) {
  for (const key of reflect.ownKeys(Kind.prototype)) {
    const own = reflect.getOwnPropertyDescriptor(Kind.prototype, key);
    if (typeof own.value !== 'function' || key === 'constructor') continue;
    const inner = own.value;
    own.value = function evil(...values) {
      const result = reflect.apply(inner, this, values);
      if (isCall(values[1]) || isCall(values[0]) || isCall(result)) loot[loot.length] = `a request in ${Kind.name}.${String(key)}`;
      return result;
    };
    reflect.defineProperty(Kind.prototype, key, own);
  }
}
object.prototype.evilMark = undefined;
delete object.prototype.evilMark;

export default probes(() => ({ caught: () => expectLoot(loot) }));
