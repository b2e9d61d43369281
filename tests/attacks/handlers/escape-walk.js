// Walks everything that can be reached from the global object, by properties and prototypes, in search of any power.
import { attack, reply } from './lib/attack.js';

const POWERS = new Set(`
  Worker SharedWorker WebSocketStream EventSource WebTransport XMLHttpRequest RTCPeerConnection RTCDataChannel
  RTCCertificate BroadcastChannel Notification IDBFactory IDBDatabase StorageManager LockManager
  ServiceWorkerContainer ServiceWorkerRegistration PushManager FileSystemDirectoryHandle FileSystemFileHandle
  StorageBucketManager CookieStore USB Serial HID Bluetooth NavigatorUAData NetworkInformation Permissions
  WorkerNavigator
  WorkerLocation ReportingObserver PressureObserver IdleDetector SharedArrayBuffer ShadowRealm
  importScripts fetchLater webkitRequestFileSystem ServiceWorker Ink MediaCapabilities WakeLock
`.trim().split(/\s+/));
const MAKERS = new Set(['eval', 'Function', 'AsyncFunction', 'GeneratorFunction', 'AsyncGeneratorFunction']);

function makesCode(value) {
  try {
    value('1');
    return true;
  } catch {
    return false;
  }
}

function walk(roots) {
  const found = [];
  const seen = new Set();
  const open = roots;
  while (open.length > 0 && seen.size < 30_000) {
    const [path, value] = open.pop();
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) continue;
    seen.add(value);
    let tag = '';
    try { tag = Object.prototype.toString.call(value).slice(8, -1); } catch { /* a revoked proxy */ }
    const name = typeof value === 'function' ? value.name : tag;
    if (POWERS.has(name)) found.push(`${path} is ${name}`);
    if (MAKERS.has(name) && makesCode(value)) found.push(`${path} makes code from strings`);
    if (tag === 'MessagePort' && path !== 'MessagePort.prototype') found.push(`${path} is a port`);
    open.push([`${path}.__proto__`, Reflect.getPrototypeOf(value)]);
    for (const key of Reflect.ownKeys(value)) {
      const at = `${path}.${String(key)}`;
      const own = Reflect.getOwnPropertyDescriptor(value, key);
      open.push([at, own.value], [`${at} (get)`, own.get], [`${at} (set)`, own.set]);
      if (own.get !== undefined) {
        try { open.push([at, Reflect.get(value, key, value)]); } catch { /* not on a prototype */ }
      }
    }
  }
  return { found, size: seen.size };
}

export default attack((request, env, ctx) => {
  const rejection = Promise.reject(new Error('x'));
  rejection.catch(() => {});
  const { found, size } = walk([
    ['globalThis', globalThis], ['request', request], ['env', env], ['ctx', ctx], ['error', new Error('x')],
    ['MessagePort.prototype', MessagePort.prototype], ['signal', request.signal], ['headers', request.headers],
    ['context', new OffscreenCanvas(1, 1).getContext('2d')], ['event', new MessageEvent('x')],
  ]);
  const isClean = size > 500 && found.length === 0;
  return reply({ [`${size} things`]: isClean ? 'refused: no power among them' : `REACHED: ${found}` });
});
