// node:process. The environment is what the handler's bindings have as text.

import { hrtime } from 'unenv/node/internal/process/hrtime';
import { nextTick } from 'unenv/node/internal/process/nexttick';
import { Process } from 'unenv/node/internal/process/process';
import { env as bindings } from './host.js';

const environment = {};
for (const [name, value] of Object.entries(bindings ?? {})) {
  if (typeof value === 'string') environment[name] = value;
  // JSON variables; other bindings have classes of their own.
  else if (typeof value !== 'object' || Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    environment[name] = JSON.stringify(value);
  }
}

const process = new Process({ env: environment, hrtime, nextTick });
process.platform = 'linux';
process.arch = 'x64';
process.title = 'tabmesh';
process.argv = ['tabmesh'];

export default process;
export const {
  abort, addListener, arch, argv, argv0, chdir, config, cpuUsage, cwd, emit, emitWarning, env, eventNames, execArgv,
  execPath, exit, features, getBuiltinModule, getMaxListeners, kill, listenerCount, listeners, memoryUsage, off, on, once,
  pid, platform, ppid, prependListener, prependOnceListener, rawListeners, release, removeAllListeners, removeListener,
  setMaxListeners, stderr, stdin, stdout, title, umask, uptime, version, versions,
} = process;
export { hrtime, nextTick };
