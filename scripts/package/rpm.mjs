/*
 * The staged tree as an RPM. The one for EOS runs no scripts: EOS installs its extensions again at each boot. In the other one the scripts
 * of packaging/rpm/ start nothing either.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { COMPRESSION, CONFIGURATION_FILES } from './staging.mjs';

/** What Node.js asks of the system, by the names that every RPM of glibc and GCC provides. A package name would differ between distributions. */
const REQUIRES = 'libc.so.6(GLIBC_2.28)(64bit), libstdc++.so.6(GLIBCXX_3.4.21)(64bit), libgcc_s.so.1()(64bit)';

/** @param {{ root: string, architecture: string, forEos: boolean, tree: string, work: string, version: string, maintainer: string, summary: string, description: string, epoch: number, outdir: string }} options */
export function makeRpm({ root, architecture, forEos, tree, work, version, maintainer, summary, description, epoch, outdir }) {
  const top = join(work, forEos ? 'eos-rpm' : 'rpm');
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
Release: ${forEos ? '1.eos' : '1'}
Summary: ${summary}
License: Apache-2.0
Packager: ${maintainer}
AutoReqProv: no
Requires: ${REQUIRES}
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

${forEos ? '' : readFileSync(join(root, 'packaging/rpm/scripts.spec'), 'utf8')}
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
