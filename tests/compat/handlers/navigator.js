// navigator.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    userAgent: () => navigator.userAgent,
    kind: () => Object.prototype.toString.call(navigator),
    language: () => [navigator.language, navigator.languages],
    hardware: () => navigator.hardwareConcurrency,
    platform: () => navigator.platform,
    beacon: () => typeof navigator.sendBeacon,
    gpu: () => typeof navigator.gpu,
    storage: () => [typeof navigator.storage, typeof navigator.locks, typeof navigator.serviceWorker],
    assign: () => { navigator.userAgent = 'x'; return navigator.userAgent; },
  }),
};
