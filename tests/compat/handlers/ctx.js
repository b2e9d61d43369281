// The third argument.
//> GET /
import { probe } from './lib/probe.js';
export default {
  fetch: (request, env, ctx) => probe({
    methods: () => [typeof ctx.waitUntil, typeof ctx.passThroughOnException],
    props: () => ctx.props,
    waitUntil: () => ctx.waitUntil(Promise.resolve(1)),
    waitUntilValue: () => ctx.waitUntil(1),
    waitUntilNothing: () => ctx.waitUntil(),
    passThrough: () => ctx.passThroughOnException(),
    env: () => env,
    tag: () => Object.prototype.toString.call(ctx),
    bare: () => { const { waitUntil } = ctx; waitUntil(Promise.resolve()); },
    exports: () => typeof ctx.exports,
    abort: () => typeof ctx.abort,
  }),
};
