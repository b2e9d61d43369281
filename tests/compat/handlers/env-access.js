// env without bindings.
import { probe } from './lib/probe.js';
export default {
  fetch: (request, env, ctx) => probe({
    kind: () => typeof env,
    keys: () => Object.keys(env),
    missing: () => env.NOTHING,
  }),
};
