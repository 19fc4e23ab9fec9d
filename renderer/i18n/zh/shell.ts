import type { shell as english } from '../en/shell.ts'

export const shell: Record<keyof typeof english, string> = {
  'menu.file': '文件',
  'menu.edit': '编辑',
  'menu.view': '视图',
  'menu.run': '运行',
  'menu.path': '路径',
  'menu.window': '窗口',
  'menu.help': '帮助',
  'files.bad': '无法打开 {{name}}：{{reason}}',
  'files.tooLarge': '{{name}} 大于 {{limit}} MiB，因此未打开。',
  'files.modelAdded': '当前模型已改为 {{name}}',
}
