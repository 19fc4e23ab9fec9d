import type { app as en } from '../en/app.ts'

export const app: Record<keyof typeof en, string> = {
  'app.skip': '跳到主要内容',
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
  'crash.title': '无法显示此视图，运行本身不受影响。',
  'crash.retry': '重试',
  'field.range': '请输入 {{min}} 到 {{max}} 之间的数',

  'engine.connecting': '正在连接',
  'engine.open': '引擎就绪',
  'engine.lost': '连接断开，正在重连',
  'engine.closed': '已断开',
  'engine.restarting': '引擎启动中',
  'engine.stopped': '引擎已停止',
  'engine.restart': '重启引擎',

  'announce.waiting': '正在等待引擎',
  'announce.failed': '运行失败：{{message}}',
  'announce.ended': '已完成，未得到答案',
  'announce.done': '已完成。',
  'announce.answer': '已完成。答案：{{answer}}',
  'announce.summary': '正在写总结，已生成 {{tokens}}',
  'announce.paths_one': '{{count}} 条路径思考中，{{done}} 条已完成，共 {{tokens}}',
  'announce.paths_other': '{{count}} 条路径思考中，{{done}} 条已完成，共 {{tokens}}',

  'code.plain': '代码',
  'code.copyShort': '复制',
  'code.copy': '复制代码：{{name}}',

  'link.title': '打开此链接？',
  'link.ask': '此链接来自模型或文件，指向：',
  'link.open': '打开',
  'link.copy': '复制',
  'link.refused': 'Braid 不打开此类链接',

  'unit.speed': '{{speed}} 词元/秒',
  'unit.tokens_one': '{{shown}} 个词元',
  'unit.tokens_other': '{{shown}} 个词元',
  'unit.paths_one': '{{count}} 条路径',
  'unit.paths_other': '{{count}} 条路径',
  'unit.nats': '{{n}} nats',
}
