// Hides the loop in what others call: a toString, a getter and an iterator that never return.
import { attack } from './lib/attack.js';

let turn = 0;
const spinning = [
  () => new Response('x', { get headers() { for (;;); } }),
  () => new Response('x', { headers: { *[Symbol.iterator]() { for (;;) yield ['x', 'y']; } } }),
  () => ({ get then() { for (;;); } }),
  () => { throw { toString() { for (;;); }, get message() { for (;;); } }; },
];

export default attack(() => spinning[turn++ % spinning.length]());
