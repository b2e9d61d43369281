// Throws what breaks those who look at it: getters that throw, proxies, cycles, giants, errors that never end.
import { attack } from './lib/attack.js';

const evil = () => new Proxy({}, {
  get() { throw new Error('get'); },
  ownKeys() { throw new Error('keys'); },
  getPrototypeOf() { throw new Error('prototype'); },
});
const cycle = () => {
  const error = new Error('cycle');
  error.cause = error;
  error.errors = [error];
  return error;
};
const endless = () => {
  const error = new Error('endless');
  Object.defineProperty(error, 'cause', { get: endless });
  return error;
};
const thrown = [
  () => null, () => undefined, () => Symbol('s'), () => 0n, () => evil(), () => cycle(), () => endless(),
  () => Object.assign(new Error('x'.repeat(1 << 20)), { name: 'y'.repeat(1 << 20) }),
  () => Object.defineProperty(new Error('m'), 'message', { get() { throw evil(); } }),
  () => Object.defineProperty(new Error('s'), 'stack', { get() { throw evil(); } }),
  () => Object.assign(new Error('f'), { toString: () => evil(), name: evil(), stack: evil() }),
  () => Object.create(Error.prototype, { name: { get() { throw 1; } } }),
  () => new AggregateError(Array.from({ length: 10_000 }, () => cycle())),
  () => new DOMException('forged\nERROR tabmesh: forged line', 'AbortError'),
];
let turn = 0;

export default attack(() => { throw thrown[turn++ % thrown.length](); });
