/** Put in by the build from package.json. */
declare const __VERSION__: string | undefined;

/** The version of the package; of code that was not built, what it is. */
export const VERSION: string = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0-unbuilt';
