// Gives every object a `then`, and answers with promises that settle twice, never, or into themselves.
import { attack } from './lib/attack.js';

const odd = [
  () => ({ then(done) { done(new Response('first')); done(new Response('second')); throw new Error('third'); } }),
  () => ({ then: (done) => done({ then: (next) => next(new Response('first')) }) }),
  () => ({ get then() { return (done) => done(new Response('first')); } }),
];
let turn = 0;

export default attack(() => {
  Object.defineProperty(Object.prototype, 'then', {
    configurable: true,
    get() {
      delete Object.prototype.then;
      return undefined;
    },
  });
  return odd[turn++ % odd.length]();
});
