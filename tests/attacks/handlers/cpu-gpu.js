// Loops on the graphics processor: shaders that never end, which a Worker's end does not stop.
import { attack, reply } from './lib/attack.js';

export default attack(async () => {
  const results = {};
  const gl = new OffscreenCanvas(64, 64).getContext('webgl2');
  results.webgl = gl === null ? 'refused: no context' : 'REACHED: a context';
  let device = null;
  try {
    device = await (await navigator.gpu?.requestAdapter())?.requestDevice();
  } catch { /* none */ }
  results.webgpu = device === null || device === undefined ? 'refused: no device' : 'REACHED: a device';
  return reply(results);
});
