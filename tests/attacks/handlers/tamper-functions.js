// Replaces call, apply, bind and toString of functions, Reflect and Object's helpers, and instanceof.
import { expectLoot, probes } from './lib/attack.js';

const loot = [];
const { Reflect: reflect, Function: Native, MessagePort: Port } = globalThis;
const apply = reflect.apply;
const own = reflect.getOwnPropertyDescriptor;
const define = reflect.defineProperty;
const mine = new WeakSet();
function wrap(object, key, what) {
  const descriptor = own(object, key);
  if (typeof descriptor?.value !== 'function' || !descriptor.configurable) return;
  const inner = descriptor.value;
  descriptor.value = function evil(...values) {
    if (this instanceof Port || values[0] instanceof Port || values[1] instanceof Port) loot[loot.length] = `a port in ${what}.${String(key)}`;
    if (typeof this === 'function' && /native|postMessage|flush|send/.test(this.name)) loot[loot.length] = `${this.name} in ${what}.${String(key)}`;
    return apply(inner, this, values);
  };
  mine.add(descriptor.value);
  define(object, key, descriptor);
}
for (const key of ['call', 'apply', 'bind', 'toString']) wrap(Native.prototype, key, 'Function');
for (const key of ['apply', 'construct', 'get', 'set', 'deleteProperty', 'getPrototypeOf', 'ownKeys']) wrap(Reflect, key, 'Reflect');
for (const key of ['assign', 'keys', 'entries', 'getPrototypeOf', 'setPrototypeOf', 'defineProperty', 'freeze']) wrap(Object, key, 'Object');
define(Native.prototype, Symbol.hasInstance, { value: Native.prototype[Symbol.hasInstance] });

export default probes(() => ({ caught: () => expectLoot(loot) }));
