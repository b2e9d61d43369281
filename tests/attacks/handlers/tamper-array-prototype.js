// Replaces the methods and the iterator of arrays and typed arrays.
import { expectLoot, probes } from './lib/attack.js';

const loot = [];
const { MessagePort: Port, Array: List, Reflect: reflect, Symbol: symbol } = globalThis;
const Typed = reflect.getPrototypeOf(Uint8Array);
const note = (value) => {
  if (value instanceof Port) loot[loot.length] = 'a port';
  else if (List.isArray(value) && typeof value[0] === 'number' && typeof value[1] === 'number') {
    loot[loot.length] = 'a message';
  }
};
for (const prototype of [List.prototype, Typed.prototype, reflect.getPrototypeOf([][symbol.iterator]())]) {
  for (const key of reflect.ownKeys(prototype)) {
    const own = reflect.getOwnPropertyDescriptor(prototype, key);
    if (typeof own.value !== 'function' || key === 'constructor') continue;
    const inner = own.value;
    own.value = function evil(...values) {
      note(this);
      for (let i = 0; i < values.length; i++) note(values[i]);
      return reflect.apply(inner, this, values);
    };
    reflect.defineProperty(prototype, key, own);
  }
}

export default probes(() => ({ caught: () => expectLoot(loot) }));
