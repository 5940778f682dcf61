import { RUNTIME_MODULE } from '../asyncify/lower/interface.ts';
import { MANIFEST_SECTION, type Manifest, ManifestError, manifestAmong } from '../asyncify/manifest.ts';

// Asking for custom sections copies them.
const known = new WeakMap<WebAssembly.Module, Manifest | null>();

/**
 * What a transformed module says of itself; null: it is no transformed module.
 *
 * @throws ManifestError where this version cannot run the module: its manifest is of another format or malformed, or it
 * imports from the runtime and has none, or it imports what others export for the runtime
 */
export function manifestOf(module: WebAssembly.Module): Manifest | null {
  let manifest = known.get(module);
  if (manifest !== undefined) return manifest;
  const imports = WebAssembly.Module.imports(module);
  const hidden = imports.find(({ name }) => name.startsWith('bobbin:'));
  if (hidden !== undefined) {
    throw new ManifestError('malformed', `the module imports "${hidden.name}", as no transform has it do`);
  }
  manifest = manifestAmong(WebAssembly.Module.customSections(module, MANIFEST_SECTION));
  if (manifest === null && imports.some((entry) => entry.module === RUNTIME_MODULE)) {
    const message = `the module imports from "${RUNTIME_MODULE}" and has no manifest: no transform of this version made it`;
    throw new ManifestError('missing', message);
  }
  known.set(module, manifest);
  return manifest;
}
