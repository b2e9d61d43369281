// request.cf as code reads it: behind a question mark.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    kind: () => typeof request.cf,
    country: () => typeof request.cf?.country,
    colo: () => typeof request.cf?.colo,
    named: () => new Request('https://a.example').cf,
  }),
};
