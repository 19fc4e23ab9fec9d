import type { app as en } from '../en/app.ts'

export const app: Record<keyof typeof en, string> = {
  'app.skip': '跳到内容',
  'app.nav': '主导航',

  'action.cancel': '取消',
  'action.close': '关闭',
  'action.save': '保存',
  'action.undo': '撤销',
  'action.delete': '删除',
  'action.open': '打开',
  copied: '已复制',
  exported: '已保存 {{name}}',
  'toasts.title': '通知',
  'error.plain': '{{message}}',
  'crash.title': '此视图无法绘制。运行本身不受影响。',
  'crash.retry': '重试',
  'field.range': '{{min}} 到 {{max}}',

  'engine.connecting': '正在连接',
  'engine.open': '引擎就绪',
  'engine.lost': '引擎断开，正在重连',
  'engine.closed': '已断开',
  'engine.restarting': '引擎正在启动',
  'engine.stopped': '引擎已停止',
  'engine.restart': '重新启动',

  'announce.waiting': '正在等待引擎',
  'announce.failed': '运行失败：{{message}}',
  'announce.ended': '运行结束，没有答案',
  'announce.answer': '运行结束。答案：{{answer}}',
  'announce.summary': '正在写总结，已有 {{tokens}} 个词元',
  'announce.paths': '{{live}} 条路径思考中，{{over}} 条已结束，共 {{tokens}} 个词元',

  'link.title': '打开此链接？',
  'link.ask': '来自模型或文件的文本指向：',
  'link.open': '打开',
  'link.copy': '复制',
  'link.refused': '此链接不会被打开',

  'unit.speed': '{{speed}} 词元/秒',
  'unit.tokens_one': '{{shown}} 词元',
  'unit.tokens_other': '{{shown}} 词元',
  'unit.paths_one': '{{count}} 条路径',
  'unit.paths_other': '{{count}} 条路径',
  'unit.nats': '{{n}} nats',
}
