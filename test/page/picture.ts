import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from './browser.ts';
import { decodePng, type Picture } from './png.ts';

/** A folder for the screenshots; none by default. */
const IMAGES = process.env.DZD_PAGE_IMAGES;

/** A screenshot of the whole page, kept under that name where a folder is set. */
export async function picture(page: Page, name: string): Promise<Picture> {
  const file = await page.screenshot();
  if (IMAGES !== undefined) {
    mkdirSync(IMAGES, { recursive: true });
    writeFileSync(join(IMAGES, `${name}.png`), file);
  }
  return decodePng(file);
}

/** Runs in the page: by how many pixels it is wider than its window. */
export const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
