import type { AccountWrite, Commitment, Replica } from '../../bank/index.ts';
import type { News } from './subscription.ts';

/** Finds what is new since it was asked last; the first answer has nothing. */
export interface NewsReader {
  read(replica: Replica): ReadonlyMap<Commitment, News>;
}

const COMMITMENTS: readonly Commitment[] = ['processed', 'confirmed', 'finalized'];

/** Where one commitment's reader stands: a slot that can still be written, and what it has told of it. */
interface Cursor {
  readonly slot: number;
  readonly told: ReadonlyMap<AccountWrite['address'], AccountWrite['account']>;
}

/** Reads the chain's news by slot. A write is told once at each commitment; of several to one account between two looks, the newest. */
export function createNewsReader(): NewsReader {
  const cursors = new Map<Commitment, Cursor>();
  let newestBlock: number | undefined;

  return {
    read(replica) {
      const blocks = newestBlock === undefined ? [] : replica.blocksAfter(newestBlock);
      newestBlock = Number(replica.view('processed').slot);
      const news = new Map<Commitment, News>();
      for (const commitment of COMMITMENTS) {
        const view = replica.view(commitment);
        const slot = Number(view.slot);
        const cursor = cursors.get(commitment);
        const found = [...view.writtenSince(Math.min(cursor?.slot ?? slot, slot))];
        const writes = found.filter(({ address, account }) => !(cursor?.told.has(address) && cursor.told.get(address) === account));
        const told = new Map(found.filter((write) => write.slot === slot).map(({ address, account }) => [address, account]));
        cursors.set(commitment, { slot, told });
        news.set(commitment, { replica, view, blocks, writes: cursor === undefined ? [] : writes });
      }
      return news;
    },
  };
}
