// Imports the isolate's own modules by every name they might have, to speak with their closures.
import { probes } from './lib/attack.js';

const NAMES = ['tabmesh-isolate.js', './serve.js', './isolate.js', './lockdown.js', './handler.js', './console.js'];

export default probes(({ sandbox, isolateHash }) => {
  const attempts = {};
  for (const name of NAMES) {
    attempts[name] = () => import(name);
    attempts[`sandbox ${name}`] = async () => {
      const namespace = await import(new URL(name, `${sandbox}/_mesh/isolate/${isolateHash}/`).href);
      if (Reflect.ownKeys(namespace).length > 1) return Reflect.ownKeys(namespace);
      throw new Error('it was here already, and exports nothing');
    };
  }
  attempts.resolve = () => import(import.meta.resolve('./isolate.js'));
  return attempts;
});
