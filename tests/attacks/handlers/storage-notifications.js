// Asks for the contributor's attention and devices: notifications, permissions, USB, serial, HID, clipboard.
import { probes } from './lib/attack.js';

export default probes(() => ({
  notification: () => new Notification('evil'),
  permission: () => Notification.requestPermission(),
  permissions: () => navigator.permissions.query({ name: 'geolocation' }),
  usb: () => navigator.usb.getDevices(),
  serial: () => navigator.serial.getPorts(),
  hid: () => navigator.hid.getDevices(),
  clipboard: () => navigator.clipboard.readText(),
  pressure: () => new PressureObserver(() => {}).observe('cpu'),
  idle: () => new IdleDetector().start(),
  media: () => navigator.mediaDevices.enumerateDevices(),
  capabilities: () => navigator.mediaCapabilities.decodingInfo({}),
  memory: () => { if (navigator.deviceMemory === undefined) throw new Error('not told'); },
  agent: () => navigator.userAgentData.getHighEntropyValues(['platform']),
}));
