// The tenants' frames: one per tenant, each in the best sandbox that this page's address has for it.
//
// This page only carries ports into frames; what runs in them never runs here.

import { Frame } from './frame.js';
import { opaqueSandbox, sandboxFor } from './sandbox.js';

/**
 * How long a frame may take to load, in ms. A cold one takes 40-200 ms; a busy machine may need seconds. Where another
 * kind of sandbox is left to try, it is tried while the runtime still waits (10 s).
 */
const PATIENCE = 10_000;
const PATIENCE_WITH_FALLBACK = 4000;

/**
 * @param {object} options
 * @param {string} options.hash of the isolate's files
 * @param {(isolate: number, reason: string, cause: 'memory'|'crash'|'error') => void} options.onLost is told of
 *   isolates that ended by themselves, never of killed ones
 * @param {(mode: 'origin'|'opaque') => void} [options.onMode] is told how tenants are shut in: soon after this call,
 *   and when that changes. 'opaque' as soon as one tenant is in such a sandbox
 * @param {string} [options.domain] the gateway's sandbox domain, perhaps with a port
 */
export function createFrames({
  hash, onLost, onMode = () => {}, domain = document.documentElement.dataset.sandboxDomain ?? '',
}) {
  const site = { hash, location, domain };
  const frames = new Map();
  /** Whether a tenant's own origin ever loaded: null before the first try. Where it did not, no other is tried. */
  let originsWork = null;
  let shown;

  const showMode = () => {
    const modes = [...frames.values()].map((frame) => frame.sandbox.mode);
    const mode = modes.includes('opaque') || originsWork === false ? 'opaque' : sandboxFor('default', site).mode;
    if (mode === shown) return;
    shown = mode;
    onMode(mode);
  };

  const open = (tenant, sandbox) => {
    const close = () => {
      frames.delete(tenant);
      return frame.remove();
    };
    const end = (reason, cause) => {
      for (const isolate of close().isolates) onLost(isolate, reason, cause);
    };
    const hasFallback = sandbox.mode === 'origin';
    const frame = new Frame(sandbox, hasFallback ? PATIENCE_WITH_FALLBACK : PATIENCE, {
      lost: onLost,
      ready: () => {
        if (sandbox.mode === 'origin') originsWork = true;
      },
      failed: () => {
        if (!hasFallback) {
          end('the sandbox frame did not load', 'error');
          return;
        }
        originsWork ??= false;
        const { waiting } = close();
        const instead = open(tenant, opaqueSandbox(hash, location));
        for (const [isolate, port] of waiting) instead.spawn(isolate, port);
      },
      crashed: () => end('the sandbox process ended', 'crash'),
    });
    frames.set(tenant, frame);
    showMode();
    return frame;
  };

  queueMicrotask(showMode);

  return {
    /** Makes an isolate Worker in the tenant's frame and hands it the port. */
    spawn(isolate, tenant, port) {
      const best = sandboxFor(tenant, site);
      if (best === null) {
        onLost(isolate, `'${tenant}' is no name of a tenant`, 'error');
        return;
      }
      const sandbox = originsWork === false ? opaqueSandbox(hash, location) : best;
      (frames.get(tenant) ?? open(tenant, sandbox)).spawn(isolate, port);
    },
    kill(isolate) {
      for (const frame of frames.values()) if (frame.kill(isolate)) return;
    },
    dispose(tenant) {
      frames.get(tenant)?.remove();
      frames.delete(tenant);
    },
  };
}
