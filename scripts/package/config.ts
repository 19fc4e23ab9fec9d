import { join } from 'node:path'
import type { Configuration } from 'electron-builder'
import { root } from '../renderer.ts'
import type { Staged } from './stage.ts'

const resources = join(root, 'electron', 'resources')

/** Fuses of Electron. Changing other files of an installed Braid cannot reverse them. */
export const FUSES = {
  runAsNode: false,
  enableCookieEncryption: true,
  enableNodeOptionsEnvironmentVariable: false,
  enableNodeCliInspectArguments: false,
  enableEmbeddedAsarIntegrityValidation: true,
  onlyLoadAppFromAsar: true,
  loadBrowserProcessSpecificV8Snapshot: false,
  grantFileProtocolExtraPrivileges: false,
} as const

/** electron-builder's configuration for the output of `stage`. Artefacts go to `release/`. */
export function configuration({ app, braid }: Staged, version: string): Configuration {
  return {
    appId: 'org.braid.workbench',
    productName: 'Braid',
    copyright: 'MIT licence',
    directories: { app, output: join(root, 'release'), buildResources: resources },
    electronVersion: version,
    // Everything is compiled in: electron-builder must neither look for npm packages nor rebuild them.
    beforeBuild: async () => false,
    asar: true,
    files: ['**/*'],
    extraResources: [{ from: braid, to: 'braid', filter: ['**/*'] }],
    electronLanguages: ['en-US', 'zh-CN'],
    electronFuses: { ...FUSES, resetAdHocDarwinSignature: true },
    artifactName: 'Braid-${version}-${os}-${arch}.${ext}',
    publish: null,
    fileAssociations: [
      {
        ext: 'gguf',
        name: 'GGUF model',
        description: 'Language model in GGUF',
        mimeType: 'application/x-gguf',
        role: 'Viewer',
      },
      {
        ext: 'braid',
        name: 'Braid run',
        description: 'Run of Braid',
        mimeType: 'application/x-braid-run',
        role: 'Editor',
      },
    ],
    linux: {
      target: ['AppImage', 'deb', 'tar.gz'],
      // `braid` is the command line.
      executableName: 'braid-desktop',
      syncDesktopName: true,
      icon: join(resources, 'icons'),
      category: 'Science',
      synopsis: 'Native parallel thinking with local models',
      maintainer: 'The Braid maintainers <maintainers@braid.invalid>',
      desktop: { entry: { StartupWMClass: 'Braid', Keywords: 'LLM;GGUF;reasoning;' } },
    },
    deb: {
      packageName: 'braid',
      afterInstall: join(root, 'scripts', 'package', 'after-install.sh'),
      afterRemove: join(root, 'scripts', 'package', 'after-remove.sh'),
    },
    win: { target: ['nsis', 'zip'], icon: join(resources, 'icon.ico') },
    nsis: {
      oneClick: false,
      perMachine: false,
      allowToChangeInstallationDirectory: true,
      license: join(root, 'LICENSE'),
    },
    mac: {
      target: ['dmg', 'zip'],
      icon: join(resources, 'icon.icns'),
      category: 'public.app-category.developer-tools',
      darkModeSupport: true,
      hardenedRuntime: true,
      gatekeeperAssess: false,
      entitlements: join(resources, 'entitlements.plist'),
      entitlementsInherit: join(resources, 'entitlements.plist'),
    },
  }
}
