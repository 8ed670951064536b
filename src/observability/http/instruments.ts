import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Every value of each label that is known beforehand; an empty list where only use can tell. */
export type LabelValues<L extends string> = Readonly<Record<L, readonly string[]>>;

type SetGauge<L extends string> = (value: number, labels?: Readonly<Record<L, string>>) => void;

/** Makes metrics in one registry, their names prefixed, their label sets complete from the start. */
export interface Instruments {
  counter<L extends string = never>(name: string, help: string, labels?: LabelValues<L>): Counter<L>;
  histogram<L extends string = never>(name: string, help: string, buckets: readonly number[], labels?: LabelValues<L>): Histogram<L>;
  gauge(name: string, help: string): Gauge;
  /** A gauge that is read at each scrape; what was read before and is not read again is gone. */
  reading<L extends string = never>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames?: readonly L[]): void;
  /** A counter that somebody else keeps, read at each scrape. Begins anew when its keeper does, as Prometheus expects of counters. */
  counting<L extends string = never>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames?: readonly L[]): void;
}

export const PREFIX = 'dzd_telemetry_';

/** `prefix` is empty for names that are not ours to choose. */
export function createInstruments(registry: Registry, prefix = PREFIX): Instruments {
  const registers = [registry];
  return {
    counter(name, help, labels) {
      const made = new Counter({ name: prefix + name, help, labelNames: namesOf(labels), registers });
      for (const set of labelSets(labels)) made.inc(set, 0);
      return made;
    },
    histogram(name, help, buckets, labels) {
      const made = new Histogram({ name: prefix + name, help, buckets: [...buckets], labelNames: namesOf(labels), registers });
      if (labels !== undefined) for (const set of labelSets(labels)) made.zero(set);
      return made;
    },
    gauge: (name, help) => new Gauge({ name: prefix + name, help, registers }),
    reading<L extends string>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames: readonly L[] = []) {
      new Gauge<L>({
        name: prefix + name,
        help,
        labelNames: [...labelNames],
        registers,
        collect() {
          if (labelNames.length === 0) this.remove();
          else this.reset();
          read((value, labels) => (labels === undefined ? this.set(value) : this.set(labels, value)));
        },
      });
    },
    counting<L extends string>(name: string, help: string, read: (set: SetGauge<L>) => void, labelNames: readonly L[] = []) {
      new Counter<L>({
        name: prefix + name,
        help,
        labelNames: [...labelNames],
        registers,
        collect() {
          this.reset();
          read((value, labels) => (labels === undefined ? this.inc(value) : this.inc(labels, value)));
        },
      });
    },
  };
}

function namesOf<L extends string>(labels: LabelValues<L> | undefined): L[] {
  const names: L[] = [];
  for (const name in labels) names.push(name);
  return names;
}

/** Every combination of the values; none as long as a label's values are not known. */
function labelSets<L extends string>(labels: LabelValues<L> | undefined): readonly Partial<Record<L, string>>[] {
  let sets: readonly Partial<Record<L, string>>[] = [{}];
  for (const name in labels) {
    const values = labels[name];
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value })));
  }
  return sets;
}
