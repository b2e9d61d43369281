// Learns what tells one contributor's machine from another's: cores, memory, platform, language, renderer.
import { probes } from './lib/attack.js';

const unless = (plain, value) => {
  if (value === undefined || plain.includes(value)) throw new Error(`only told: ${value}`);
  return value;
};

export default probes(() => ({
  agent: () => unless(['Cloudflare-Workers', 'Tabmesh'], navigator.userAgent),
  cores: () => unless([1], navigator.hardwareConcurrency),
  memory: () => unless([], navigator.deviceMemory),
  platform: () => unless([''], navigator.platform),
  language: () => unless(['en', 'en-US'], navigator.language),
  heap: () => unless([], performance.memory?.jsHeapSizeLimit),
  origin: () => unless([0], performance.getEntriesByType('navigation').length),
  resources: () => unless([0], performance.getEntriesByType('resource').length),
  connection: () => unless([], navigator.connection?.rtt),
}));
