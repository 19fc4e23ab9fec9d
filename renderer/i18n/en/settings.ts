/** Settings. Plurals follow i18next: `_one`, `_other`. */
export const settings = {
  'settings.title': 'Settings',
  'settings.look': 'Appearance',
  'settings.theme': 'Theme',

  'theme.system': 'System',
  'theme.light': 'Light',
  'theme.dark': 'Dark',

  'settings.language': 'Language',
  'settings.languageSystem': 'System',
  'settings.textSize': 'Text size',

  'text.small': 'Small',
  'text.normal': 'Normal',
  'text.large': 'Large',
  'text.larger': 'Larger',

  'settings.motion': 'Motion',
  'motion.system': 'System',
  'motion.reduce': 'Reduced',

  'settings.follow': 'Follow live text',
  'settings.followHelp': 'Scrolling up always pauses it.',
  'settings.followOn': 'Auto-scroll new text',
  'settings.titles': 'Titles',
  'settings.titlesHelp':
    'For long questions, by the model that answered, while nothing else is at work.',
  'settings.titlesOn': 'Let the model write titles',
  'settings.programs': 'Programs in answers',
  'settings.programsRun': 'Compare by running',
  'settings.programsHelp':
    'For questions that ask for code, Braid runs the programs of the paths in a sandbox and chooses the one whose results agree most with the others. They reach no files and no network.',
  'settings.programsOn': 'Run and compare programs',
  'settings.shortcuts': 'Shortcuts',
  'settings.resetShortcuts': 'Reset all',
  'settings.command': 'Command',
  'settings.shortcut': 'Shortcut',
  'settings.actions': 'Actions',
  'settings.change': 'Change the shortcut of {{command}}',
  'settings.press': 'Press the keys …',
  'settings.none': 'none',
  'settings.conflict': 'also used by: {{commands}}',
  'settings.remove': 'Remove the shortcut of {{command}}',
  'settings.reset': 'Reset the shortcut of {{command}}',
  'settings.about': 'About',
  'settings.version': 'Braid',
  'settings.data': 'Data folder',
  'settings.dataHelp':
    'Runs and settings are stored here. To use another folder, set BRAID_DATA before you start Braid.',
} as const
