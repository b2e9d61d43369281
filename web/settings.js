// What the contributor lets this tab use: the rules for each value, where values come from, and how they are kept.
//
// Values come from the standard ones, then from this browser's storage, then from the page's address, then from the
// form. Other pages of this origin can write the storage (handlers called by path among them), so a stored value may
// only ask for less than the standard one. An address may ask for more: what it asks for stands in the sentence above
// the Start button. The runtime clamps everything once more.

const STORAGE_KEY = 'tabmesh.worker.settings';
/** Characters of a stored text that are looked at. Ours has a few hundred. */
const MAX_STORED = 4096;
/** Tenants that a tab may name to a gateway. */
const MAX_TENANTS = 32;

const TENANT = /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/;
const POOL = /^[a-z0-9-]{1,63}$/;

const format = new Intl.NumberFormat('en');

/** Whole numbers: title, unit, bounds, what counts unless somebody says otherwise. `query` names it in addresses. */
function numberRules(cores, deviceMemory) {
  // Half of what the machine has, where the browser tells (in GiB, rounded).
  const memory = deviceMemory > 0 ? Math.min(2048, Math.max(256, deviceMemory * 512)) : 2048;
  return {
    cpu: { query: 'cpu', title: 'Processor share', unit: '%', min: 5, max: 100, standard: 100 },
    cores: { query: 'cores', title: 'Cores', unit: '', min: 1, max: cores, standard: cores },
    memory: { query: 'memory', title: 'Memory', unit: 'MB', min: 256, max: 65_536, standard: memory },
    concurrency: { query: 'concurrency', title: 'Requests at once', unit: '', min: 1, max: 512, standard: 64 },
    isolates: { query: 'isolates', title: 'Functions loaded at once', unit: '', min: 1, max: 64, standard: 16 },
    cpuMs: { query: 'cpu-ms', title: 'Processor time per request', unit: 'ms', min: 10, max: 300_000, standard: 5000 },
  };
}

/** Yes or no. */
const SWITCHES = { onlyCharging: 'charging', notMetered: 'unmetered' };

const withUnit = (value, unit) => `${format.format(value)}${unit === '' ? '' : ` ${unit}`}`;

/** The tenants in a text, or the names that cannot be tenants. */
function tenantsIn(text) {
  const names = [...new Set(text.split(/[\s,]+/).filter((name) => name !== ''))];
  return { names, wrong: names.filter((name) => !TENANT.test(name)) };
}

/** Words of a stranger, short enough for a sentence. */
const quoted = (text) => `“${text.length > 24 ? `${text.slice(0, 24)}…` : text}”`;

export class Settings {
  /** Rules of the numbers, by key. */
  rules;
  /** Current values: numbers by the rules' keys, `onlyCharging`, `notMetered`, `tenants` (none: all), `pool`. */
  values;
  /** What was wrong with the address, as sentences by key. */
  problems = new Map();
  /** Whether the address asks for something that cannot be guessed, so that nothing may start by itself. */
  unclear = false;
  #storage;
  #kept = {};

  /**
   * @param {{query: URLSearchParams, cores: number, deviceMemory?: number, storage?: Storage}} options
   *   `storage` is missing where the browser forbids it
   */
  constructor({ query, cores, deviceMemory, storage }) {
    this.rules = numberRules(Math.max(1, Math.floor(cores) || 1), Number(deviceMemory) || 0);
    this.#storage = storage;
    this.values = this.standard();
    this.#restore();
    this.#readQuery(query);
  }

  /** The values of a tab that nobody changed. */
  standard() {
    const numbers = Object.entries(this.rules).map(([key, rule]) => [key, rule.standard]);
    return { ...Object.fromEntries(numbers), onlyCharging: false, notMetered: false, tenants: [], pool: 'default' };
  }

  /** The sentence that says which numbers a field takes. */
  range(key) {
    const { min, max, unit } = this.rules[key];
    return min === max ? `Only ${withUnit(min, unit)} here.` : `${format.format(min)} to ${withUnit(max, unit)}.`;
  }

  /**
   * Takes a value as a person wrote it.
   *
   * @param {string} key of a number, `tenants` or `pool`
   * @param {string} text
   * @returns {string|undefined} what was wrong with it; the nearest value that makes sense counts then
   */
  set(key, text) {
    if (key === 'tenants') return this.#setTenants(text);
    if (key === 'pool') return this.#setPool(text);
    const rule = this.rules[key];
    const value = text.trim() === '' ? NaN : Number(text);
    if (Number.isNaN(value)) return `Not a number; it stays at ${withUnit(this.values[key], rule.unit)}.`;
    this.values[key] = Math.min(rule.max, Math.max(rule.min, Math.round(value)));
    return value < rule.min || value > rule.max
      ? `${this.range(key)} It is ${withUnit(this.values[key], rule.unit)} now.`
      : undefined;
  }

  /** Turns `onlyCharging` or `notMetered` on or off. */
  setSwitch(key, on) {
    this.values[key] = on === true;
  }

  #setTenants(text) {
    const { names, wrong } = tenantsIn(text);
    if (wrong.length > 0) {
      return `${quoted(wrong[0])} is no tenant's name. Not taken.`;
    }
    if (names.length > MAX_TENANTS) return `${MAX_TENANTS} tenants at most. Not taken.`;
    this.values.tenants = names;
    return undefined;
  }

  #setPool(text) {
    if (!POOL.test(text.trim())) {
      return `${quoted(text)} is no pool's name. Not taken.`;
    }
    this.values.pool = text.trim();
    return undefined;
  }

  #readQuery(query) {
    const take = (key, name) => {
      const text = query.get(name);
      const problem = text === null ? undefined : this.set(key, text);
      if (problem !== undefined) this.problems.set(key, problem);
      return problem;
    };
    for (const [key, { query: name }] of Object.entries(this.rules)) take(key, name);
    for (const [key, name] of Object.entries(SWITCHES)) {
      if (query.has(name)) this.setSwitch(key, query.get(name) !== '0');
    }
    // A wrong number has a nearest one; a wrong name has none, and leaving it out would mean "all".
    const problems = [take('tenants', 'tenants'), take('pool', 'pool')];
    this.unclear = problems.some((problem) => problem !== undefined);
  }

  // ---- storage ----

  #restore() {
    const stored = this.#stored();
    for (const [key, { min, standard }] of Object.entries(this.rules)) {
      const value = stored[key];
      if (!Number.isInteger(value) || value < min || value >= standard) continue;
      this.values[key] = value;
      this.#kept[key] = value;
    }
    for (const key of Object.keys(SWITCHES)) {
      if (stored[key] !== true) continue;
      this.values[key] = true;
      this.#kept[key] = true;
    }
    if (typeof stored.tenants === 'string' && this.#setTenants(stored.tenants) === undefined) {
      this.#kept.tenants = stored.tenants;
    }
  }

  #stored() {
    try {
      const text = this.#storage?.getItem(STORAGE_KEY);
      if (typeof text !== 'string' || text.length > MAX_STORED) return {};
      const value = JSON.parse(text);
      return typeof value === 'object' && value !== null ? value : {};
    } catch {
      return {};
    }
  }

  /** Keeps the current value for the next visit. The pool and the token belong to an address, not to this browser. */
  keep(key) {
    if (key === 'pool') return;
    this.#kept[key] = key === 'tenants' ? this.values.tenants.join(',') : this.values[key];
    try {
      this.#storage?.setItem(STORAGE_KEY, JSON.stringify(this.#kept));
    } catch {
      // Full or forbidden: the values hold for this visit.
    }
  }

  /**
   * Back to the standard values, here and in storage.
   *
   * @param {string[]} except keys that cannot change any more
   */
  reset(except = []) {
    const still = Object.fromEntries(except.map((key) => [key, this.values[key]]));
    this.values = { ...this.standard(), ...still };
    this.#kept = {};
    try {
      this.#storage?.removeItem(STORAGE_KEY);
    } catch {
      // As in `keep`.
    }
  }

  /** Whether a value is more than what counts again after this visit. */
  isRaised(key) {
    return this.values[key] > this.rules[key]?.standard;
  }

  // ---- for others ----

  /** As the runtime takes them. */
  forRuntime() {
    const { cpu, cores, memory, concurrency, isolates, cpuMs, onlyCharging, notMetered, tenants } = this.values;
    return {
      cpuShare: cpu / 100, cores, memoryMb: memory, concurrency, isolates, cpuMs, onlyCharging, notMetered, tenants,
    };
  }

  /** What the tab may use, for a sentence: "4 processor cores at 50 % and 2 GB of memory". */
  summary() {
    const { cpu, cores, memory } = this.values;
    const processor = cores === 1 ? 'one processor core' : `${cores} processor cores`;
    const share = cpu < 100 ? ` at ${cpu} %` : '';
    return `${processor}${share} and ${amount(memory)} of memory`;
  }
}

/** @param {number} megabytes */
export function amount(megabytes) {
  return megabytes < 1024 ? `${format.format(Math.round(megabytes))} MB`
    : `${format.format(Math.round(megabytes / 102.4) / 10)} GB`;
}
