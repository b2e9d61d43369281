// Listeners on the global object for things that happen here.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    add: () => addEventListener('something', () => {}),
    dispatch: () => { let n = 0; const f = () => n++; addEventListener('mine', f); dispatchEvent(new Event('mine')); removeEventListener('mine', f); dispatchEvent(new Event('mine')); return n; },
  }),
};
