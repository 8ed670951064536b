export * from './units.ts';
export * from './user.ts';
