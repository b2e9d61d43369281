// The Worker in which the runtime lives, away from the page's main thread. Loads the wasm and gets out of the way.

/** Messages that arrive while the wasm loads. `start` takes them and then listens for itself. */
const early = [];
self.onmessage = (event) => early.push(event.data);

try {
  const { default: init, start } = await import('./runtime/runtime.js');
  await init({ module_or_path: new URL('./runtime/runtime_bg.wasm', import.meta.url) });
  start(early);
} catch (error) {
  self.postMessage({ op: 'state', state: 'error', detail: `The runtime did not load. ${error?.message ?? error}` });
}
