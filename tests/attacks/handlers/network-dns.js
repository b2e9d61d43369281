// Makes the browser look up a name, which tells its DNS server something.
import { probes } from './lib/attack.js';

const NAME = 'secret.tabmesh.invalid';

export default probes(() => ({
  link: () => Object.assign(document.createElement('link'), { rel: 'dns-prefetch', href: `//${NAME}` }),
  preconnect: () => import(`http://${NAME}/`),
  font: () => new FontFace('x', `url(http://${NAME}/)`).load(),
  worker: () => new Worker(`http://${NAME}/`),
  speculation: () => HTMLScriptElement.supports('speculationrules'),
  navigate: () => navigation.navigate(`http://${NAME}/`),
  hint: () => navigator.connection.effectiveType,
}));
