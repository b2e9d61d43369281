// Sends itself messages without end, a thousand in flight.
import { attack } from './lib/attack.js';

export default attack(() => new Promise(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => port1.postMessage(data);
  port2.onmessage = ({ data }) => port2.postMessage(data);
  for (let i = 0; i < 1000; i++) port1.postMessage(i);
}));
