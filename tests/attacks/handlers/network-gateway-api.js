// Uses the gateway's own API: reads its metrics, deploys a handler, forges a tab, fetches another tenant's code.
import { opened, probes } from './lib/attack.js';

export default probes(({ gateway, isolateHash }) => ({
  metrics: () => fetch(`${gateway}/_mesh/metrics`),
  handlers: () => import(`${gateway}/_mesh/v1/handlers`, { with: { type: 'json' } }),
  deploy: () => fetch(`${gateway}/_mesh/v1/handlers/planted`, { method: 'PUT', body: 'export default {}' }),
  code: () => import(`${gateway}/_mesh/code/${'0'.repeat(64)}`),
  page: () => import(`${gateway}/_mesh/assets/${isolateHash}/worker.js`),
  signal: () => opened(WebSocket, `${gateway.replace('http', 'ws')}/_mesh/signal?role=tab`),
}));
