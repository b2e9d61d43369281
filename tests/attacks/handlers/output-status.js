// Answers with status codes that are none.
import { probes } from './lib/attack.js';

export default probes(() => {
  const attempts = {};
  for (const status of [0, 1, 99, 100, 103, 600, 999, 1000, -1, 65_736, 2 ** 32 + 200, Infinity, '2e2x', {}]) {
    attempts[`status ${String(status)}`] = () => {
      const response = new Response(null, { status });
      if (response.status >= 200 && response.status < 600) throw new Error(`made ${response.status} of it`);
      return response.status;
    };
  }
  return attempts;
});
