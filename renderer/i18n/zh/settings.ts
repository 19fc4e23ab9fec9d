import type { settings as en } from '../en/settings.ts'

export const settings: Record<keyof typeof en, string> = {
  'settings.title': '设置',
  'settings.look': '外观',
  'settings.theme': '主题',

  'theme.system': '跟随系统',
  'theme.light': '浅色',
  'theme.dark': '深色',

  'settings.language': '语言',
  'settings.languageSystem': '跟随系统',
  'settings.textSize': '字号',

  'text.small': '小',
  'text.normal': '标准',
  'text.large': '大',
  'text.larger': '特大',

  'settings.motion': '动效',
  'motion.system': '跟随系统',
  'motion.reduce': '减少',

  'settings.follow': '跟随实时文本',
  'settings.followHelp': '向上滚动总会暂停跟随。',
  'settings.followOn': '自动滚动新文本',
  'settings.titles': '标题',
  'settings.titlesHelp': '对较长的问题，在空闲时由作答的模型撰写。',
  'settings.titlesOn': '让模型撰写标题',
  'settings.programs': '答案中的程序',
  'settings.programsRun': '运行以比较',
  'settings.programsHelp':
    '对于要求代码的问题，Braid 在沙盒中运行各路径的程序，并选择结果与其他程序最一致的一个。程序无法访问文件和网络。',
  'settings.programsOn': '运行并比较程序',
  'settings.shortcuts': '快捷键',
  'settings.resetShortcuts': '全部重置',
  'settings.command': '命令',
  'settings.shortcut': '快捷键',
  'settings.actions': '操作',
  'settings.change': '更改“{{command}}”的快捷键',
  'settings.press': '请按下按键……',
  'settings.none': '无',
  'settings.conflict': '同时用于：{{commands}}',
  'settings.remove': '移除“{{command}}”的快捷键',
  'settings.reset': '重置“{{command}}”的快捷键',
  'settings.about': '关于',
  'settings.version': 'Braid',
  'settings.data': '数据文件夹',
  'settings.dataHelp':
    '运行和设置保存在此处。要使用其他文件夹，请在启动 Braid 之前设置 BRAID_DATA。',
}
