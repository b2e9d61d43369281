// Globals of Node that recent Workers have.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    Buffer: () => typeof Buffer,
    process: () => typeof process,
    global: () => typeof global,
    Cloudflare: () => typeof Cloudflare,
  }),
};
