// Allocates by every constructor and method that makes a buffer: typed arrays, from, of, species, slice, toReversed.
import { attack } from './lib/attack.js';

class Loud extends Uint8Array { static get [Symbol.species]() { return Float64Array; } }
const SIZE = 1 << 20;
const makers = [
  () => new Float64Array(SIZE), () => Uint8Array.from({ length: SIZE }, () => 1), () => new Loud(SIZE).map(() => 1),
  () => new Uint32Array(SIZE).slice(), () => new Uint8Array(SIZE).toReversed(), () => new BigUint64Array(SIZE).fill(1n),
  () => new Uint8Array(new Uint8Array(SIZE)), () => new Uint8Array(SIZE).buffer.slice(0),
  () => new Uint8Array(SIZE).with(0, 1),
  () => Reflect.construct(ArrayBuffer, [SIZE]), () => new (class extends ArrayBuffer {})(SIZE),
  () => new (new Uint8Array(1).constructor)(SIZE), () => new (new Uint8Array(1).buffer.constructor)(SIZE),
];

export default attack(async () => {
  const kept = [];
  for (let i = 0; ; i++) {
    kept.push(makers[i % makers.length]());
    if (i % makers.length === 0) await null;
  }
});
