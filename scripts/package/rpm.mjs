/* The staged tree as an RPM, for EOS and other systems of that family, with the scripts of packaging/rpm/. They start nothing either. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { COMPRESSION, CONFIGURATION_FILES } from './staging.mjs';

const ARCHITECTURES = { x64: 'x86_64', arm64: 'aarch64' };

/** @param {{ root: string, tree: string, work: string, version: string, maintainer: string, summary: string, description: string, epoch: number, outdir: string }} options */
export function makeRpm({ root, tree, work, version, maintainer, summary, description, epoch, outdir }) {
  const architecture = ARCHITECTURES[process.arch];
  const top = join(work, 'rpm');
  mkdirSync(top);
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(tree, name)).isFile())
    .map((name) => `/${name}`)
    .sort();
  const spec = join(top, 'dzd-telemetry.spec');
  writeFileSync(
    spec,
    `Name: dzd-telemetry
Version: ${version.replaceAll('-', '~')}
Release: 1
Summary: ${summary}
License: Apache-2.0
Packager: ${maintainer}
AutoReqProv: no
Requires: glibc >= 2.28, libgcc, libstdc++
%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%global source_date_epoch_from_changelog 0
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _binary_payload w${COMPRESSION}.xzdio

%description
${description}

%install
mkdir -p %{buildroot}
cp -a ${tree}/. %{buildroot}/

${readFileSync(join(root, 'packaging/rpm/scripts.spec'), 'utf8')}
%files
%defattr(-,root,root,-)
%dir %attr(0755,root,root) /etc/dzd-telemetry
${files.map((path) => (CONFIGURATION_FILES.includes(path) ? `%config(noreplace) ${path}` : path)).join('\n')}
`,
  );
  execFileSync(
    'rpmbuild',
    ['-bb', '--quiet', '--nodeps', '--target', architecture, '--define', `_topdir ${top}`, '--define', '_buildhost localhost', spec],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) } },
  );
  const folder = join(top, 'RPMS', architecture);
  const [built = ''] = readdirSync(folder);
  const target = join(outdir, basename(built));
  copyFileSync(join(folder, built), target);
  return target;
}
