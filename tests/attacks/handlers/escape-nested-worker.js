// Starts Workers of its own, outside of what the runtime counts and ends.
import { probes } from './lib/attack.js';

const code = 'for (;;);';
const blob = () => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));

export default probes(({ isolateScript }) => ({
  blob: () => new Worker(blob()),
  module: () => new Worker(blob(), { type: 'module' }),
  data: () => new Worker(`data:text/javascript,${encodeURIComponent(code)}`),
  own: () => new Worker(isolateScript, { type: 'module' }),
  shared: () => new SharedWorker(blob()),
  sharedOwn: () => new SharedWorker(isolateScript),
  worklet: () => new AudioWorkletNode({}, 'x'),
  paint: () => CSS.paintWorklet.addModule(blob()),
  realm: () => new ShadowRealm(),
  inherited: () => new (Reflect.get(WorkerGlobalScope.prototype, 'Worker', globalThis))(blob()),
  storageWorklet: () => sharedStorage.worklet.addModule(blob()),
}));
