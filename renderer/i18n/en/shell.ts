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
  'files.tooLarge': '{{name}} is not opened: it is larger than {{limit}} MiB.',
  'files.modelAdded': '{{name}} is the model now',
} as const
