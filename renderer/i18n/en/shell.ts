/** The desktop window: its menus, and files that are given to it. */
export const shell = {
  'menu.file': 'File',
  'menu.edit': 'Edit',
  'menu.view': 'View',
  'menu.run': 'Run',
  'menu.path': 'Path',
  'menu.window': 'Window',
  'menu.help': 'Help',
  'files.bad': '{{name}} cannot be opened: {{reason}}',
  'files.tooLarge': '{{name}} was not opened because it is larger than {{limit}} MiB.',
  'files.modelAdded': '{{name}} is now the selected model',
} as const
