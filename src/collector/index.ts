export { neighborKeyText, type SwitchSource } from './switch-source.ts';
